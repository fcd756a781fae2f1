"""A form for each platform: its own words in, the exact issuer, subject and claims out.

How each writes its tokens is named beside the form, with the page it was read on.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from django import forms

from hq.lib.workload_tokens import ClaimValue
from workloads.forms.base import Conditions, TrustForm, lines, text
from workloads.models import Trust

Kind = Trust.Kind
MOST_CLAIMS = 10
MOST_KEYS = 65_536
_GUID = r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
_NUMBER = r"^[1-9][0-9]{0,19}$"
_HTTPS = r"^https://[^\s?#]+$"
_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
_NO_HTTPS = "Give an address that begins with https:// and has no query."


class GitHubForm(TrustForm):
    """docs.github.com: OpenID Connect reference. Repositories since 15 July 2026 have IDs in their subjects."""

    repository = text(
        "Repository",
        "Owner and name, such as octo-org/octo-repo. Capitals as GitHub writes them.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}/[A-Za-z0-9._-]{1,100}$",
        wrong="Give the owner and the name with a slash between, such as octo-org/octo-repo.",
    )
    written = forms.ChoiceField(
        label="How GitHub writes its subject",
        choices=[
            ("ids", "With IDs|Repositories made, renamed or moved since 15 July 2026, and those that opted in."),
            ("names", "Names only|Older repositories. Give the IDs too, if you can: names can be taken over."),
        ],
        initial="ids",
        widget=forms.RadioSelect,
    )
    owner_id = text(
        "Owner ID",
        "Needed where GitHub writes IDs.",
        pattern=_NUMBER,
        wrong="Give the number that GitHub has for the owner.",
        required=False,
    )
    repository_id = text(
        "Repository ID",
        "Needed where GitHub writes IDs. Both by: gh api repos/OWNER/REPOSITORY --jq '.owner.id, .id'",
        pattern=_NUMBER,
        wrong="Give the number that GitHub has for the repository.",
        required=False,
    )
    runs = forms.ChoiceField(
        label="Which jobs",
        choices=[
            ("environment", "Of an environment|Its protection rules decide who may run them."),
            ("branch", "On a branch|Whoever may push there. Not jobs that name an environment."),
            ("tag", "On a tag|One tag, exactly. Not jobs that name an environment."),
        ],
        initial="environment",
        widget=forms.RadioSelect,
    )
    ref = text("Its name", "Of the environment, the branch or the tag, such as production, main or v1.4.2.")

    own = ("repository", "written", "owner_id", "repository_id", "runs", "ref", "audience")
    asks_anew = True

    ISSUER: Final = "https://token.actions.githubusercontent.com"
    _PLACES: Final = {"environment": "environment:", "branch": "ref:refs/heads/", "tag": "ref:refs/tags/"}
    _SUBJECT: Final = re.compile(
        r"repo:(?P<owner>[^/@:]+)(?:@(?P<owner_id>[0-9]+))?/(?P<name>[^/@:]+)(?:@(?P<repository_id>[0-9]+))?:"
        r"(?P<place>environment:|ref:refs/heads/|ref:refs/tags/)(?P<ref>.+)"
    )

    def clean_ref(self) -> str:
        ref: str = self.cleaned_data["ref"]
        if self.cleaned_data.get("runs") in {"branch", "tag"}:
            ref = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
            if re.search(r"[*?\[\s~^:\\]", ref):
                raise forms.ValidationError("Give one name, exactly. Patterns are not taken.")
        elif "*" in ref:
            raise forms.ValidationError("Give one name, exactly. Patterns are not taken.")
        return ref

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        given = [bool(data.get(name)) for name in ("owner_id", "repository_id")]
        if data.get("written") == "ids" or any(given):
            for name in ("owner_id", "repository_id"):
                if name not in self.errors and not data.get(name):
                    self.add_error(name, "Both IDs are needed, as GitHub writes them into the subject.")
        return data

    @classmethod
    def write(cls, data: Mapping[str, Any]) -> Conditions:
        owner, _, name = data["repository"].partition("/")
        owner_id, repository_id = data["owner_id"], data["repository_id"]
        repository = f"{owner}@{owner_id}/{name}@{repository_id}" if data["written"] == "ids" else f"{owner}/{name}"
        ref = data["ref"].replace(":", "%3A")
        ids = {"repository_owner_id": owner_id, "repository_id": repository_id} if owner_id else {}
        return Conditions(
            cls.ISSUER, f"repo:{repository}:{cls._PLACES[data['runs']]}{ref}", audience=data["audience"], claims=ids
        )

    @classmethod
    def read(cls, conditions: Conditions) -> dict[str, Any] | None:
        found = cls._SUBJECT.fullmatch(conditions.subject)
        if found is None:
            return None
        runs = next(name for name, place in cls._PLACES.items() if place == found["place"])
        return {
            "repository": f"{found['owner']}/{found['name']}",
            "written": "ids" if found["owner_id"] else "names",
            "owner_id": conditions.claims.get("repository_owner_id", ""),
            "repository_id": conditions.claims.get("repository_id", ""),
            "runs": runs,
            "ref": found["ref"].replace("%3A", ":"),
            "audience": conditions.audience,
        }


class AwsForm(TrustForm):
    """docs.aws.amazon.com/IAM: Outbound identity federation. The subject is the ARN of the IAM principal."""

    issuer = text(
        "The account’s issuer address",
        "From: aws iam get-outbound-web-identity-federation-info",
        pattern=r"^https://[0-9A-Za-z-]+\.tokens\.sts\.[a-z0-9.-]+$",
        wrong="It looks like https://….tokens.sts.global.api.aws",
    )
    role = text(
        "Role ARN",
        "Such as arn:aws:iam::123456789012:role/nightly-build",
        most=2048,
        pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$",
        wrong="Give the ARN of a role in IAM. That of a session, arn:aws:sts::…, is not what tokens name.",
    )

    own = ("issuer", "role", "audience")
    asks_anew = True

    @classmethod
    def write(cls, data: Mapping[str, Any]) -> Conditions:
        return Conditions(data["issuer"], data["role"], audience=data["audience"])

    @classmethod
    def read(cls, conditions: Conditions) -> dict[str, Any] | None:
        return {"issuer": conditions.issuer, "role": conditions.subject, "audience": conditions.audience}


class GcpForm(TrustForm):
    """cloud.google.com: Verify the identity of a VM. An e-mail address may go to another; the number never does."""

    unique_id = text(
        "Unique ID of the service account",
        "A number, from: gcloud iam service-accounts describe NAME@PROJECT.iam.gserviceaccount.com"
        " --format='value(uniqueId)'",
        pattern=r"^[0-9]{15,30}$",
        wrong="Give the number, not the e-mail address: an address can be deleted and made again by somebody else.",
    )

    own = ("unique_id", "audience")

    ISSUER: Final = "https://accounts.google.com"

    @classmethod
    def write(cls, data: Mapping[str, Any]) -> Conditions:
        return Conditions(cls.ISSUER, data["unique_id"], audience=data["audience"])

    @classmethod
    def read(cls, conditions: Conditions) -> dict[str, Any] | None:
        return {"unique_id": conditions.subject, "audience": conditions.audience}


class AzureForm(TrustForm):
    """learn.microsoft.com: Access token claims reference. In v2.0 the audience is always the API's own client ID."""

    tenant_id = text("Directory (tenant) ID", pattern=_GUID, wrong="Give the tenant’s ID, 32 digits with hyphens.")
    object_id = text(
        "Object (principal) ID of the managed identity",
        "Of the identity, or of the app’s entry under Enterprise applications. Not a client ID.",
        pattern=_GUID,
        wrong="Give the object ID, 32 digits with hyphens.",
    )
    audience = text(
        "Application (client) ID of the app registration for HQ",
        "Azure gives tokens for registered apps only. Register one for HQ, as the steps above say.",
        pattern=_GUID,
        wrong="Give the app’s client ID, 32 digits with hyphens.",
    )

    own = ("tenant_id", "object_id", "audience")

    _ISSUER: Final = re.compile(r"https://login\.microsoftonline\.com/([0-9a-f-]{36})/v2\.0")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.initial.get("object_id"):
            del self.initial["audience"]  # HQ's address is never in Azure's tokens

    @classmethod
    def write(cls, data: Mapping[str, Any]) -> Conditions:
        tenant_id = data["tenant_id"].lower()
        return Conditions(
            f"https://login.microsoftonline.com/{tenant_id}/v2.0",
            data["object_id"].lower(),
            audience=data["audience"].lower(),
            claims={"tid": tenant_id},
        )

    @classmethod
    def read(cls, conditions: Conditions) -> dict[str, Any] | None:
        found = cls._ISSUER.fullmatch(conditions.issuer)
        if found is None:
            return None
        return {"tenant_id": found[1], "object_id": conditions.subject, "audience": conditions.audience}


