"""A small file under a passphrase, as the `age` tool reads it (age-encryption.org/v1, recipient type scrypt).

    file    = header | nonce, 16 random bytes | payload: one chunk, sealed with ChaCha20-Poly1305
    header  = "age-encryption.org/v1" LF "-> scrypt" SP salt SP log2(N) LF file key, wrapped LF "---" SP MAC LF

Only this one kind is written here, since pyrage's own chooses N by the clock: on a quick machine a gigabyte of memory,
for seconds in which no other thread runs. Everything else of the format is pyrage's.
"""

import hashlib
import hmac
from base64 import b64encode
from os import urandom

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# 128 MiB and some tenths of a second, outside of the interpreter's lock; `age` itself takes twice that.
LOG_N = 17
CHUNK_BYTES = 64 * 1024

_INTRO = b"age-encryption.org/v1\n"
_LABEL = b"age-encryption.org/v1/scrypt"
_BLOCK, _PARALLEL = 8, 1
_FIRST = bytes(12)  # the nonce of what is sealed once under its key
_LAST_CHUNK = bytes(11) + b"\x01"


def seal_by_passphrase(content: bytes, passphrase: str) -> bytes:
    """Encrypt at most 64 KiB so that whoever knows the passphrase opens it with `age`.

    Raises:
        ValueError: it has more bytes, or there is no passphrase.
    """
    if len(content) > CHUNK_BYTES or not passphrase:
        raise ValueError("At most 64 KiB, under a passphrase.")
    file_key, salt, nonce = urandom(16), urandom(16), urandom(16)
    wrapping = hashlib.scrypt(
        passphrase.encode(),
        salt=_LABEL + salt,
        n=1 << LOG_N,
        r=_BLOCK,
        p=_PARALLEL,
        maxmem=2 * 128 * _BLOCK << LOG_N,
        dklen=32,
    )
    wrapped = ChaCha20Poly1305(wrapping).encrypt(_FIRST, file_key, None)
    header = b"%b-> scrypt %b %d\n%b\n---" % (_INTRO, _base64(salt), LOG_N, _base64(wrapped))
    mac = hmac.digest(_derive(file_key, b"", b"header"), header, "sha256")
    payload = ChaCha20Poly1305(_derive(file_key, nonce, b"payload"))
    return b"%b %b\n%b%b" % (header, _base64(mac), nonce, payload.encrypt(_LAST_CHUNK, content, None))


def _base64(raw: bytes) -> bytes:
    return b64encode(raw).rstrip(b"=")


def _derive(file_key: bytes, salt: bytes, info: bytes) -> bytes:
    """Not by hq.crypto.kdf: file keys of age have 16 bytes."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(file_key)
