"""Files as the `age` tool reads them (age-encryption.org/v1): a small one under a passphrase, a stream to a key.

    file    = header | nonce, 16 random bytes | payload: chunks of 64 KiB, sealed with ChaCha20-Poly1305
    header  = "age-encryption.org/v1" LF stanza "---" SP MAC LF
    stanza  = "-> scrypt" SP salt SP log2(N) LF file key, wrapped LF
            | "-> X25519" SP share LF file key, wrapped LF

Only these two kinds are written here. pyrage chooses N by the clock: on a quick machine a gigabyte of memory, for
seconds in which no other thread runs. And for a stream it takes three times the work of OpenSSL. Everything else of the
format, keys of SSH among it, is pyrage's.
"""

import hashlib
import hmac
from base64 import b64encode
from os import urandom

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hq.crypto.stream import Sink

# 128 MiB and some tenths of a second, outside of the interpreter's lock; `age` itself takes twice that.
LOG_N = 17
CHUNK_BYTES = 64 * 1024

_INTRO = b"age-encryption.org/v1\n"
_LABEL = b"age-encryption.org/v1/scrypt"
_LABEL_X25519 = b"age-encryption.org/v1/X25519"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_TAG_BYTES = 16
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
    header = _header(b"scrypt %b %d" % (_base64(salt), LOG_N), wrapping, file_key)
    payload = ChaCha20Poly1305(_derive(file_key, nonce, b"payload"))
    return b"%b%b%b" % (header, nonce, payload.encrypt(_LAST_CHUNK, content, None))


class SealingStream:
    """Encrypts what is written to it into `sink` for a public key of age. The file is whole only after `finish()`."""

    def __init__(self, sink: Sink, recipient: str) -> None:
        """Write the header. `recipient`, as age1…, has been checked. Raises ValueError: its point hides nothing."""
        file_key, nonce, mine, theirs = urandom(16), urandom(16), X25519PrivateKey.generate(), _point(recipient)
        shared, share = mine.exchange(X25519PublicKey.from_public_bytes(theirs)), mine.public_key().public_bytes_raw()
        header = _header(b"X25519 " + _base64(share), _derive(shared, share + theirs, _LABEL_X25519), file_key)
        self._cipher = ChaCha20Poly1305(_derive(file_key, nonce, b"payload"))
        self._sink, self._number, self._held = sink, 0, 0
        self._pending = memoryview(bytearray(CHUNK_BYTES))
        self._sealed = memoryview(bytearray(CHUNK_BYTES + _TAG_BYTES))
        self._put(memoryview(header + nonce))

    def write(self, data: bytes) -> None:
        """Take plaintext, any amount of it. A full chunk is held back until more follows: it might be the last."""
        rest = memoryview(data)
        while rest:
            if self._held == CHUNK_BYTES:
                self._seal(last=False)
            part = rest[: CHUNK_BYTES - self._held]
            self._pending[self._held : self._held + len(part)] = part
            self._held += len(part)
            rest = rest[len(part) :]

    def finish(self) -> None:
        """Write the last chunk."""
        self._seal(last=True)

    def _seal(self, *, last: bool) -> None:
        nonce = self._number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
        self._number += 1  # before anything can fail: a nonce is used once
        sealed = self._sealed[: self._held + _TAG_BYTES]
        self._cipher.encrypt_into(nonce, self._pending[: self._held], None, sealed)
        self._held = 0
        self._put(sealed)

    def _put(self, data: memoryview) -> None:
        while data:
            written = self._sink.write(data)
            if not written:
                raise OSError("The file accepted no more bytes.")
            data = data[written:]


def _header(stanza: bytes, wrapping: bytes, file_key: bytes) -> bytes:
    wrapped = ChaCha20Poly1305(wrapping).encrypt(_FIRST, file_key, None)
    header = b"%b-> %b\n%b\n---" % (_INTRO, stanza, _base64(wrapped))
    return b"%b %b\n" % (header, _base64(hmac.digest(_derive(file_key, b"", b"header"), header, "sha256")))


def _point(recipient: str) -> bytes:
    """The 32 bytes in a public key of age: Bech32, 52 digits of 5 bits behind "age1", and 6 that check them."""
    number = 0
    for digit in recipient[4:-6]:
        number = number << 5 | _BECH32.index(digit)
    return (number >> 4).to_bytes(32, "big")


def _base64(raw: bytes) -> bytes:
    return b64encode(raw).rstrip(b"=")


def _derive(file_key: bytes, salt: bytes, info: bytes) -> bytes:
    """Not by hq.crypto.kdf: file keys of age have 16 bytes."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(file_key)
