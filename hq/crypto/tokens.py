"""Sealed tokens: a capability that only its issuer can make or read, safe to put into a link.

    "hqs_" base64url( version, 1 byte | header, 16 bytes | nonce, 12 bytes | ciphertext | tag, 16 bytes )

AES-256-GCM; the additional data is "hq-sealed-token" 00 | version | header. The header stays readable so that the
issuer can look up whose key to try. A token has exactly one spelling: base64url without padding (RFC 4648 section 5),
trailing bits zero.
"""

import base64
import re

from hq.crypto.aead import OVERHEAD_BYTES, Aead, Tampered

PREFIX = "hqs_"
HEADER_BYTES = 16
MAX_CHARACTERS = 4096  # What fits in a URL everywhere.

_VERSION = b"\x01"
_LABEL = b"hq-sealed-token\x00"
_CLEAR_BYTES = len(_VERSION) + HEADER_BYTES
_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")


class BadToken(Exception):
    """The link or token is not valid."""


class SealedTokens:
    """Makes and opens the tokens of one key."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        """Take a key of 32 bytes.

        Raises:
            ValueError: the key has another length.
        """
        self._aead = Aead(key)

    def seal(self, header: bytes, payload: bytes) -> str:
        """Make a token: the header (16 bytes, such as an id) readable by anyone, the payload by nobody.

        Raises:
            ValueError: the header is not 16 bytes long, or the payload is longer than about 3,000 bytes.
        """
        if len(header) != HEADER_BYTES:
            raise ValueError("The header of a token has 16 bytes.")
        clear = _VERSION + header
        token = PREFIX + _encode(clear + self._aead.seal(payload, _LABEL + clear))
        if len(token) > MAX_CHARACTERS:
            raise ValueError("The payload is too long for a token.")
        return token

    def open(self, token: str) -> bytes:
        """Read the payload of a token made with this key. Whether it is expired or used, the caller must ask.

        Raises:
            BadToken: anything is wrong with it; which thing is not told.
        """
        raw = _decode(token)
        try:
            return self._aead.open(raw[_CLEAR_BYTES:], _LABEL + raw[:_CLEAR_BYTES])
        except Tampered:
            raise BadToken from None

    @staticmethod
    def header_of(token: str) -> bytes:
        """Read the header without a key, to find the key. Nothing is proven by it until `open` has succeeded.

        Raises:
            BadToken: this is no well-formed token.
        """
        return _decode(token)[len(_VERSION) : _CLEAR_BYTES]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decode(token: str) -> bytes:
    body = token.removeprefix(PREFIX)
    if len(token) > MAX_CHARACTERS or body == token or not _ALPHABET.fullmatch(body) or len(body) % 4 == 1:
        raise BadToken
    raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    # Up to four last characters decode to the same bytes; only the one we would write is the token.
    if _encode(raw) != body or not raw.startswith(_VERSION) or len(raw) < _CLEAR_BYTES + OVERHEAD_BYTES:
        raise BadToken
    return raw
