"""Signatures of webhooks, as Standard Webhooks 1.0.0 has them: any of its libraries verifies what is signed here.

    signed            = id "." timestamp "." body
    webhook-signature = "v1,"  base64(HMAC-SHA256(secret, signed))      for who was given the secret
                    " " "v1a," base64(Ed25519(key, signed))             for who should not be able to sign

The id and the timestamp hold no full stop, so that no other split of the same bytes means another message. While a
secret is being rotated a message carries the pair of each secret that still counts, newest first: a receiver looks for
one that it knows.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from secrets import token_bytes
from typing import Final, Self

from hq.crypto import signatures
from hq.crypto.secrets import keyed_digest

SHARED, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
SECRET_BYTES: Final = 32
_ID: Final = re.compile(r"[A-Za-z0-9_-]+")


class NotASecret(ValueError):
    """This is not the text of a webhook's secret or public key."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What one endpoint's messages are signed with: a shared secret, and the seed of a key pair that stays here."""

    shared: bytes = field(repr=False)
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.shared) != SECRET_BYTES or len(self.seed) != SECRET_BYTES:
            raise NotASecret

    @classmethod
    def make(cls) -> Self:
        """Make a new one from 64 random bytes."""
        return cls(token_bytes(SECRET_BYTES), signatures.generate())

    @classmethod
    def read(cls, text: str, private: str) -> Self:
        """Read what `text` and `private` wrote.

        Raises:
            NotASecret: one of them is none, or has another spelling.
        """
        return cls(_read(text, SHARED), _read(private, PRIVATE))

    @property
    def text(self) -> str:
        """The shared secret, as receivers are given it."""
        return SHARED + _write(self.shared)

    @property
    def private(self) -> str:
        """The seed of the key pair, to be encrypted and kept; nobody is given it."""
        return PRIVATE + _write(self.seed)

    @property
    def public(self) -> str:
        """The public key, as receivers are given it."""
        return PUBLIC + _write(signatures.public_of(self.seed))


def public_of(text: str) -> bytes:
    """Read a public key as receivers are given it.

    Raises:
        NotASecret: it is none, or has another spelling.
    """
    return _read(text, PUBLIC)


def signed_content(message_id: str, timestamp: int, body: bytes) -> bytes:
    """The very bytes that are signed.

    Raises:
        ValueError: the id has other characters than letters, digits, `_` and `-`, or the time is before 1970.
    """
    if not _ID.fullmatch(message_id) or timestamp < 0:
        raise ValueError("An id has letters, digits, _ and - only; a timestamp is in whole seconds since 1970.")
    return f"{message_id}.{timestamp}.".encode("ascii") + body


def headers(message_id: str, timestamp: int, signature: str) -> dict[str, str]:
    """The three headers of a message."""
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": signature}


def sign(secrets: Sequence[Secret], message_id: str, timestamp: int, body: bytes) -> str:
    """Write the header `webhook-signature`, with every secret in the order given.

    Raises:
        ValueError: there is no secret, or no message could be told from another; see `signed_content`.
    """
    if not secrets:
        raise ValueError("A message is signed with at least one secret.")
    content = signed_content(message_id, timestamp, body)
    return " ".join(signature for secret in secrets for signature in _pair(secret, content))


def _pair(secret: Secret, content: bytes) -> tuple[str, str]:
    shared = _write(keyed_digest(secret.shared, content))
    return f"v1,{shared}", f"v1a,{_write(signatures.sign(secret.seed, content))}"


def _write(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _read(text: str, prefix: str) -> bytes:
    """Exactly one spelling counts: padded, no white space, trailing bits zero."""
    try:
        raw = base64.b64decode(text.removeprefix(prefix).encode("ascii"), validate=True)
    except ValueError:
        raise NotASecret from None
    if len(raw) != SECRET_BYTES or prefix + _write(raw) != text:
        raise NotASecret
    return raw
