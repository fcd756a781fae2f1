"""Keys from keys: HKDF with SHA-256 (RFC 5869)."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


def derive(key: bytes, *, info: bytes, salt: bytes = b"", length: int = KEY_BYTES) -> bytes:
    """Derive `length` bytes (at most 8,160) from a strong key. For passwords use `hq.crypto.passwords`.

    `info` names the purpose: two purposes never share a name. An empty salt is RFC 5869's default, 32 zero bytes.

    Raises:
        ValueError: the key is shorter than 32 bytes, `info` is empty, or `length` is out of range.
    """
    if len(key) < KEY_BYTES:
        raise ValueError("A key to derive from has at least 32 bytes.")
    if not info:
        raise ValueError("A derived key needs a purpose.")
    if length < 1:
        raise ValueError("A derived key has at least one byte.")
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(key)
