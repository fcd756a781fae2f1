"""The cookie that says that somebody was let in (SHR-3). The edge checks it by itself: it asks no database.

    v1 "." key version "." artifact "." policy "." link "." began "." expires "." base64url(HMAC-SHA256(key, signed))

    signed = "hq-edge-cookie-v1" LF label LF key version LF artifact LF policy LF link LF began LF expires
    key    = HKDF-SHA256(capability key of the artifact's environment, info = "hq edge cookie" 00 | artifact id)

Artifact and link are ids in 32 hex digits; the link is 0 for who came in by the password. Times are in seconds since
1970. The label is the host's own: on another host the same cookie has another signed text. It counts for an hour, and
as long as it is used for another one, up to twelve hours after they came in. A new password counts the policy up.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic, time
from typing import Final
from uuid import UUID

from django.conf import settings

from artifacts.selectors import Site
from hq.crypto.kdf import derive
from hq.crypto.secrets import equal, keyed_digest
from keys.selectors import capability_key

SECURE: Final = settings.EDGE_URL.startswith("https://")
NAME: Final = "__Host-hq-edge" if SECURE else "hq-edge"
LIFE, RENEWED_BELOW, LONGEST = 3600, 1800, 12 * 3600
LEEWAY: Final = 5  # how far the clock of another edge may be ahead
TRIED_MOST: Final = 3  # of cookies of this name: a sibling host may plant some where there is no https
_NOBODY = UUID(int=0)
_LABEL = "hq-edge-cookie-v1"
_COOKIE = re.compile(
    r"v1\.(?P<version>[1-9][0-9]{0,8})\.(?P<artifact>[0-9a-f]{32})\.(?P<policy>[1-9][0-9]{0,8})\."
    r"(?P<link>[0-9a-f]{32})\.(?P<began>[1-9][0-9]{0,11})\.(?P<expires>[1-9][0-9]{0,11})\.(?P<mac>[A-Za-z0-9_-]{43})"
)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a cookie that counts says."""

    link: UUID
    began: int
    expires: int


def mint(site: Site, link: UUID | None = None, *, began: int | None = None) -> str:
    """The value of a new cookie, or of one that goes on from when somebody came in. Raises KeyUnavailable."""
    material = capability_key(site.organization_id, site.environment_id)
    at = int(time())
    start = at if began is None else began
    expires = min(at + LIFE, start + LONGEST)
    parts = [
        str(material.version),
        site.artifact_id.hex,
        str(site.policy),
        (link or _NOBODY).hex,
        str(start),
        str(expires),
    ]
    return ".".join(["v1", *parts, _mac(material.key, site, parts)])


def read(value: str, site: Site) -> Claims | None:
    """What the cookie says, if it lets in here and now. Raises KeyUnavailable."""
    found = _COOKIE.fullmatch(value)
    if found is None or found["artifact"] != site.artifact_id.hex or int(found["policy"]) != site.policy:
        return None
    claims = Claims(UUID(found["link"]), int(found["began"]), int(found["expires"]))
    at = int(time())
    in_time = claims.began - LEEWAY <= at < claims.expires <= min(at + LIFE + LEEWAY, claims.began + LONGEST)
    if not in_time or claims.link in site.revoked or not _is_known(int(found["version"]), site):
        return None
    material = capability_key(site.organization_id, site.environment_id, int(found["version"]))
    parts = value.split(".")[1:-1]
    return claims if equal(_mac(material.key, site, parts), found["mac"]) else None


def _mac(key: bytes, site: Site, parts: list[str]) -> str:
    own = derive(key, info=b"hq edge cookie\0" + site.artifact_id.bytes)
    digest = keyed_digest(own, "\n".join([_LABEL, site.label, *parts]))
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


_newest: dict[UUID, tuple[int, float]] = {}  # by environment: the key version there is, and until when that counts
_KNOWN, _AGAIN = 5.0, 1.0


def _is_known(version: int, site: Site) -> bool:
    """Whether there is such a version. One that is made up must not have the keys read anew for each request."""
    newest, asked_at = _newest.get(site.environment_id, (0, 0.0))
    age = monotonic() - asked_at
    if age > _KNOWN or (version > newest and age > _AGAIN):
        newest = capability_key(site.organization_id, site.environment_id).version
        if len(_newest) > 10_000:
            _newest.clear()
        _newest[site.environment_id] = newest, monotonic()
    return version <= newest


def of_request(header: str, site: Site) -> Claims | None:
    """The claims of the first cookie in a Cookie header that counts."""
    for number, value in enumerate(_values(header)):
        if number == TRIED_MOST:
            return None
        if (claims := read(value, site)) is not None:
            return claims
    return None


def _values(header: str) -> Iterator[str]:
    for part in header.split(";"):
        name, equals, value = part.strip().partition("=")
        if equals and name == NAME:
            yield value


def renewed(claims: Claims, site: Site) -> str | None:
    """A cookie for another hour, once half of this one's is over and they came in less than twelve hours ago."""
    at = int(time())
    if claims.expires - at > RENEWED_BELOW or claims.expires >= claims.began + LONGEST:
        return None
    return mint(site, claims.link, began=claims.began)


def header(value: str) -> tuple[str, str]:
    """The header that gives the cookie: to this host only, to no script, and over https where there is https."""
    words = [
        f"{NAME}={value}",
        "Path=/",
        f"Max-Age={LIFE}",
        "HttpOnly",
        "SameSite=Lax",
        *(["Secure"] if SECURE else []),
    ]
    return "Set-Cookie", "; ".join(words)
