"""Random secrets, and how to recognise one without keeping it."""

import hashlib
import hmac
import secrets
import string

_ALPHANUMERIC = string.ascii_letters + string.digits


def random_token(prefix: str = "", size: int = 32) -> str:
    """Make a secret of `size` random bytes as base64url without padding, after a prefix that tells its kind.

    Raises:
        ValueError: fewer than 16 bytes are asked for; such a secret could be guessed.
    """
    if size < 16:
        raise ValueError("A secret has at least 16 random bytes.")
    return prefix + secrets.token_urlsafe(size)


def random_word(prefix: str, length: int) -> str:
    """Make a secret of so many letters and digits, after a prefix: people copy it whole by a double click.

    Raises:
        ValueError: fewer than 22 characters are asked for; such a secret could be guessed.
    """
    if length < 22:
        raise ValueError("A secret has at least 22 letters and digits.")
    return prefix + "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))


def is_word(text: str, prefix: str, length: int) -> bool:
    """Tell whether `random_word` could have made it."""
    body = text.removeprefix(prefix)
    return len(text) == len(prefix) + length and len(body) == length and body.isascii() and body.isalnum()


def digest(token: str | bytes) -> bytes:
    """SHA-256 (32 bytes). For random tokens only: what people choose goes through `hq.crypto.passwords`."""
    return hashlib.sha256(_octets(token)).digest()


def keyed_digest(key: bytes, data: str | bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104; 32 bytes): equal data is found again only by who holds the key.

    Raises:
        ValueError: the key is shorter than 32 bytes.
    """
    if len(key) < 32:
        raise ValueError("A key for a keyed digest has at least 32 bytes.")
    return hmac.digest(key, _octets(data), "sha256")


def equal(a: str | bytes, b: str | bytes) -> bool:
    """Compare in a time that does not depend on where the two differ."""
    return hmac.compare_digest(_octets(a), _octets(b))


def _octets(value: str | bytes) -> bytes:
    # Tokens come from outside: a lone surrogate in one is simply a wrong token, not an exception.
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
