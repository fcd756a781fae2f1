"""Encrypted files of any size in constant memory: the STREAM construction over AES-256-GCM in chunks of 64 KiB.

STREAM is by Hoang, Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance" (CRYPTO 2015). Format version 1, integers big-endian:

    file   = header | chunk 0 | chunk 1 | ... | last chunk
    header = "HQSF" | version 01 | salt, 32 random bytes | prefix, 7 random bytes                          (44 bytes)
    chunk  = ciphertext of 65,536 bytes (the last: 0 to 65,536) | tag, 16 bytes

    file key = HKDF-SHA256(content key, salt = the salt, info = "hq-file-v1" 00 | header, 32 bytes)
    nonce    = prefix, 7 bytes | number of the chunk, 4 bytes | 01 for the last chunk, else 00             (12 bytes)
    AAD      = header | the caller's associated data

The number in the nonce fixes the order, the flag makes the end part of what is authenticated, and a key per file keeps
chunks of one file out of another. Only an empty file has an empty last chunk, so sizes follow from each other.
"""

from collections.abc import Iterator
from os import urandom
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hq.crypto.aead import KEY_BYTES, TAG_BYTES, Tampered
from hq.crypto.kdf import derive

CHUNK_BYTES = 64 * 1024
HEADER_BYTES = 44
MAX_CHUNKS = 2**32 - 1  # 256 TiB less one chunk.

_MAGIC = b"HQSF\x01"
_SALT_BYTES = 32
_PREFIX_BYTES = 7
_SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
_LABEL = b"hq-file-v1\x00"


class Sink(Protocol):
    """Where sealed bytes go: a binary file open for writing, buffered or not."""

    def write(self, data: memoryview, /) -> int | None: ...


