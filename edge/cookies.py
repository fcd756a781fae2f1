"""The cookies that say that somebody was let in (SHR-3): signed cookies of CloudFront, with a policy of one's own.

    CloudFront-Policy          {"Statement":[{"Resource":"https://<host>/*","Condition":{
                               "DateLessThan":{"AWS:EpochTime":<end>},"DateGreaterThan":{"AWS:EpochTime":<came in>}}}]}
    CloudFront-Signature       ECDSA over P-256 and SHA-256 of these very bytes
    CloudFront-Key-Pair-Id     which key
    CloudFront-Hash-Algorithm  SHA256

The edge checks them by itself, and so does CloudFront where a key group has the public key. They are good for the one
host that the policy names, for an hour, and as long as they are used for another one, up to twelve hours after somebody
came in. CloudFront's policies have room for times alone, so these say more: whoever came in before the artifact's
access changed is out, and whoever came in at the second at which a link was opened that is revoked by now.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, product
from threading import Lock
from time import time
from typing import Final

from django.conf import settings

from artifacts.actions.cookie_keys import keys
from artifacts.selectors import Site
from edge import hosts
from edge.answers import Headers
from hq.crypto import cloudfront

SECURE: Final = settings.EDGE_URL.startswith("https://")
POLICY, SIGNATURE, KEY, HASH = (
    f"CloudFront-{name}" for name in ("Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm")
)
LIFE, RENEWED_BELOW, LONGEST = 3600, 1800, 12 * 3600
LEEWAY: Final = 5  # how far the clock of another edge may be ahead
TRIED_MOST: Final = 3  # of each name: pages of sibling hosts may plant some for all
KNOWN_MOST: Final = 10_000
# The one spelling that is written here: nothing in what is signed is open to reading it in two ways.
_POLICY = re.compile(
    r'\{"Statement":\[\{"Resource":"(?P<resource>[^"\\]{1,300})","Condition":\{'
    r'"DateLessThan":\{"AWS:EpochTime":(?P<expires>[1-9][0-9]{0,11})\},'
    r'"DateGreaterThan":\{"AWS:EpochTime":(?P<began>[1-9][0-9]{0,11})\}\}\}\]\}'
)


@dataclass(frozen=True, slots=True)
class Claims:
    """What cookies that count say."""

    began: int
    expires: int


def mint(site: Site, opened_at: datetime | None = None, *, began: int | None = None) -> dict[str, str]:
    """New cookies by name: for who came in now, by a link that was opened then, or when they did before."""
    at = int(time())
    start = began if began is not None else max(int(opened_at.timestamp()) if opened_at else at, site.policy)
    expires = min(at + LIFE, start + LONGEST)
    policy = _policy(site, start, expires)
    name, key = keys()[0]
    return {
        POLICY: cloudfront.encode(policy),
        SIGNATURE: cloudfront.encode(key.sign(policy)),
        KEY: name,
        HASH: cloudfront.HASH,
    }


def _policy(site: Site, began: int, expires: int) -> bytes:
    return (
        f'{{"Statement":[{{"Resource":"{_resource(site)}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}},'
        f'"DateGreaterThan":{{"AWS:EpochTime":{began}}}}}}}]}}'
    ).encode()


def _resource(site: Site) -> str:
    return f"{hosts.address_of(site.label)}/*"


def read(policy: str, signature: str, key: str, site: Site) -> Claims | None:
    """What the cookies say, if they let in here and now."""
    raw = cloudfront.decode(policy)
    found = _POLICY.fullmatch(raw.decode("ascii", "replace")) if raw is not None else None
    if raw is None or found is None or found["resource"] != _resource(site):
        return None
    claims = Claims(int(found["began"]), int(found["expires"]))
    at = int(time())
    in_time = claims.began - LEEWAY <= at < claims.expires <= min(at + LIFE + LEEWAY, claims.began + LONGEST)
    if not in_time or claims.began < site.policy or claims.began in revoked(site):
        return None
    return claims if _signed(raw, signature, key) else None


def revoked(site: Site) -> frozenset[int]:
    """When those came in who came by links that were revoked since."""
    return frozenset(max(int(at.timestamp()), site.policy) for at in site.revoked)


_signed_already: OrderedDict[tuple[bytes, str, str], None] = OrderedDict()
_lock = Lock()


def _signed(policy: bytes, signature: str, key: str) -> bool:
    """Whether one of our keys made it. What held once holds: a page has many files, and a check takes a while."""
    known = (policy, signature, key)
    with _lock:
        if known in _signed_already:
            _signed_already.move_to_end(known)
            return True
    raw = cloudfront.decode(signature)
    if raw is None or not any(name == key and one.holds(policy, raw) for name, one in keys()):
        return False
    with _lock:
        _signed_already[known] = None
        while len(_signed_already) > KNOWN_MOST:
            _signed_already.popitem(last=False)
    return True


def of_request(header: str, site: Site) -> Claims | None:
    """The claims of the first cookies in a Cookie header that count together."""
    sent = [list(islice(_values(header, name), TRIED_MOST)) for name in (POLICY, SIGNATURE, KEY, HASH)]
    if cloudfront.HASH not in sent[3]:
        return None
    for policy, signature, key in product(*sent[:3]):
        if (claims := read(policy, signature, key, site)) is not None:
            return claims
    return None


def _values(header: str, wanted: str) -> Iterator[str]:
    for part in header.split(";"):
        name, equals, value = part.strip().partition("=")
        if equals and name == wanted:
            yield value


def renewed(claims: Claims, site: Site) -> dict[str, str] | None:
    """Cookies for another hour, once half of this one's is over and they came in less than twelve hours ago."""
    at = int(time())
    if claims.expires - at > RENEWED_BELOW or claims.expires >= claims.began + LONGEST:
        return None
    return mint(site, began=claims.began)


def headers(values: dict[str, str]) -> Headers:
    """The headers that give them: to this host only, to no script, and over https where there is https."""
    end = f"; Path=/; Max-Age={LIFE}; HttpOnly; SameSite=Lax{'; Secure' if SECURE else ''}"
    return [("Set-Cookie", f"{name}={value}{end}") for name, value in values.items()]
