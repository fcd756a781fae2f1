"""Everything that a link gives as one zip file, written as it is sent: nothing of it is ever there as a whole.

A reader finds the table of contents at the very end. An archive that was broken off has none, so it cannot be taken for
a whole one.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import IO, cast
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from hq.authz.actor import Actor
from hq.db.context import tenant
from hq.lib.errors import NotFound, Refused
from hq.web.transfer import Asking, Closeable
from sharing import selectors
from sharing.actions.transfers import open_shared

FILES_MOST = 10_000  # each stands in the table of contents, which is kept until the end
PAGE = 200


class TooManyForOne(Refused):
    """These are more than 10,000 files: too many for one archive. Download them one by one, or ask for fewer."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive. `read` begins to read it; nothing was read before."""

    path: str
    size: int
    at: datetime
    read: Callable[[], Closeable]


class _Sink:
    """What a zip file is written to: it cannot be gone back in, and holds only what was not taken yet."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def zipped(members: Iterable[Member], asking: Asking) -> Iterator[bytes]:
    """The archive in pieces: stored as they are (AES-GCM was undone already, and most of it is compressed).

    Raises Withdrawn, with no table of contents written, once `asking` says no; and what reading raises.
    """
    sink, names = _Sink(), _Names()
    archive = ZipFile(cast("IO[bytes]", sink), "w", ZIP_STORED)  # it needs nothing but write and flush
    for member in members:
        info = ZipInfo(names.take(member.path), member.at.astimezone(UTC).timetuple()[:6])
        info.external_attr = 0o600 << 16
        info.file_size = member.size
        # Its length is told behind it, in the wide form: what is read may be longer than 4 GiB.
        with archive.open(info, "w", force_zip64=True) as entry, closing(member.read()) as pieces:
            for piece in pieces:
                asking.now_and_then()
                entry.write(piece)
                yield sink.take()
    asking.now()
    archive.close()
    yield sink.take()


class _Names:
    """Names that can be unpacked anywhere: nothing leaves the folder, and no two are one on a disk that folds case."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, path: str) -> str:
        name = wanted = safe_name(path)
        number = 2
        while name.casefold() in self._taken:
            stem, dot, ending = wanted.rpartition(".")
            name = f"{stem} ({number}).{ending}" if dot and "/" not in ending else f"{wanted} ({number})"
            number += 1
        self._taken.add(name.casefold())
        return name


def safe_name(path: str) -> str:
    """The path below where it is unpacked. The vault's rules give only such; this one does not rely on them."""
    plain = "".join("_" if character in '\\:*?"<>|' or ord(character) < 32 else character for character in path)
    names = [name.strip(" ") for name in plain.split("/")]
    kept = [name for name in names if name.strip(".")]
    return "/".join(kept) or "file"


def archive_of(*, actor: Actor, still: Callable[[], bool]) -> Iterator[bytes]:
    """All that a recipient may read, as a zip file. Call it outside of any transaction.

    Each file is kept as a download before its first byte leaves, and `still` is asked every few seconds.

    Raises:
        TooManyForOne: before anything is read.
        NotFound: the link gives nothing that is there.
    """
    with tenant(actor.organization_id):
        pinned = selectors.list_pinned(actor, sorted(actor.pinned or ()))
    named = [one.path for one in pinned if isinstance(one, selectors.SharedFile) and one.size is not None]
    below = sum(one.objects for one in pinned if isinstance(one, selectors.SharedFolder))
    if len(named) + below > FILES_MOST:
        raise TooManyForOne
    if not named and not below:
        raise NotFound
    paths = chain(named, (file.path for file in _below(actor)))
    return zipped((found for path in paths if (found := _member(actor, path))), Asking(still))


def _below(actor: Actor) -> Iterator[selectors.SharedFile]:
    """Page by page, each in a transaction of its own: none is open while bytes travel."""
    after, given = "", 0
    while given < FILES_MOST:
        with tenant(actor.organization_id):
            page = selectors.list_below(actor, after=after, limit=PAGE)[:PAGE]
        if not page:
            return
        yield from page
        after, given = page[-1].path, given + len(page)


def _member(actor: Actor, path: str) -> Member | None:
    try:
        found = open_shared(actor=actor, path=path)
    except NotFound:
        return None  # deleted since it was listed
    version = found.opened.version
    return Member(path, version.size, version.created_at, lambda: found.read(0, version.size))
