"""Where an issuer's keys come from: the address that it names itself, or a set that somebody pasted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from joserfc.jwk import KeySet
from redis.exceptions import RedisError

from hq.lib.errors import Unavailable
from hq.lib.openid import find_key_set, read_keys, read_object
from hq.lib.workload_tokens import FindKeys
from hq.limits.seats import waiting_for
from hq.web import key_sets
from hq.web.outbound import outbound
from workloads.actions.kinds import BadTrust

MOST_PASTED = 64 * 1024


def find_source(organization_id: UUID, issuer: str, pasted: str | None) -> dict[str, str]:
    """What a trust of an organization keeps of it: the keys can be had there now. It may take seconds.

    Raises:
        BadTrust: what was pasted is no set of public keys.
        NotFetched, NotAProvider, NotTrusted: the issuer does not publish any, or cannot be asked.
        Unavailable: it could not be remembered that it was asked.
        Busy: as many threads wait for such servers as may.
    """
    if pasted:
        return {"keys": _checked(pasted)}
    with waiting_for(organization_id):
        with outbound() as session:
            uri = find_key_set(session, issuer)
        with _remembered():
            key_sets.published(uri)
    return {"jwks_uri": uri}


def _checked(pasted: str) -> str:
    if len(pasted) > MOST_PASTED:
        raise BadTrust(f"A key set has at most {MOST_PASTED // 1024} KiB.", pointer="/keys")
    members = read_object(pasted.encode("utf-8", "replace")).get("keys")
    if any("d" in member or "k" in member for member in (members or []) if isinstance(member, dict)):
        raise BadTrust(
            "There is a private or shared key in this set. Paste public keys only, and replace that key: it has been"
            " shown to others now.",
            pointer="/keys",
        )
    read_keys(pasted.encode("utf-8", "replace"))
    return pasted


def key_finder(source: dict[str, Any]) -> FindKeys:
    """How a token's key is looked for. The function raises UnknownKey, NotTrusted, NotFetched; Unavailable, while it
    could not be remembered that the issuer was asked.
    """
    if "keys" in source:
        return lambda _kid: read_keys(source["keys"].encode())
    uri = source["jwks_uri"]

    def find(kid: str) -> KeySet:
        with _remembered():
            keys = key_sets.published(uri)
            known = not kid or any(key.kid == kid for key in keys)
            return keys if known else key_sets.newer(uri, kid)

    return find


@contextmanager
def _remembered() -> Iterator[None]:
    """Whom nobody remembers to have asked is not asked. Raises Unavailable."""
    try:
        yield
    except RedisError as error:
        raise Unavailable from error
