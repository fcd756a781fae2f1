"""The bytes of one volume: a POSIX tar (pax), whose last members say what is in it.

Made piece by piece as it is asked for. Names of any length and script stand in pax headers; owners and rights say
nothing, and every member is a plain file below a folder of ours, so unpacking it as anybody writes nowhere else.
"""

import hashlib
import tarfile
from collections.abc import Iterator
from queue import Queue
from threading import Thread
from typing import Any, Self

from exports.registry import Member

BLOCK = 512
END = bytes(2 * BLOCK)
# From this size on hashing goes on beside the rest, in a thread: it takes as long as everything else together.
BESIDE_BYTES = 1024 * 1024
_WAITING = 4


class Mismatch(Exception):
    """A member is not what was said of it. The volume is made again; if that goes on, the job says so."""


class Archive:
    """Members in, bytes out. `listed` is what has been written whole, as the manifest names it."""

    def __init__(self, at: float) -> None:
        self.listed: list[dict[str, Any]] = []
        self.size = 0
        self._at = int(at)

    def takes(self, member: Member) -> int:
        """How many bytes a member adds."""
        return len(self._header(member)) + member.size + -member.size % BLOCK

    def write(self, member: Member) -> Iterator[bytes]:
        """Raises Mismatch, and what its pieces raise; the archive is of no use then."""
        yield self._counted(self._header(member))
        sha256, size = member.sha256, 0
        if sha256 is not None:
            for piece in member.pieces():
                size += len(piece)
                yield self._counted(piece)
        else:
            with _Hash(member.size) as digest:
                for piece in member.pieces():
                    size += len(piece)
                    digest.update(piece)
                    yield self._counted(piece)
                sha256 = digest.hexdigest()
        if size != member.size:
            raise Mismatch(f"{member.name} has {size} bytes, and not {member.size}.")
        if fill := -size % BLOCK:
            yield self._counted(bytes(fill))
        self.listed.append({"name": member.name, "size": size, "sha256": sha256, **member.facts})

    def end(self) -> bytes:
        return self._counted(END)

    def _counted(self, data: bytes) -> bytes:
        self.size += len(data)
        return data

    def _header(self, member: Member) -> bytes:
        info = tarfile.TarInfo(member.name)
        info.size, info.mtime, info.mode = member.size, self._at, 0o600
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def plain(name: str, content: bytes) -> Member:
    """A short one that is at hand."""
    return Member(name, len(content), lambda: iter((content,)))


class _Hash:
    """SHA-256, beside the caller's own work where there is much of it."""

    def __init__(self, size: int) -> None:
        self._digest = hashlib.sha256()
        self._queue: Queue[bytes] | None = Queue(_WAITING) if size >= BESIDE_BYTES else None
        self._thread: Thread | None = None
        self._held, self._size = list[bytes](), 0

    def __enter__(self) -> Self:
        if self._queue is not None:
            self._thread = Thread(target=self._work, args=(self._queue,), daemon=True, name="export hash")
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._finish()

    def update(self, piece: bytes) -> None:
        if self._queue is None:
            self._digest.update(piece)
        else:
            self._held.append(piece)
            self._size += len(piece)
            if self._size >= BESIDE_BYTES:
                self._hand_over(self._queue)

    def hexdigest(self) -> str:
        self._finish()
        return self._digest.hexdigest()

    def _hand_over(self, queue: Queue[bytes]) -> None:
        """Much at once: each time it goes on, the thread waits for the interpreter's lock."""
        if self._held:
            queue.put(b"".join(self._held))
            self._held, self._size = [], 0

    def _work(self, queue: Queue[bytes]) -> None:
        while piece := queue.get():
            self._digest.update(piece)

    def _finish(self) -> None:
        if self._queue is not None and self._thread is not None:
            self._hand_over(self._queue)
            self._queue.put(b"")
            self._thread.join()
            self._thread = None


class Pulled:
    """What a generator yields, as a file that others read from. What it raises is kept, as pyrage loses it."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held, self._at = pieces, b"", 0
        self.fault: BaseException | None = None

    def read(self, size: int) -> bytes:
        try:
            while self._at >= len(self._held):
                piece = next(self._pieces, None)
                if piece is None:
                    return b""
                self._held, self._at = piece, 0
        except BaseException as fault:
            self.fault = fault
            raise
        part = self._held[self._at : self._at + size]
        self._at += len(part)
        return part


class Pushed:
    """A writer as a file that others write to. What it raises is kept."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self.fault: BaseException | None = None

    def write(self, data: bytes) -> int:
        try:
            return int(self._writer.write(data))
        except BaseException as fault:
            self.fault = fault
            raise

    def flush(self) -> None:
        """The store does that itself, at its end."""
