"""Files in S3, read by ranges. A connection that breaks off is taken up again at the byte where it broke.

A few breaks in a row without a byte of progress are told. Whether the bytes of a sealed file are the right ones is
judged where they are opened (hq.crypto.stream).
"""

import re
from collections.abc import Generator
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError
from urllib3.exceptions import HTTPError

from hq.crypto.aead import Tampered
from hq.crypto.stream import CHUNK_BYTES, HEADER_BYTES, plain_size, sealed_size
from vault.store.base import MissingBytes
from vault.store.s3_faults import NotThatMany, StoreUnavailable
from vault.store.s3_line import Answer, Line

SEALED_CHUNK = sealed_size(CHUNK_BYTES) - HEADER_BYTES
_END = HEADER_BYTES + SEALED_CHUNK  # bytes that hold the last chunk for certain, and the whole of a small file
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_BROKEN = (BotoCoreError, HTTPError, OSError)


class _Part(NamedTuple):
    """What a ranged GET brings: bytes from `start` up to before `stop`."""

    start: int
    stop: int
    total: int
    etag: str
    body: Any


class _Ranges:
    """One object by ranges: short ones at once, a long one as a stream. It is the same one throughout."""

    def __init__(self, line: Line, bucket: str, place: str, etag: str = "") -> None:
        self._line, self._bucket, self._place = line, bucket, place
        self._etag = etag
        self._stream: _Part | None = None
        self._at = 0  # where the stream stands
        self._until = 0

    def short(self, span: str) -> tuple[_Part, bytes]:
        """A short range, all of it. Raises NotThatMany."""
        for _ in range(self._line.pace.breaks + 1):
            part = self._get(span)
            if (found := _all_of(part)) is not None:
                return part, found
        raise StoreUnavailable

    def begin(self, start: int, until: int) -> None:
        """Let these bytes come."""
        self.close()
        part = self._get(f"bytes={start}-{until - 1}")
        if (part.start, part.stop) != (start, until):
            part.body.close()
            raise StoreUnavailable
        self._stream, self._at, self._until = part, start, until

    def streamed(self, at: int, size: int) -> bytes:
        """All of these bytes, from the stream if they are its next ones."""
        found, breaks = b"", 0
        while len(found) < size:
            more = self._more(at + len(found), size - len(found))
            if more:
                found, breaks = found + more, 0
                continue
            breaks += 1
            if breaks > self._line.pace.breaks:
                raise StoreUnavailable
        return found

    def close(self) -> None:
        if self._stream is not None:
            self._stream.body.close()
            self._stream = None

    def _more(self, at: int, size: int) -> bytes:
        """Some of them, or none if the connection broke off."""
        if self._stream is None or self._at != at:
            self.begin(at, max(self._until, at + size))
        assert self._stream is not None  # noqa: S101 - begun above
        try:
            more: bytes = self._stream.body.read(min(size, self._until - at))
        except _BROKEN:
            more = b""
        self._at = at + len(more)
        if not more or self._at == self._until:
            self.close()
        return more

    def _get(self, span: str) -> _Part:
        same = {"IfMatch": self._etag} if self._etag else {}
        part = self._line.ask("get_object", self._bucket, _part, Key=self._place, Range=span, **same)
        self._etag = part.etag
        return part


class SealedFile:
    """A hq.crypto.stream.Source: the end is read first, then what holds the plaintext's slice, in one go.

    That is begun at once, so that a file that is deleted later can be read as long as nothing breaks.
    Raises MissingBytes, Tampered and the faults of S3.
    """

    def __init__(self, line: Line, bucket: str, place: str, start: int = 0, stop: int | None = None) -> None:
        self._ranges = _Ranges(line, bucket, place)
        self._at = 0
        self._head = b""
        try:
            end, content = self._ranges.short(f"bytes=-{_END}")
        except NotThatMany:
            raise Tampered from None  # an empty one
        self._size = end.total
        self._end_at = _last_chunk(end.total) if end.start else 0
        self._end = content[self._end_at - end.start :]
        first = _chunk_before(start)
        until = self._end_at if stop is None else min(self._end_at, _chunk_after(stop))
        if self._end_at and (first or first >= until):
            self._head = self._ranges.short(f"bytes=0-{HEADER_BYTES - 1}")[1]
        if first < until:
            self._ranges.begin(first, until)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = self._size + offset if whence == 2 else offset
        return self._at

    def read(self, size: int, /) -> bytes:
        if self._at >= self._end_at:
            found = self._end[self._at - self._end_at :][:size]
        elif self._at + size <= len(self._head):
            found = self._head[self._at :][:size]
        else:
            found = self._ranges.streamed(self._at, size)
        self._at += len(found)
        return found

    def close(self) -> None:
        self._ranges.close()


def plain_pieces(line: Line, bucket: str, place: str, size: int, etag: str = "") -> Generator[bytes]:
    """A file of this size that is not sealed, one byte at least; with `etag` this one only. Raises MissingBytes."""
    ranges = _Ranges(line, bucket, place, etag)
    try:
        for at in range(0, size, CHUNK_BYTES):
            if at == 0:
                ranges.begin(0, size)
            yield ranges.streamed(at, min(CHUNK_BYTES, size - at))
    except NotThatMany:
        raise MissingBytes from None
    finally:
        ranges.close()


def _last_chunk(total: int) -> int:
    """Where it begins in a sealed file of this size. Raises Tampered: no file has it."""
    return HEADER_BYTES + max(0, plain_size(total) - 1) // CHUNK_BYTES * SEALED_CHUNK


def _chunk_before(start: int) -> int:
    """Where the chunk begins that holds this byte of the plaintext; the file's own beginning for the first."""
    number = start // CHUNK_BYTES
    return HEADER_BYTES + number * SEALED_CHUNK if number else 0


def _chunk_after(stop: int) -> int:
    """Where the chunk ends that holds the byte before this one of the plaintext."""
    return HEADER_BYTES + -(-stop // CHUNK_BYTES) * SEALED_CHUNK if stop else 0


def _part(answer: Answer) -> _Part:
    found = _RANGE.fullmatch(answer["ContentRange"])
    if found is None:
        raise ValueError
    start, last, total = map(int, found.groups())
    if answer["ContentLength"] != last + 1 - start:
        raise ValueError
    return _Part(start, last + 1, total, answer["ETag"], answer["Body"])


def _all_of(part: _Part) -> bytes | None:
    """The whole part, or None if its connection broke off."""
    try:
        found: bytes = part.body.read()
    except _BROKEN:
        return None
    finally:
        part.body.close()
    return found if len(found) == part.stop - part.start else None
