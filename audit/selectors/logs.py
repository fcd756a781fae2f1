"""Reads of the two logs of an environment as they are proved: entries in their order, and the tree over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from audit.models import AccessEntry, AccessLink, AuditEvent, ChainHead, LogHead
from audit.selectors.altered import require_shredded
from audit.tags import Log
from audit.trees import Tiles
from hq.crypto import merkle
from hq.crypto.aead import Tampered
from hq.db import lookups
from hq.db.rows import Columns
from hq.db.sealing import KeyGone
from hq.lib.errors import NotFound, Problem
from hq.lib.ids import earliest_id


@dataclass(frozen=True, slots=True)
class Tree:
    """The Merkle tree over the first `size` entries of a log. `root` is that of nothing while the log is empty."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a log at its place, `index` from 1. `document` is what is hashed, and the data of its leaf.

    `detail` and `salt` are what the document commits to; both None if it can no longer be opened, or was kept before
    HQ committed to it. Nothing is checked here: `bin/verify` and `audit.verify` do.
    """

    index: int
    document: bytes
    previous: bytes
    hash: bytes
    detail: dict[str, Any] | None
    salt: str | None
    at: datetime


class EntryMissing(Problem):
    """An entry of the log is not there, though its place is taken. Verify the trail."""

    status = 500


class EntryAltered(Tampered):
    """The sealed detail of an entry is not what was sealed. `index` is the entry's."""

    def __init__(self, index: int) -> None:
        super().__init__(f"The sealed detail of entry {index} was changed.")
        self.index = index


_entry = Columns(AccessEntry)
_LINES = f"""
    SELECT l.index, l.previous, l.hash, {_entry.of("e")} FROM audit_accesslink l
    LEFT JOIN audit_accessentry e ON e.id = l.id
    WHERE l.organization_id = %s AND l.environment_id = %s AND l.index > %s ORDER BY l.index LIMIT %s
"""  # noqa: S608 - names of our own columns


def _head(organization_id: UUID, environment_id: UUID, log: Log) -> LogHead | None:
    return LogHead.objects.filter(organization_id=organization_id, environment_id=environment_id, log=log).first()


def size_of(organization_id: UUID, environment_id: UUID, log: Log) -> int:
    """How many entries the tree has, whether or not it can be read."""
    head = _head(organization_id, environment_id, log)
    return head.size if head else 0


def dropped_of(organization_id: UUID, environment_id: UUID, log: Log) -> int:
    """How many of its first entries have left the database, as their months were archived and dropped."""
    head = _head(organization_id, environment_id, log)
    return head.dropped if head else 0


def tree_of(organization_id: UUID, environment_id: UUID, log: Log) -> Tree:
    """The tree as it is now, which is behind the log by what came since it was last grown (audit.actions.grow).

    Raises LookupError: the tiles do not hold it.
    """
    size = size_of(organization_id, environment_id, log)
    return Tree(size, Tiles(organization_id, environment_id, log).root(size))


def root_at(organization_id: UUID, environment_id: UUID, log: Log, size: int) -> bytes:
    """The root over so many entries, 32 bytes. Raises NotFound: it has fewer; LookupError: the tiles do not hold it."""
    _require_size(organization_id, environment_id, log, size)
    return Tiles(organization_id, environment_id, log).root(size)


def inclusion(organization_id: UUID, environment_id: UUID, log: Log, index: int, size: int) -> list[bytes]:
    """The proof that leaf `index`, from 0, is in the tree of this size. Raises ValueError, NotFound: no such tree."""
    _require_size(organization_id, environment_id, log, size)
    return merkle.inclusion_proof(index, size, merkle.nodes_of(Tiles(organization_id, environment_id, log)))


def consistency(organization_id: UUID, environment_id: UUID, log: Log, old: int, new: int) -> list[bytes]:
    """The proof that the tree of one size begins that of another. Raises ValueError, NotFound: no such tree."""
    _require_size(organization_id, environment_id, log, new)
    return merkle.consistency_proof(old, new, merkle.nodes_of(Tiles(organization_id, environment_id, log)))


def beside(  # noqa: PLR0917 - which log it is of takes three, as everywhere here
    organization_id: UUID, environment_id: UUID, log: Log, first: int, last: int, size: int
) -> list[bytes]:
    """What leaves [first, last), from 0, lack to give the tree's root. Raises ValueError, NotFound: no such tree."""
    _require_size(organization_id, environment_id, log, size)
    return merkle.range_proof(first, last, size, merkle.nodes_of(Tiles(organization_id, environment_id, log)))


