"""What a trust may say: of any issuer, and of those whose tokens are known.

A condition that is too wide lets strangers in: GitHub signs tokens for everybody's repositories, Google for everybody's
machines, Azure for everybody's tenants. So what has to be pinned there is asked for here, whoever fills the form in.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.conf import settings

from hq.lib.errors import Invalid
from hq.lib.workload_tokens import ClaimValue
from workloads.models import Trust

MOST_ISSUER = 2000
MOST_AUDIENCE = 255
MOST_SUBJECT = 2048
MOST_CLAIMS = 10
MOST_NAME = 255
MOST_VALUE = 1000
# Claims with a check of their own.
CHECKED: Final = frozenset({"iss", "sub", "aud", "exp", "iat", "nbf", "jti"})
# Kinds whose tokens have an id of their own, and are asked for anew each time.
ONCE: Final = frozenset({Trust.Kind.AWS, Trust.Kind.GITHUB})

_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_GITHUB: Final = re.compile(
    r"https://token\.actions\.(?:githubusercontent\.com(?:/[A-Za-z0-9][A-Za-z0-9-]*)?|[a-z0-9-]+\.ghe\.com)"
)
_REPOSITORY: Final = re.compile(r"repo:[^/:*?\s]+/[^/:*?\s]+:[^*\s][^*]*")
_AZURE: Final = re.compile(
    r"https://(?:login\.microsoftonline\.(?:com|us)|login\.partner\.microsoftonline\.cn)/"
    rf"(?P<v2>{_GUID})/v2\.0|https://sts\.windows\.net/(?P<v1>{_GUID})/"
)
_AWS: Final = re.compile(r"https://[0-9A-Za-z-]+\.tokens\.sts\.[a-z0-9-]+\.api\.aws")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:(?:role|user)/[\w+=,.@/-]+", re.ASCII)
_GCP: Final = "https://accounts.google.com"
_POD: Final = re.compile(r"system:serviceaccount:[a-z0-9][-a-z0-9]{0,62}:[a-z0-9][-.a-z0-9]{0,252}")


class BadTrust(Invalid):
    """The trust cannot be kept like this."""

    def __init__(self, message: str = "", *, pointer: str = "") -> None:
        super().__init__(message, errors=[{"pointer": pointer, "detail": message}] if pointer else [])


def checked_conditions(
    kind: str, *, issuer: str, audience: str, subject: str, claims: Mapping[str, Any]
) -> dict[str, Any]:
    """The conditions as they are kept, with what this kind pins besides.

    Raises:
        BadTrust: with a sentence on what is wrong.
    """
    if kind not in Trust.Kind.values:
        raise BadTrust("There is no such platform.", pointer="/kind")
    _check_issuer(issuer)
    _check_text(audience, "audience", MOST_AUDIENCE)
    _check_text(subject, "subject", MOST_SUBJECT)
    pinned = {**_checked_claims(claims)}
    _OF_KIND.get(kind, _of_other)(issuer, subject, pinned)
    return {"issuer": issuer, "audience": audience, "subject": subject, "claims": pinned}


def _check_issuer(issuer: str) -> None:
    _check_text(issuer, "issuer", MOST_ISSUER)
    schemes = ("https://",) if settings.PRODUCTION else ("https://", "http://")
    if not issuer.startswith(schemes) or set("?# \\@") & set(issuer):
        raise BadTrust("An issuer is an address that begins with https:// and has no query.", pointer="/issuer")


def _check_text(value: str, name: str, most: int) -> None:
    if not value or len(value) > most or not value.isprintable() or value != value.strip():
        raise BadTrust(
            f"Give the {name} exactly as the token has it, in at most {most:,} characters.", pointer=f"/{name}"
        )


def _checked_claims(claims: Mapping[str, Any]) -> dict[str, ClaimValue]:
    if len(claims) > MOST_CLAIMS:
        raise BadTrust(f"At most {MOST_CLAIMS} claims are compared.", pointer="/claims")
    for name, value in claims.items():
        if not name or len(name) > MOST_NAME or not name.isprintable():
            raise BadTrust("The name of a claim is short, and printable.", pointer="/claims")
        if name in CHECKED:
            raise BadTrust(f"{name} has a check of its own.", pointer="/claims")
        if not _is_comparable(value):
            raise BadTrust(f"{name} is compared with a text, a number, true or false.", pointer="/claims")
    return dict(claims)


def _is_comparable(value: object) -> bool:
    if isinstance(value, bool):
        return True
    if isinstance(value, int | float):  # beyond that, two numbers look like one
        return math.isfinite(value) and abs(value) < 2**53
    return isinstance(value, str) and len(value) <= MOST_VALUE and value.isprintable()


# ---- one platform each


def _of_github(issuer: str, subject: str, _claims: dict[str, ClaimValue]) -> None:
    if not _GITHUB.fullmatch(issuer):
        raise BadTrust(
            "GitHub’s issuer is https://token.actions.githubusercontent.com, or that of your enterprise.",
            pointer="/issuer",
        )
    if not _REPOSITORY.fullmatch(subject):
        raise BadTrust(
            "Name one repository and what runs there, exactly: repo:OWNER/NAME:environment:production, for one.",
            pointer="/subject",
        )


def _of_azure(issuer: str, _subject: str, claims: dict[str, ClaimValue]) -> None:
    found = _AZURE.fullmatch(issuer)
    if found is None:
        raise BadTrust(
            "Azure’s issuer has your tenant’s ID in it: https://login.microsoftonline.com/TENANT/v2.0",
            pointer="/issuer",
        )
    tenant = found["v2"] or found["v1"]
    if claims.setdefault("tid", tenant) != tenant:
        raise BadTrust("The claim tid is another tenant than the issuer’s.", pointer="/claims")


def _of_gcp(issuer: str, subject: str, _claims: dict[str, ClaimValue]) -> None:
    if issuer != _GCP:
        raise BadTrust(f"Google’s issuer is {_GCP}.", pointer="/issuer")
    if not re.fullmatch(r"[0-9]{15,30}", subject):
        raise BadTrust(
            "Give the unique ID of the service account, a number: an e-mail address can go to somebody else.",
            pointer="/subject",
        )


def _of_aws(issuer: str, subject: str, _claims: dict[str, ClaimValue]) -> None:
    if not _AWS.fullmatch(issuer):
        raise BadTrust("The issuer of an AWS account looks like https://….tokens.sts.global.api.aws", pointer="/issuer")
    if not _ARN.fullmatch(subject):
        raise BadTrust(
            "Name one role by its ARN: arn:aws:iam::123456789012:role/nightly-build, for one.", pointer="/subject"
        )


def _of_kubernetes(_issuer: str, subject: str, _claims: dict[str, ClaimValue]) -> None:
    if not _POD.fullmatch(subject):
        raise BadTrust("Name one service account: system:serviceaccount:NAMESPACE:NAME.", pointer="/subject")


def _of_other(_issuer: str, _subject: str, _claims: dict[str, ClaimValue]) -> None:
    """Exact issuer, audience and subject are all that can be asked of an issuer that is not known."""


_OF_KIND: Final[dict[str, Callable[[str, str, dict[str, ClaimValue]], None]]] = {
    Trust.Kind.AWS: _of_aws,
    Trust.Kind.AZURE: _of_azure,
    Trust.Kind.GCP: _of_gcp,
    Trust.Kind.GITHUB: _of_github,
    Trust.Kind.KUBERNETES: _of_kubernetes,
}
