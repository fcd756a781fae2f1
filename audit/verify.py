"""Walks a log from its first entry and finds the first that does not fit: its chain, its details and its tree."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db import connection

from audit.models import AccessEntry, AuditEvent, ChainHead, LogHead
from audit.selectors.altered import is_shredded
from audit.selectors.logs import page_lines
from audit.tags import Log
from audit.trees import Tiles
from hq.crypto import chain, merkle
from hq.crypto.aead import Tampered
from hq.db.context import tenant
from hq.db.sealing import KeyGone

PAGE: Final = 2000
DETAIL_CHANGED: Final = "its sealed detail was changed"
_WIDTH, _BYTES = merkle.TILE_WIDTH, merkle.HASH_BYTES
# One look at the head and behind it: an entry and the head that counts it are of one transaction.
_BEHIND = {
    Log.ADMIN: """
        SELECT min(e.index) FROM audit_auditevent e WHERE e.organization_id = %s AND e.environment_id = %s
            AND e.index > (SELECT coalesce(max(h.length), 0) FROM audit_chainhead h
                WHERE h.organization_id = e.organization_id AND h.environment_id = e.environment_id)
    """,
    Log.ACCESS: """
        SELECT min(l.index) FROM audit_accesslink l WHERE l.organization_id = %s AND l.environment_id = %s
            AND l.index > (SELECT coalesce(max(h.size), 0) FROM audit_loghead h
                WHERE h.log = 'access' AND h.organization_id = l.organization_id
                    AND h.environment_id = l.environment_id)
    """,
}
# Requests of transactions that the log's head has passed have their places, all of them.
_WITHOUT_PLACE = """
    SELECT e.id::text FROM audit_accessentry e
    WHERE e.organization_id = %s AND coalesce(e.environment_id, e.organization_id) = %s AND (e.xid, e.id) <= (%s, %s)
        AND NOT EXISTS (SELECT FROM audit_accesslink l WHERE l.id = e.id)
    ORDER BY e.xid, e.id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`length` entries were seen; `first_bad` is the index of the first that does not fit, or None."""

    length: int
    head: bytes
    first_bad: int | None = None
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.first_bad is None

    @property
    def altered(self) -> bool:
        """Whether it is the sealed detail alone that does not fit."""
        return self.reason == DETAIL_CHANGED


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at a place of a log. `row` None: the place is there, what it is the place of is not."""

    index: int
    previous: bytes
    hash: bytes
    document: bytes
    row: AuditEvent | AccessEntry | None