def _key_set(raw: str) -> str:
    """The same, if it is a set of keys. Whether they are of use is for the action to say."""
    try:
        read = json.loads(raw) if raw else {"keys": []}
    except ValueError:
        raise forms.ValidationError("This is not JSON.") from None
    if not isinstance(read, dict) or not isinstance(read.get("keys"), list):
        raise forms.ValidationError('Paste a key set: a JSON object with a list called "keys".')
    return raw


class KubernetesForm(TrustForm):
    """kubernetes.io: Managing Service Accounts, and Service account issuer discovery."""

    issuer = text(
        "Issuer of the cluster",
        "From: kubectl get --raw /.well-known/openid-configuration",
        most=2000,
        pattern=_HTTPS,
        wrong=_NO_HTTPS,
    )
    keys = lines(
        "Key set",
        "For a cluster that HQ cannot reach, from: kubectl get --raw /openid/v1/jwks. Left empty, HQ reads the keys"
        " from the issuer. Pasted ones have to be pasted anew when the cluster changes its key.",
        most=MOST_KEYS,
        rows=4,
    )
    namespace = text("Namespace", pattern=_LABEL, wrong="A name in Kubernetes has small letters, digits and hyphens.")
    account = text(
        "Service account",
        pattern=r"^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$",
        wrong="A name in Kubernetes has small letters, digits, dots and hyphens.",
    )

    own = ("issuer", "keys", "namespace", "account", "audience")

    def clean_keys(self) -> str:
        return _key_set(self.cleaned_data["keys"])

    @classmethod
    def write(cls, data: Mapping[str, Any]) -> Conditions:
        subject = f"system:serviceaccount:{data['namespace']}:{data['account']}"
        return Conditions(data["issuer"], subject, audience=data["audience"], keys=data["keys"])

    @classmethod
    def read(cls, conditions: Conditions) -> dict[str, Any] | None:
        system, _, rest = conditions.subject.partition("system:serviceaccount:")
        namespace, _, account = rest.partition(":")
        if system:
            return None
        names = {"namespace": namespace, "account": account}
        return {"issuer": conditions.issuer, "keys": conditions.keys, "audience": conditions.audience, **names}


