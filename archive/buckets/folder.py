"""The archive in a folder of this machine: the layout of the bucket, files 0400. It cannot lock, and says so.

A file is written beside its name and linked to it when it is whole and on the disk: a link fails where a name is taken,
so none is ever replaced. What a crash left beside is removed by whoever comes with that name next.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import FileIO
from pathlib import Path

from archive.buckets.base import Absent, AlreadyThere, ArchiveFault, ArchiveFull, ArchiveMissing, check_name
from hq.lib.ids import new_id

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
DRAFT = "~"  # no name of ours has one


class Folder:
    """A Bucket on a local file system. Whoever may become the user that HQ runs as can remove what is in it."""

    lockable = False

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def where(self) -> str:
        return "a folder on this machine"

    def prepare(self) -> None:
        with _told():
            _make(self._root)

    def put(self, name: str, content: bytes) -> None:
        place = self._root / check_name(name)
        draft = place.with_name(f"{place.name}{DRAFT}{new_id().hex}")
        with _told():
            if place.exists():  # it may be of a process that was killed behind the link
                _tidy(place)
                raise AlreadyThere
            _make(place.parent)
            try:
                _write(draft, content)
                os.link(draft, place)
            except FileExistsError:
                raise AlreadyThere from None
            except FileNotFoundError:  # whoever wrote the same name meanwhile has tidied up
                if not place.exists():
                    raise
                raise AlreadyThere from None
            finally:
                draft.unlink(missing_ok=True)
            _tidy(place)

    def check(self) -> None:
        if not self._root.is_dir():
            raise ArchiveMissing

    def digest(self, name: str) -> bytes:
        return sha256(self.read(name)).digest()

    def read(self, name: str) -> bytes:
        try:
            with _told():
                return (self._root / check_name(name)).read_bytes()
        except FileNotFoundError:
            raise Absent(name) from None

    def names(self, prefix: str) -> Iterator[str]:
        top = self._root / check_name(prefix.rstrip("/") + "/x")
        found = (path for path in top.parent.rglob("*") if path.is_file() and DRAFT not in path.name)
        yield from sorted(str(path.relative_to(self._root)) for path in found)


@contextmanager
def _told() -> Iterator[None]:
    """Raises ArchiveFull, ArchiveFault."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise (ArchiveFull if error.errno in _FULL else ArchiveFault) from error


def _write(place: Path, content: bytes) -> None:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
    with FileIO(descriptor, "wb") as file:
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(descriptor)


def _tidy(place: Path) -> None:
    """The name is there for good, and no draft of it."""
    for left in place.parent.glob(f"{place.name}{DRAFT}*"):
        left.unlink(missing_ok=True)
    _sync(place.parent)


def _make(folder: Path) -> None:
    """With all above it, for this process's user alone."""
    if folder.is_dir():
        return
    if not folder.parent.is_dir():
        _make(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    """A new name lasts only once the folder that holds it was written."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
