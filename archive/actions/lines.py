"""A file of the archive: gzip of JSON Lines, the same bytes for the same entries, however often it is made.

JSON escapes whatever a name or an address may hold: no text in a line ends it, moves a terminal's cursor or begins
another line.
"""

import gzip
import io
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import orjson

from audit.selectors import SealedEntry
from hq.lib.canonical import canonical

LEVEL: Final = 6
MOST_LINE: Final = 1024 * 1024
ROW_BYTES: Final = 16


class Damaged(ValueError):
    """A file of the archive is not what was written."""


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as it is read back."""

    index: int
    document: bytes
    previous: bytes
    hash: bytes


def line(entry: SealedEntry) -> bytes:
    """`sealed` is the row's id and what the row holds: with the organization's key both open it again."""
    return canonical(
        {
            "document": orjson.loads(entry.document),
            "hash": entry.hash.hex(),
            "previous": entry.previous.hex(),
            "sealed": b64encode(entry.row_id.bytes + entry.sealed).decode(),
        }
    )


def compressed(entries: Iterable[SealedEntry]) -> bytes:
    """A whole file. Neither a time nor a name is in its head, so nothing but the entries makes its bytes."""
    held = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=held, mtime=0) as file:
        for entry in entries:
            file.write(line(entry))
            file.write(b"\n")
    return held.getvalue()


def read(content: bytes) -> Iterator[Line]:
    """Its lines, nothing of them compared with anything. Raises Damaged."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            while raw := file.readline(MOST_LINE):
                yield _read(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise Damaged from error


def same(one: bytes, ours: bytes) -> bool:
    """Whether a file holds the same lines as ours: another version of zlib may have made other bytes of them.

    It may be anybody's, so no more of it is unpacked than ours has.
    """
    if one == ours:
        return True
    plain = gzip.decompress(ours)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(one)) as file:
            return file.read(len(plain) + 1) == plain
    except (OSError, EOFError, zlib.error):
        return False


def _read(raw: bytes) -> Line:
    try:
        whole = orjson.loads(raw)
        document = whole["document"]
        if canonical(whole) + b"\n" != raw or whole.keys() != {"document", "hash", "previous", "sealed"}:
            raise Damaged
        if whole["sealed"] is not None:
            b64decode(whole["sealed"], validate=True)
        return Line(
            int(document["index"]),
            canonical(document),
            bytes.fromhex(whole["previous"]),
            bytes.fromhex(whole["hash"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Damaged from error
