"""What a place for the archive does: it takes each name once and gives back what it took. It never removes anything."""

import re
from collections.abc import Iterator
from typing import Protocol

from hq.lib.errors import Unavailable

# Names are made by us of ids, dates and numbers; anything else is a fault of ours and must not become a path.
_NAME = re.compile(r"(?:[a-z0-9][a-z0-9.-]{0,63}/){1,8}[a-z0-9][a-z0-9.-]{0,63}", re.ASCII)


class ArchiveFault(Unavailable):
    """The archive could not be written or read. HQ has logged it, and tries again."""


class ArchiveUnavailable(ArchiveFault):
    """The archive’s bucket does not answer at the moment. HQ tries again; nothing is lost meanwhile."""


class ArchiveRefused(ArchiveFault):
    """The archive’s bucket does not let HQ do this. An operator has to allow it; nothing is lost meanwhile."""


class ArchiveMissing(ArchiveFault):
    """The archive is not where it was. A bucket is made with bin/manage archive_bucket; nothing is lost meanwhile."""


class ArchiveFull(ArchiveFault):
    """The disk that holds the archive is full. Make room; nothing is lost meanwhile."""


class NotLocked(ArchiveFault):
    """The archive’s bucket has no Object Lock of seven years. bin/manage archive_bucket gives it one."""


class AlreadyThere(Exception):
    """There is a file of this name, and it stays as it is."""


class Absent(LookupError):
    """There is no file of this name."""


class Bucket(Protocol):
    """One place. Both kinds are held to the same tests (tests/archive/contract.py)."""

    @property
    def lockable(self) -> bool:
        """Whether it keeps files from being removed, by whoever may write into it."""
        ...

    @property
    def where(self) -> str:
        """How people are told of it."""
        ...

    def prepare(self) -> None:
        """Make it, or find it made. Raises ArchiveFault."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Keep this under a new name: all of it or nothing. Raises AlreadyThere, ArchiveFault."""
        ...

    def check(self) -> None:
        """Look whether it is there, and locks if it can. Raises ArchiveFault."""
        ...

    def digest(self, name: str) -> bytes:
        """The SHA-256 of what is kept, also where that cannot be read at once. Raises Absent, ArchiveFault."""
        ...

    def read(self, name: str) -> bytes:
        """Give back what was kept. Raises Absent, ArchiveFault."""
        ...

    def names(self, prefix: str) -> Iterator[str]:
        """Every name below a prefix that ends in a slash, in order. Raises ArchiveFault."""
        ...


def check_name(name: str) -> str:
    """Raises ValueError for what is no name of ours."""
    if not _NAME.fullmatch(name):
        raise ValueError("The archive has no such names.")
    return name