def _require_size(organization_id: UUID, environment_id: UUID, log: Log, size: int) -> None:
    head = _head(organization_id, environment_id, log)
    if head is None or head.size < size:
        raise NotFound


def page_log(organization_id: UUID, environment_id: UUID, log: Log, *, after: int, limit: int) -> Sequence[Entry]:
    """The entries after an index, in their order. The caller has asked whether they may be read.

    Raises KeyUnavailable, as what cannot be read only now is not passed over; EntryMissing; EntryAltered for the first.
    """
    if log is Log.ADMIN:
        events = AuditEvent.objects.filter(organization_id=organization_id, environment_id=environment_id)
        return [_of_event(event) for event in events.filter(index__gt=after).order_by("index")[:limit]]
    return [_of_line(*found) for found in page_lines(organization_id, environment_id, after=after, limit=limit)]


def page_lines(
    organization_id: UUID, environment_id: UUID, *, after: int, limit: int
) -> list[tuple[int, bytes, bytes, AccessEntry | None]]:
    """Places of the access log after an index: index, the link before, the link, and the line if it is still there."""
    with connection.cursor() as cursor:
        cursor.execute(_LINES, [organization_id, environment_id, after, limit])
        return [
            (index, bytes(previous), bytes(newest), None if columns[0] is None else _entry.row(columns))
            for index, previous, newest, *columns in cursor.fetchall()
        ]


def _of_event(event: AuditEvent) -> Entry:
    detail, salt = _opened_at(event.index, event)
    return Entry(event.index, event.document(), bytes(event.previous), bytes(event.hash), detail, salt, event.at)


def _of_line(index: int, previous: bytes, newest: bytes, line: AccessEntry | None) -> Entry:
    if line is None:
        raise EntryMissing(f"Request {index} of the log is missing, though its place is taken. Verify the trail.")
    detail, salt = _opened_at(index, line)
    return Entry(index, line.document(index), previous, newest, detail, salt, line.at)


def _opened_at(index: int, row: AuditEvent | AccessEntry) -> tuple[dict[str, Any] | None, str | None]:
    try:
        return opened(row)
    except Tampered as fault:
        raise EntryAltered(index) from fault


def opened(row: AuditEvent | AccessEntry) -> tuple[dict[str, Any] | None, str | None]:
    """The detail and its salt. None of either where its key was destroyed, and where it was not committed to.

    Raises Tampered, KeyUnavailable.
    """
    try:
        detail = dict(row.detail or {})
    except KeyGone:
        require_shredded(row)
        return None, None
    salt = detail.pop("salt", None)
    return (None, None) if row.commitment is None else (detail, salt)


def place_of_request(organization_id: UUID, environment_id: UUID, entry_id: UUID) -> int | None:
    """The index of a request in its log; None while it has none. Raises NotFound: there is no such request."""
    place = AccessLink.objects.filter(organization_id=organization_id, environment_id=environment_id, pk=entry_id)
    index: int | None = place.values_list("index", flat=True).first()
    lines = AccessEntry.objects.filter(organization_id=organization_id, pk=entry_id)
    if index is None and not any(line.log_environment_id == environment_id for line in lines):
        raise NotFound
    return index


def logs_of(organization_id: UUID) -> list[tuple[UUID, Log, int]]:
    """The logs of an organization and how many entries have their places in each; one without any is not there."""
    events = ChainHead.objects.filter(organization_id=organization_id, length__gt=0)
    lines = LogHead.objects.filter(organization_id=organization_id, log=Log.ACCESS, size__gt=0)
    found = [(place, Log.ADMIN, length) for place, length in events.values_list("environment_id", "length")]
    found += [(place, Log.ACCESS, size) for place, size in lines.values_list("environment_id", "size")]
    return sorted(found)


def find_waiting() -> list[tuple[UUID, UUID]]:
    """Organization and environment of each log with lines that have no place, and of each tree that is behind."""
    rows = [*lookups.call("audit_find_waiting"), *lookups.call("audit_find_behind")]
    return sorted({(row["organization_id"], row["environment_id"]) for row in rows})


def find_held(before: datetime) -> list[UUID]:
    """The logs, by environment, with requests from before a time that still have no place."""
    return [row["environment_id"] for row in lookups.call("audit_find_held", earliest_id(before))]
