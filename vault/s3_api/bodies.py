"""What comes in a PUT: plain, or in the chunks of `aws-chunked` with a checksum behind them.

What the request says of its content is signed: the SHA-256 in `x-amz-content-sha256`, or that a checksum follows the
chunks. `UNSIGNED-PAYLOAD` says nothing of it, as a pre-signed address cannot; TLS keeps such a body whole.
"""

import hashlib
import re
import zlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from django.http import HttpRequest

from hq.web import transfer
from vault.s3_api.errors import S3Error

UNSIGNED, IN_CHUNKS = "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
MOST_LINE = 4096
CHECKED = "HQ checks CRC32, SHA-1, SHA-256 and Content-MD5: let your client send one of these."
ALGORITHMS = frozenset({"CRC32", "SHA1", "SHA256"})  # as x-amz-checksum-algorithm names them
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})(?:;.*)?", re.ASCII)


class Sum(Protocol):
    """A checksum under way."""

    def update(self, data: bytes, /) -> object: ...
    def digest(self) -> bytes: ...


class _Crc32:
    """CRC-32 as S3 writes it: four bytes, the highest first."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


def _sum_of(header: str) -> Sum:
    """Raises S3Error for an algorithm that HQ does not compute: what is not checked is not taken."""
    match header:
        case "x-amz-checksum-crc32":
            return _Crc32()
        case "x-amz-checksum-sha1":
            return hashlib.sha1(usedforsecurity=False)
        case "x-amz-checksum-sha256":
            return hashlib.sha256()
        case "content-md5":
            return hashlib.md5(usedforsecurity=False)
    raise S3Error("NotImplemented", CHECKED)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A body that can be read once: its plain length, its type, and its SHA-256 in hex where that was announced."""

    length: int
    sha256: str | None
    content_type: str
    chunks: Iterator[bytes]


def incoming(request: HttpRequest, allowed: transfer.Allowed) -> Incoming:
    """The body of a PUT, not yet read. Checksums are checked as it ends, before anything shows.

    `allowed` is asked while it comes and once it is there. Raises S3Error, and what `transfer.body` does.
    """
    announced = request.headers.get("X-Amz-Content-SHA256", UNSIGNED)
    said = _announced_sums(request)
    if announced == IN_CHUNKS:
        return _in_chunks(request, said, allowed)
    if announced != UNSIGNED and not _HEX.fullmatch(announced):
        raise S3Error("NotImplemented", "HQ takes a body with its SHA-256, unsigned, or in chunks with a checksum.")
    body = transfer.body(request, allowed)
    sha256 = announced if announced != UNSIGNED else body.sha256
    return Incoming(body.length, sha256, body.content_type, _summed(body.chunks, said))


def _announced_sums(request: HttpRequest) -> dict[str, bytes]:
    """Checksums that stand in headers of their own. Raises S3Error."""
    found = {}
    for name, value in request.headers.items():
        key = name.lower()
        is_sum = key.startswith("x-amz-checksum-") and key not in {"x-amz-checksum-mode", "x-amz-checksum-type"}
        if key == "content-md5" or is_sum:
            found[key] = _decoded(value)
    return found


def _decoded(value: str) -> bytes:
    try:
        return b64decode(value.strip(), validate=True)
    except (Base64Error, ValueError):
        raise S3Error("InvalidRequest", "A checksum is base64.") from None


def _summed(chunks: Iterator[bytes], said: Mapping[str, bytes]) -> Iterator[bytes]:
    sums = {name: _sum_of(name) for name in said}
    return _checked(chunks, sums, said)


