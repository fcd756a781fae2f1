"""Reads a tar as it comes, in constant memory, and gives nothing away of what is not a plain folder of files.

Python's own module trusts sizes in headers with its memory, guesses formats and skips what it does not understand.
This reads what POSIX (IEEE Std 1003.1, "ustar" and "pax") and GNU tar write of plain files and folders, and refuses
everything else, before any of it is kept.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from artifacts.models import BYTES_MOST
from hq.lib.errors import Invalid, PayloadTooLarge

BLOCK = 512
PIECE = 64 * 1024
EXTENSION_MOST = 64 * 1024  # of a long name, or of pax records
RATIO_MOST, RATIO_FREE = 200, 16 * 1024 * 1024  # how far gzip may unfold, beyond what any small archive may
WHOLE_MOST = BYTES_MOST + 256 * 1024 * 1024  # with every header, before and after unfolding
_ZEROS = bytes(BLOCK)
_FILES, _FOLDERS = b"0\0", b"5"
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a named pipe",
    b"S": "a sparse file",
}


class NotAnArchive(Invalid):
    """This is no tar archive that HQ reads. Nothing of it was kept."""


class RefusedMember(Invalid):
    """The archive holds something that cannot be published. Nothing of it was kept."""


class ArchiveTooLarge(PayloadTooLarge):
    """The archive unfolds to more than can be published at once. Nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file or, where `folder`, a folder; its name is as it was written."""

    name: str
    size: int
    folder: bool


class _Source:
    """Exactly so many bytes at a time, of chunks as they come."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def some(self, most: int) -> bytes:
        """Up to `most` bytes; none at the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = memoryview(chunk)
        piece, self._rest = self._rest[:most], self._rest[most:]
        return bytes(piece)

    def exactly(self, size: int) -> bytes:
        """Raises NotAnArchive at an early end."""
        found = b""
        while len(found) < size:
            piece = self.some(size - len(found))
            if not piece:
                raise NotAnArchive("The archive ends before it is whole. Nothing of it was kept.")
            found += piece
        return found


class TarReader:
    """Members in order, and after each file its bytes: `for member in reader: for piece in reader.pieces(): ...`."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._source = _Source(_bounded(unfolded(_bounded(chunks))))
        self._left = self._padding = 0

    def __iter__(self) -> Iterator[Member]:
        """Raises NotAnArchive, RefusedMember, ArchiveTooLarge."""
        long_name, said = "", dict[str, str]()
        while (header := self._header()) is not None:
            kind, size = header[156:157], _number(header[124:136])
            if kind == b"L":
                long_name = _text(self._extension(size).rstrip(b"\0"))
                continue
            if kind == b"x":
                said = _records(self._extension(size))
                continue
            name = said.get("path") or long_name or _name(header)
            size = _decimal(said["size"]) if "size" in said else size
            long_name, said = "", {}
            if kind == b"g":
                self._extension(size)  # words about the whole archive, such as git's commit
                continue
            yield self._member(kind, name, size)
        self._finish()

    def _member(self, kind: bytes, name: str, size: int) -> Member:
        if kind in _FOLDERS or (kind == b"\0" and name.endswith("/")):
            if size:
                raise NotAnArchive(f"{name!r} is a folder with bytes of its own. Nothing of it was kept.")
            return Member(name, 0, folder=True)
        if kind not in _FILES:
            what = _KINDS.get(kind, f"of an unknown kind ({kind!r})")
            raise RefusedMember(f"{name!r} is {what}; only plain files are published. Nothing was kept.")
        self._left, self._padding = size, -size % BLOCK
        return Member(name, size, folder=False)

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file that was just given. They must be read to the end."""
        while self._left:
            piece = self._source.some(min(self._left, PIECE))
            if not piece:
                raise NotAnArchive("The archive ends within a file. Nothing of it was kept.")
            self._left -= len(piece)
            yield piece
        self._source.exactly(self._padding)
        self._padding = 0

    def _header(self) -> bytes | None:
        """The next header; None at the two blocks of zeros that end an archive."""
        header = self._source.exactly(BLOCK)
        if header == _ZEROS:
            if self._source.exactly(BLOCK) != _ZEROS:
                raise NotAnArchive
            return None
        spaced = header[:148] + b" " * 8 + header[156:]
        if header[257:262] != b"ustar" or _number(header[148:156]) != sum(spaced):
            raise NotAnArchive
        return header

    def _extension(self, size: int) -> bytes:
        if size > EXTENSION_MOST:
            raise NotAnArchive("The archive has a name or a comment that is far too long. Nothing of it was kept.")
        found = self._source.exactly(size)
        self._source.exactly(-size % BLOCK)
        return found

    def _finish(self) -> None:
        """Only zeros may follow: tar fills its last record. The whole body is read, or its sender would be cut off."""
        while piece := self._source.some(PIECE):
            if piece.strip(b"\0"):
                raise NotAnArchive("Something follows the archive's end. Nothing of it was kept.")


def _number(raw: bytes) -> int:
    """Octal digits, or GNU's base 256 for a size beyond them."""
    if raw[:1] == b"\x80":
        return int.from_bytes(raw[1:], "big")
    digits = raw.strip(b"\0 ")
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise NotAnArchive
    return int(digits, 8)