class OtherForm(TrustForm):
    """Whatever signs tokens as OpenID Connect Core 1.0 has it. It says everything that a trust can."""

    issuer = text("Issuer", "Exactly as tokens name it in iss.", most=2000, pattern=_HTTPS, wrong=_NO_HTTPS)
    keys = lines(
        "Key set",
        "Left empty, HQ reads the keys that the issuer publishes (OpenID Connect Discovery). Pasted ones have to be"
        " pasted anew when the issuer changes its key.",
        most=MOST_KEYS,
        rows=4,
    )
    subject = text("Subject", "Exactly as tokens name it in sub.", most=2048)
    claims = lines(
        "More claims",
        "One a line, as name=value. Each has to be in the token, and equal. A dot leads into a claim. Numbers, true and"
        " false are taken as such; in quotes they are text.",
        most=8192,
        rows=3,
    )

    own = ("issuer", "keys", "subject", "claims", "audience")

    def clean_keys(self) -> str:
        return _key_set(self.cleaned_data["keys"])

    def clean_claims(self) -> str:
        told = [line.strip() for line in self.cleaned_data["claims"].splitlines() if line.strip()]
        names = [line.partition("=")[0].strip() for line in told]
        if len(told) > MOST_CLAIMS:
            raise forms.ValidationError(f"At most {MOST_CLAIMS} claims are compared.")
        if any("=" not in line or not name for line, name in zip(told, names, strict=True)):
            raise forms.ValidationError("Write each as name=value.")
        if len({*names}) < len(names):
            raise forms.ValidationError("Name each claim once.")
        if {*names} & {"iss", "sub", "aud", "exp", "iat", "nbf", "jti"}:
            raise forms.ValidationError("Issuer, subject, audience and times have checks of their own.")
        return "\n".join(told)

    @classmethod
    def write(cls, data: Mapping[str, Any]) -> Conditions:
        pairs = (line.partition("=") for line in data["claims"].splitlines())
        claims = {name.strip(): _value(value.strip()) for name, _, value in pairs}
        return Conditions(data["issuer"], data["subject"], data["audience"], claims, data["keys"])

    @classmethod
    def read(cls, conditions: Conditions) -> dict[str, Any] | None:
        claims = "\n".join(f"{name}={_written(value)}" for name, value in conditions.claims.items())
        told = {"issuer": conditions.issuer, "subject": conditions.subject, "audience": conditions.audience}
        return {**told, "claims": claims, "keys": conditions.keys}


def _value(raw: str) -> ClaimValue:
    """A number, true or false as JSON has it, text in quotes, and otherwise what stands there."""
    try:
        read = json.loads(raw, parse_constant=str)
    except ValueError:
        return raw
    return read if isinstance(read, (str, bool, int, float)) else raw


def _written(value: ClaimValue) -> str:
    """So that `_value` reads it as it was."""
    if isinstance(value, str) and value.isprintable() and _value(value.strip()) == value:
        return value
    return json.dumps(value)


_FORMS: Final[dict[str, type[TrustForm]]] = {
    Kind.AWS: AwsForm,
    Kind.GCP: GcpForm,
    Kind.AZURE: AzureForm,
    Kind.GITHUB: GitHubForm,
    Kind.KUBERNETES: KubernetesForm,
    Kind.OTHER: OtherForm,
}


def form_of(kind: str, conditions: Conditions | None = None) -> type[TrustForm]:
    """The platform's form; for conditions that its fields cannot say, the one that can say all. Raises KeyError."""
    form = _FORMS[kind]
    if conditions is None:
        return form
    said = form.read(conditions)
    return form if said is not None and form.write(said) == conditions else OtherForm
