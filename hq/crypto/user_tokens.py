"""User tokens: one service tells another, for one request, in whose name it asks (ACC-9).

    X-User-Token = "v1" "." key id "." user id "." issued at "." token id "." base64url( HMAC-SHA256(secret, signed) )

    signed = "hq-user-token-v1" LF key id LF user id LF issued at LF token id LF
             audience LF method LF target LF sha256 of the body

User id: a UUID in lower case. Issued at: seconds since 1970. Token id: 22 characters of base64url, random. Audience:
the receiver's base address. Method: in upper case. Target: the path and, after a question mark, the query (see
`target`). Digest: hex in lower case, of no bytes where there is no body. No part can hold a line feed, and there are
always nine: no two requests have the same signed text. base64url is without padding, and has one spelling (RFC 4648
section 5).

A token says nothing of what the person may do: the receiver looks that up. It counts for a minute, and once: that is
the receiver's to remember, for as long as `REMEMBER` seconds.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote
from uuid import UUID

from hq.crypto.secrets import equal, keyed_digest, random_token

VERSION: Final = "v1"
LIFE: Final = 60  # seconds
LEEWAY: Final = 5  # how far the sender's clock may be ahead
REMEMBER: Final = LIFE + LEEWAY
TOKEN_ID_BYTES: Final = 16
MAX_CHARACTERS: Final = 256

_LABEL: Final = "hq-user-token-v1"
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_TOKEN = re.compile(
    rf"v1\.(?P<key>{_KEY_ID.pattern})\.(?P<user>[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}})"
    r"\.(?P<at>0|[1-9][0-9]{0,14})\.(?P<id>[A-Za-z0-9_-]{22})\.(?P<mac>[A-Za-z0-9_-]{43})"
)
_AUDIENCE = re.compile(r"https?://[!-~]+")
_METHOD = re.compile(r"[A-Z]{1,20}")
_TARGET = re.compile(r"/[!-~]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class BadUserToken(Exception):
    """This token does not say who asks."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token that was verified says: for whom, and which it is. `key_id` tells which service made it."""

    user_id: UUID
    token_id: str
    key_id: str


def target(path: str, query: str = "") -> str:
    """The path and query of a request in the one spelling that is signed.

    `path` is as it is meant, without percent-encoding; each byte of its UTF-8 is then encoded but for letters, digits,
    `-`, `.`, `_`, `~` and the slashes. `query` is as it is sent, without the question mark.
    """
    return quote(path, safe="/") + (f"?{query}" if query else "")


def mint(
    secret: bytes,
    *,
    key_id: str,
    user_id: UUID,
    audience: str,
    method: str,
    target: str,
    body_sha256: str,
    at: int,
    token_id: str = "",
) -> str:
    """Make the token for one request. `at` is now, in seconds since 1970; `token_id` is left out but for test vectors.

    Raises:
        ValueError: the secret is shorter than 32 bytes, or one of the others is not as it has to be.
    """
    token_id = token_id or random_token(size=TOKEN_ID_BYTES)
    if not _KEY_ID.fullmatch(key_id):
        raise ValueError("A key id has up to 32 letters, digits, - and _.")
    known = [VERSION, key_id, str(user_id), str(at), token_id]
    signed = _signed(known, audience, method, target, body_sha256)
    token = ".".join([*known, _encode(keyed_digest(secret, signed))])
    if not _TOKEN.fullmatch(token):
        raise ValueError("A token has a time since 1970 and an id of 16 bytes in base64url.")
    return token


def verify(
    token: str, secrets: Mapping[str, bytes], *, audience: str, method: str, target: str, body_sha256: str, at: int
) -> Claims:
    """Read a token that was made for this very request, by a key that is known, within the last minute.

    That it was not used before, the caller must ask.

    Raises:
        BadUserToken: anything is wrong with it; which thing is not told.
    """
    parts = _TOKEN.fullmatch(token) if len(token) <= MAX_CHARACTERS else None
    secret = secrets.get(parts["key"]) if parts else None
    if parts is None or secret is None:
        raise BadUserToken
    try:
        signed = _signed(token.split(".")[:-1], audience, method, target, body_sha256)
    except ValueError:
        raise BadUserToken from None
    if not equal(_encode(keyed_digest(secret, signed)), parts["mac"]):
        raise BadUserToken
    if not -LEEWAY <= at - int(parts["at"]) < LIFE:
        raise BadUserToken
    return Claims(UUID(parts["user"]), parts["id"], parts["key"])


def _signed(known: list[str], audience: str, method: str, target: str, body_sha256: str) -> str:
    """The text that is signed. Raises ValueError."""
    named = ((_AUDIENCE, audience), (_METHOD, method), (_TARGET, target), (_DIGEST, body_sha256))
    for form, part in named:
        if not form.fullmatch(part):
            raise ValueError(f"This cannot be signed: {part!r} is not of the form {form.pattern}.")
    return "\n".join([_LABEL, *known[1:], audience, method, target, body_sha256])


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