class Source(Protocol):
    """Where sealed bytes come from: a binary file, at whose first byte the header begins."""

    def read(self, size: int, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...


class TooLarge(ValueError):
    """A file of more than 2^32 - 1 chunks cannot be sealed."""


class SealingWriter:
    """Encrypts what is written to it into `sink`, through one reused buffer.

    The sealed file is complete only after `finish()`; without it, reading finds it cut. The sink is neither flushed nor
    closed. After an exception the file is lost: write a new one.
    """

    __slots__ = ("_aad", "_cipher", "_finished", "_held", "_number", "_pending", "_prefix", "_sealed", "_sink", "_size")

    def __init__(self, sink: Sink, key: bytes, aad: bytes) -> None:
        """Begin a file: write its header. `key` is the content key (32 bytes), `aad` what the file is bound to.

        Raises:
            ValueError: the key has another length.
        """
        header = _MAGIC + urandom(_SALT_BYTES + _PREFIX_BYTES)
        self._cipher = _file_cipher(key, header)
        self._aad = header + aad
        self._prefix = header[-_PREFIX_BYTES:]
        self._sink = sink
        self._number = 0
        self._size = 0
        self._held = 0
        self._pending = memoryview(bytearray(CHUNK_BYTES))
        self._sealed = memoryview(bytearray(_SEALED_CHUNK_BYTES))
        self._finished = False
        self._put(memoryview(header))

    @property
    def size(self) -> int:
        """How many bytes of plaintext were written so far."""
        return self._size

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take plaintext, any amount of it; returns the number of bytes, all of them.

        Raises:
            TooLarge: the file would have more than 2^32 - 1 chunks.
            ValueError: the file is finished.
        """
        if self._finished:
            raise ValueError("This file is finished.")
        view = memoryview(data).cast("B")
        rest = view
        while rest:
            # A full chunk is held back until more follows: it might be the last.
            if self._held == CHUNK_BYTES:
                self._seal(self._pending, last=False)
                self._held = 0
            if not self._held and len(rest) > CHUNK_BYTES:
                self._seal(rest[:CHUNK_BYTES], last=False)
                rest = rest[CHUNK_BYTES:]
                continue
            part = rest[: CHUNK_BYTES - self._held]
            self._pending[self._held : self._held + len(part)] = part
            self._held += len(part)
            rest = rest[len(part) :]
        self._size += len(view)
        return len(view)

    def finish(self) -> int:
        """Write the last chunk; returns the plaintext's size in bytes.

        Raises:
            ValueError: the file is finished already.
        """
        if self._finished:
            raise ValueError("This file is finished.")
        self._finished = True
        self._seal(self._pending[: self._held], last=True)
        return self._size

    def _seal(self, plaintext: memoryview, *, last: bool) -> None:
        if self._number >= MAX_CHUNKS:
            raise TooLarge
        sealed = self._sealed[: len(plaintext) + TAG_BYTES]
        nonce = _nonce(self._prefix, self._number, last=last)
        self._number += 1  # Before anything can fail: a nonce is used once, whatever happens next.
        self._cipher.encrypt_into(nonce, plaintext, self._aad, sealed)
        self._put(sealed)

    def _put(self, data: memoryview) -> None:
        while data:
            written = self._sink.write(data)
            if not written:
                raise OSError("The file accepted no more bytes.")
            data = data[written:]


def open_stream(source: Source, key: bytes, aad: bytes, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """Decrypt a file, or the plaintext's slice `[start:stop]`, in pieces of at most 64 KiB; none of them is empty.

    The header and the last chunk are opened at once, before this returns: the size is then proven, and a file that was
    cut or extended is refused before its first byte is given away. Every other chunk is verified before it is yielded.
    As in a slice, what lies past the end is left out.

    Raises:
        Tampered: now, or from the iterator at the bad chunk.
        ValueError: `start` or `stop` is negative, or the key has another length than 32 bytes.
    """
    if start < 0 or (stop is not None and stop < 0):
        raise ValueError("A range counts from the beginning.")
    chunks = _Chunks(source, key, aad)
    end = chunks.size if stop is None else min(stop, chunks.size)
    return chunks.slice(start, end)


def sealed_size(plain: int) -> int:
    """How many bytes a file of `plain` bytes has when sealed.

    Raises:
        ValueError: the size is negative.
        TooLarge: it would have more than 2^32 - 1 chunks.
    """
    if plain < 0:
        raise ValueError("A size is not negative.")
    chunks = max(1, -(-plain // CHUNK_BYTES))
    if chunks > MAX_CHUNKS:
        raise TooLarge
    return HEADER_BYTES + plain + chunks * TAG_BYTES


def plain_size(sealed: int) -> int:
    """How many bytes a sealed file of `sealed` bytes holds. Only a claim until the last chunk has been opened.

    Raises:
        Tampered: no file has this size when sealed.
    """
    body = sealed - HEADER_BYTES
    chunks = max(1, -(-body // _SEALED_CHUNK_BYTES))
    plain = body - chunks * TAG_BYTES
    if chunks > MAX_CHUNKS or plain < 0 or sealed_size(plain) != sealed:
        raise Tampered
    return plain


class _Chunks:
    """The chunks of one sealed file, by number; the last is open already."""

    def __init__(self, source: Source, key: bytes, aad: bytes) -> None:
        self.size = plain_size(source.seek(0, 2))
        source.seek(0)
        header = _read(source, HEADER_BYTES)
        if not header.startswith(_MAGIC):
            raise Tampered
        self._source = source
        self._cipher = _file_cipher(key, header)
        self._aad = header + aad
        self._prefix = header[-_PREFIX_BYTES:]
        self._last = max(0, self.size - 1) // CHUNK_BYTES
        self._tail = self._open(self._last)

    def slice(self, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            number, offset = divmod(start, CHUNK_BYTES)
            plaintext = self._tail if number == self._last else self._open(number)
            piece = plaintext[offset : offset + end - start]
            start += len(piece)
            yield piece

    def _open(self, number: int) -> bytes:
        last = number == self._last
        size = self.size - number * CHUNK_BYTES if last else CHUNK_BYTES
        self._source.seek(HEADER_BYTES + number * _SEALED_CHUNK_BYTES)
        sealed = _read(self._source, size + TAG_BYTES)
        try:
            return self._cipher.decrypt(_nonce(self._prefix, number, last=last), sealed, self._aad)
        except InvalidTag:
            raise Tampered from None


def _file_cipher(key: bytes, header: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise ValueError("A content key has 32 bytes.")
    salt = header[len(_MAGIC) : len(_MAGIC) + _SALT_BYTES]
    return AESGCM(derive(key, salt=salt, info=_LABEL + header, length=KEY_BYTES))


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + (b"\x01" if last else b"\x00")


def _read(source: Source, size: int) -> bytes:
    """Read exactly `size` bytes; an unbuffered file may give fewer at a time.

    Raises:
        Tampered: the file became shorter than it was.
    """
    data = source.read(size)
    while len(data) < size:
        more = source.read(size - len(data))
        if not more:
            raise Tampered
        data += more
    return data