def _decimal(raw: str) -> int:
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 19):
        raise NotAnArchive
    return int(raw)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise RefusedMember("The archive has a name that is not UTF-8. Nothing was kept.") from None


def _name(header: bytes) -> str:
    """The name, after POSIX's prefix; GNU keeps times in the prefix's place."""
    name = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return _text(prefix + b"/" + name if prefix else name)


def _records(raw: bytes) -> dict[str, str]:
    """Pax records: a length that counts all of it, a space, keyword=value and a line feed."""
    found = {}
    while raw:
        digits, space, _ = raw[:20].partition(b" ")
        length = int(digits) if space and digits.isdigit() else 0
        record, raw = raw[:length], raw[length:]
        keyword, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if not length or len(record) != length or not equals or record[-1:] != b"\n":
            raise NotAnArchive
        word = _text(keyword)
        if word.startswith("GNU.sparse") or word == "linkpath":
            raise RefusedMember("The archive holds a link or a sparse file. Nothing was kept.")
        if word in {"path", "size"}:
            found[word] = _text(value)
    return found


def _bounded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same, unless it goes on for too long: headers, comments and zeros are no file whose bytes are counted."""
    given = 0
    for chunk in chunks:
        given += len(chunk)
        if given > WHOLE_MOST:
            raise ArchiveTooLarge
        yield chunk


def unfolded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What gzip has folded (RFC 1952), told by its first two bytes; anything else as it is.

    Raises ArchiveTooLarge, NotAnArchive.
    """
    source = _Source(chunks)
    first = source.some(2)
    if len(first) == 1:
        first += source.some(1)
    plain = first != b"\x1f\x8b"
    yield from _as_it_is(first, source) if plain else _gunzipped(first, source)


def _as_it_is(first: bytes, source: _Source) -> Iterator[bytes]:
    piece = first
    while piece:
        yield piece
        piece = source.some(PIECE)


def _gunzipped(first: bytes, source: _Source) -> Iterator[bytes]:
    """Of one folded file, or of several one after the other; tar may fill up the last record with zeros."""
    folded = given = 0
    data, reader = first, zlib.decompressobj(31)
    try:
        while data:
            folded += len(data)
            full = False
            while data or full:
                if reader.eof:
                    data = data.lstrip(b"\0")
                    if not data:
                        break
                    reader = zlib.decompressobj(31)
                piece = reader.decompress(data, PIECE)
                given, full = given + len(piece), len(piece) == PIECE and not reader.eof
                if given > RATIO_FREE + RATIO_MOST * folded:
                    raise ArchiveTooLarge
                if piece:
                    yield piece
                data = reader.unused_data if reader.eof else reader.unconsumed_tail
            data = source.some(PIECE)
    except zlib.error:
        raise NotAnArchive("The archive is damaged. Nothing of it was kept.") from None
    if not reader.eof:
        raise NotAnArchive("The archive ends before it is whole. Nothing of it was kept.")