def _checked(chunks: Iterator[bytes], sums: Mapping[str, Sum], said: Mapping[str, bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for each in sums.values():
            each.update(chunk)
        yield chunk
    if any(each.digest() != said.get(name) for name, each in sums.items()):
        raise S3Error("BadDigest")


# ---- aws-chunked


def _in_chunks(request: HttpRequest, said: dict[str, bytes], allowed: transfer.Allowed) -> Incoming:
    raw = request.headers.get("X-Amz-Decoded-Content-Length", "")
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 15):
        raise S3Error("MissingContentLength")
    trailer = request.headers.get("X-Amz-Trailer", "").strip().lower()
    encoding = [part.strip().lower() for part in request.headers.get("Content-Encoding", "").split(",")]
    if trailer == "" or encoding != ["aws-chunked"]:
        raise S3Error("InvalidRequest", "Chunks come with Content-Encoding aws-chunked and X-Amz-Trailer.")
    sums = {name: _sum_of(name) for name in {*said, trailer}}
    reader = _Reader(request, int(raw), allowed)
    content_type = transfer.media_type(request.META.get("CONTENT_TYPE", ""))
    return Incoming(int(raw), None, content_type, _unpacked(reader, sums, said, trailer))


def _unpacked(reader: "_Reader", sums: dict[str, Sum], said: dict[str, bytes], trailer: str) -> Iterator[bytes]:
    def chunks() -> Iterator[bytes]:
        yield from reader.chunks()
        trailers = reader.trailers()
        if trailer not in trailers:
            raise S3Error("IncompleteBody")
        said[trailer] = _decoded(trailers[trailer])

    return _checked(chunks(), sums, said)


class _Reader:
    """Reads `size CRLF bytes CRLF … 0 CRLF trailer CRLF CRLF`, never more of the body than came."""

    def __init__(self, request: HttpRequest, length: int, allowed: transfer.Allowed) -> None:
        self._source = request.META["wsgi.input"]
        raw = request.META.get("CONTENT_LENGTH") or ""
        self._left = int(raw) if raw.isascii() and raw.isdigit() else None  # None: HTTP's own chunks, until they end
        self._length = length
        self._asking = transfer.Asking(allowed)
        self._held, self._at = b"", 0  # what was read, and how much of it is done with: chunks may be of one byte

    def chunks(self) -> Iterator[bytes]:
        """The plain bytes, as many as were announced. Raises S3Error, Withdrawn."""
        came = 0
        while size := self._size():
            came += size
            if came > self._length:
                raise S3Error("IncompleteBody")
            yield from self._exactly(size)
            if self._line() != b"":
                raise S3Error("IncompleteBody")
        if came != self._length:
            raise S3Error("IncompleteBody")
        self._asking.now()

    def trailers(self) -> dict[str, str]:
        """What stands behind the last chunk, and nothing behind that. Raises S3Error."""
        found: dict[str, str] = {}
        while (line := self._line(at_end=True)) and len(found) < 8:
            name, _, value = line.decode("latin-1").partition(":")
            found[name.strip().lower()] = value.strip()
        if self._at < len(self._held) or self._more(at_end=True):
            raise S3Error("IncompleteBody")
        return found

    def _size(self) -> int:
        found = _SIZE.fullmatch(self._line())
        if found is None:
            raise S3Error("IncompleteBody")
        return int(found[1], 16)

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size:
            if self._at == len(self._held):
                self._more()
            part = self._held[self._at : self._at + size]
            self._at += len(part)
            size -= len(part)
            self._asking.now_and_then()
            yield part

    def _line(self, *, at_end: bool = False) -> bytes:
        while (end := self._held.find(b"\r\n", self._at)) < 0:
            if len(self._held) - self._at > MOST_LINE:
                raise S3Error("IncompleteBody")
            if not self._more(at_end=at_end):
                end = len(self._held)
                break
        line, self._at = self._held[self._at : end], min(end + 2, len(self._held))
        return line

    def _more(self, *, at_end: bool = False) -> bool:
        most = transfer.READ_BYTES if self._left is None else min(transfer.READ_BYTES, self._left)
        try:
            piece: bytes = self._source.read(most) if most else b""
        except OSError as error:
            raise transfer.BodyCut from error
        if not piece and not at_end:
            raise S3Error("IncompleteBody")
        if self._left is not None:
            self._left -= len(piece)
        self._held, self._at = self._held[self._at :] + piece, 0
        return bool(piece)


def in_base64(digest_hex: str) -> str:
    """A SHA-256 as S3's checksum headers write it."""
    return b64encode(bytes.fromhex(digest_hex)).decode()