class _Bad(Exception):
    """The first that does not fit."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index, self.reason = index, reason


Progress = Callable[[int, int], None]


def walk(
    organization_id: UUID, environment_id: UUID, log: Log = Log.ADMIN, progress: Progress = lambda _done, _total: None
) -> Verdict:
    """Check every entry of one log, and its tree. Constant memory.

    Reads page by page, each in a transaction of its own unless the caller is in one, and only reads: a long transaction
    that writes would hold up the places of requests. `progress` is told between pages how many of how many are seen.
    """
    walked = _Walk(organization_id, environment_id, log, progress)
    try:
        walked.run()
    except _Bad as bad:
        return Verdict(walked.index, walked.previous, bad.index, bad.reason)
    return Verdict(walked.index, walked.previous)


class _Walk:
    """One walk: where it is now, and the newest hash that fits."""

    def __init__(self, organization_id: UUID, environment_id: UUID, log: Log, progress: Progress) -> None:
        self.place = organization_id, environment_id
        self.log, self.progress = log, progress
        self.index, self.previous = 0, chain.GENESIS
        self.tile: tuple[int, bytes] = -1, b""
        with tenant(organization_id):
            heads = LogHead.objects.filter(organization_id=organization_id, environment_id=environment_id, log=log)
            self.head = heads.first() or LogHead()
            self.length, self.newest = self.head.size, bytes(self.head.hash)
            if log is Log.ADMIN:
                chains = ChainHead.objects.filter(organization_id=organization_id, environment_id=environment_id)
                found = chains.first() or ChainHead()
                self.length, self.newest = found.length, bytes(found.hash)

    def run(self) -> None:
        """Raises _Bad."""
        leaves = self._leaves()
        computed = merkle.root_of(islice(leaves, self.head.size))
        for _ in leaves:
            pass  # what is not in the tree yet
        if self.length < self.head.size:
            raise _Bad(self.index + 1, "the tree holds entries that the log's head does not count")
        if self.head.dropped == self.length:
            self.previous = self.newest  # nothing is left here to compare it with
        if self.previous != self.newest:
            raise _Bad(self.index + 1, "the newest events are missing")
        self._check_tree(computed)
        self._check_behind()
        if self.log is Log.ACCESS:
            self._check_places()

    def _leaves(self) -> Iterator[bytes]:
        """The leaf of every place, each checked. Of what was archived and dropped only the tree still holds them."""
        for index in range(1, self.head.dropped + 1):
            self.index = index
            yield self._leaf_in_tree(index)
        for found in self._pages(0, self.head.dropped):
            self._check_alone(found)
        for found in self._pages(self.head.dropped, self.length):
            if self.index == self.head.dropped > 0:
                self.previous = found.previous  # the one before it is in the archive
            self._check(found)
            leaf = merkle.leaf_hash(found.document)
            if found.index <= self.head.size and self._leaf_in_tree(found.index) != leaf:
                raise _Bad(found.index, "the tree was grown over another entry at its place")
            self.index, self.previous = found.index, found.hash
            yield leaf
        if self.index < self.length:
            raise _Bad(self.index + 1, "the newest events are missing")

    def _pages(self, after: int, until: int) -> Iterator[Found]:
        """Of two entries at one place the second is always seen: it does not begin the next page."""
        while after < until:
            limit = min(PAGE, until - after)
            with tenant(self.place[0]):
                page = list(_page(*self.place, self.log, after, limit + 1))
            if len(page) > limit and page[limit].index != page[limit - 1].index:
                page.pop()
            page = [found for found in page if found.index <= until]  # what is behind the head is looked at last
            if not page:
                return
            yield from page
            after = page[-1].index
            self.progress(after, self.length)

    def _check(self, found: Found) -> None:
        expected = self.index + 1
        if found.index == self.index:
            raise _Bad(found.index, f"two entries stand at place {found.index}")
        if found.index != expected:
            raise _Bad(expected, f"event {expected} is missing")
        if found.row is None:
            raise _Bad(expected, f"what stood at place {expected} is missing")
        if found.previous != self.previous:
            raise _Bad(expected, "it does not follow the event before it")
        self._check_alone(found)

    def _check_alone(self, found: Found) -> None:
        """What can be said of an entry without those around it."""
        if found.row is None or chain.link(found.previous, found.document) != found.hash:
            raise _Bad(found.index, "its content does not have the hash that was recorded")
        try:
            matches = found.row.detail_matches()
        except KeyGone:  # erased, and meant to be: the chain still holds
            matches = is_shredded(found.row)
        except (Tampered, ValueError):
            matches = False
        if not matches:
            raise _Bad(found.index, DETAIL_CHANGED)

    def _leaf_in_tree(self, index: int) -> bytes:
        number, offset = divmod(index - 1, _WIDTH)
        if self.tile[0] != number:
            with tenant(self.place[0]):
                self.tile = number, Tiles(*self.place, self.log)(0, number)
        leaf = _hash_at(self.tile[1], offset)
        if not leaf:
            raise _Bad(index, "the tree lacks its hashes from here on")
        return leaf

    def _check_tree(self, computed: bytes) -> None:
        """The tiles of the leaves are those of the entries, so what differs is above them: it is found from below."""
        with tenant(self.place[0]):
            tiles = Tiles(*self.place, self.log)
            try:
                if tiles.root(self.head.size) == computed:
                    return
            except LookupError:
                pass  # told below, with its place
            level, count = 1, self.head.size // _WIDTH
            while count:
                for number in range(count):
                    row, offset = divmod(number, _WIDTH)
                    if _hash_at(tiles(level, row), offset) != _over(Tiles(*self.place, self.log)(level - 1, number)):
                        raise _Bad(number * _WIDTH**level + 1, "the tree's hashes above its leaves were changed")
                level, count = level + 1, count // _WIDTH
        raise _Bad(self.head.size, "the tree's hashes above its leaves were changed")

    def _check_behind(self) -> None:
        with tenant(self.place[0]), connection.cursor() as cursor:
            cursor.execute(_BEHIND[self.log], self.place)
            index = cursor.fetchone()[0]
        if index is not None:
            raise _Bad(index, "it was put in behind the end of the log")

    def _check_places(self) -> None:
        with tenant(self.place[0]), connection.cursor() as cursor:
            cursor.execute(_WITHOUT_PLACE, [*self.place, self.head.xid, self.head.entry_id])
            row = cursor.fetchone()
        if row is not None:
            raise _Bad(self.index + 1, f"request {row[0]} was put in, or its place taken away: it has none")


def _hash_at(tile: bytes, offset: int) -> bytes:
    return tile[offset * _BYTES : (offset + 1) * _BYTES]


def _over(tile: bytes) -> bytes:
    return merkle.root_of(_hash_at(tile, offset) for offset in range(len(tile) // _BYTES))


def _page(organization_id: UUID, environment_id: UUID, log: Log, after: int, limit: int) -> Sequence[Found]:
    if log is Log.ACCESS:
        return [_of_line(*line) for line in page_lines(organization_id, environment_id, after=after, limit=limit)]
    events = AuditEvent.objects.filter(organization_id=organization_id, environment_id=environment_id)
    return [_of_event(event) for event in events.filter(index__gt=after).order_by("index")[:limit]]


def _of_event(event: AuditEvent) -> Found:
    return Found(event.index, bytes(event.previous), bytes(event.hash), event.document(), event)


def _of_line(index: int, previous: bytes, newest: bytes, line: Any) -> Found:
    return Found(index, previous, newest, line.document(index) if line else b"", line)
