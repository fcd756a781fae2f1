"""The token of a link: what it commits to, under which key, and how it is told from one that was made up.

The key is derived from the capability key of the link's tenant and environment (KEY-5), so a token of another
environment does not open at all. What the token commits to must be what the row says: a row that was changed in the
database is found by that.
"""

import os
from datetime import UTC, datetime
from uuid import UUID

from hq.crypto import kdf, secrets
from hq.crypto.tokens import BadToken, SealedTokens
from hq.lib.canonical import canonical
from keys import selectors as keys
from sharing.models import ShareLink

FORMAT = 1
NONCE_BYTES = 32
_INFO = b"hq share-session link"
_DECOY = os.urandom(32)


def new_nonce() -> bytes:
    return os.urandom(NONCE_BYTES)


def current_version(organization_id: UUID, environment_id: UUID) -> int:
    """Which version of the capability key new links are sealed under. Raises KeyUnavailable."""
    return keys.capability_key(organization_id, environment_id).version


def header_of(token: str) -> UUID:
    """The link that a token names. Nothing is proven by it. Raises BadToken."""
    return UUID(bytes=SealedTokens.header_of(token))


def seal(link: ShareLink, paths: tuple[str, ...], nonce: bytes) -> str:
    """Make the token of a link."""
    return _tokens(link).seal(link.id.bytes, nonce + _terms(link, paths))


def nonce_of(token: str, link: ShareLink | None, paths: tuple[str, ...]) -> bytes:
    """The nonce in a token of this link. For no link the same work is done under a key that opens nothing.

    Raises:
        BadToken: it is not ours, was changed, or commits to something else than the link's row.
        KeyUnavailable: the capability key cannot be used now.
    """
    if link is None:
        _under(_DECOY, UUID(int=0), UUID(int=0)).open(token)
        raise BadToken
    payload = _tokens(link).open(token)
    nonce, terms = payload[:NONCE_BYTES], payload[NONCE_BYTES:]
    if not secrets.equal(terms, _terms(link, paths)):
        raise BadToken
    return nonce


def _tokens(link: ShareLink) -> SealedTokens:
    material = keys.capability_key(link.organization_id, link.environment_id, link.key_version)
    return _under(material.key, link.organization_id, link.environment_id)


def _under(key: bytes, organization_id: UUID, environment_id: UUID) -> SealedTokens:
    return SealedTokens(kdf.derive(key, info=_INFO, salt=organization_id.bytes + environment_id.bytes))


def _terms(link: ShareLink, paths: tuple[str, ...]) -> bytes:
    """SHA-256 (32 bytes) over everything that a link gives: the token holds it, so the address stays short."""
    terms = {
        "v": FORMAT,
        "organization": str(link.organization_id),
        "environment": str(link.environment_id),
        "link": str(link.id),
        "permission": link.permission,
        "paths": list(paths),
        "expires_at": _stamp(link.expires_at),
    }
    if link.password_hash:  # or a password could be taken off a link in the database
        terms["password"] = secrets.digest(link.password_hash).hex()
    return secrets.digest(canonical(terms))


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
