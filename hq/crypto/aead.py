"""Authenticated encryption of small values: AES-256-GCM (NIST SP 800-38D) with a random nonce."""

from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES


class Tampered(Exception):
    """Sealed data was changed, cut, moved, or belongs to another key."""


class Aead:
    """One 256-bit key, ready for use. Keep the object: making the cipher costs more than using it.

    Every seal draws its nonce from the operating system. Nonces are never fetched in advance: a buffer of them would be
    shared by both sides of a fork. With random nonces one key seals at most 2^32 values (SP 800-38D section 8.3).
    """

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        """Take a key of 32 bytes.

        Raises:
            ValueError: the key has another length; 128-bit and 192-bit keys are not accepted.
        """
        if len(key) != KEY_BYTES:
            raise ValueError("An AES-256 key has 32 bytes.")
        self._cipher = AESGCM(key)

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """Encrypt: nonce (12 bytes) | ciphertext | tag (16 bytes). `aad` is bound to it and not stored."""
        nonce = urandom(12)
        return nonce + self._cipher.encrypt(nonce, plaintext, aad)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """Decrypt what `seal` gave for the same `aad`.

        Raises:
            Tampered: anything is wrong with it; which thing is not told.
        """
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], aad)
        except (InvalidTag, ValueError):  # ValueError: fewer than 8 bytes, not even a nonce.
            raise Tampered from None
