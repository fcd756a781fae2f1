"""The trail's tables by month, so that a month that is archived can go at once (AUD-6).

Rows are kept apart by their ids, which begin with the time they were made at. What no month takes - ids from a clock
that is wrong, or when nobody made months ahead - goes to a partition of its own, so that no row is ever refused.

The running role may neither make nor drop months: that is the owner's, at each migration
and by `bin/manage make_months`.
"""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from audit.tags import Log
from hq.db.operations import LOOKUP, REFUSAL, TENANT
from hq.lib.clock import now
from hq.lib.errors import Refused

log = logging.getLogger("hq.audit")
TABLES: Final = ("audit_auditevent", "audit_accessentry", "audit_accesslink")
# Of these each month holds a place in a chain once.
PLACED: Final = frozenset({"audit_auditevent", "audit_accesslink"})
AHEAD: Final = 6
_TO = re.compile(r"TO \('([0-9a-f-]{36})'\)")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of the calendar, in UTC."""

    year: int
    number: int

    @classmethod
    def of(cls, at: datetime) -> "Month":
        at = at.astimezone(UTC)
        return cls(at.year, at.month)

    @classmethod
    def of_id(cls, row_id: UUID) -> "Month":
        """The month in which an id was made."""
        return cls.of(datetime.fromtimestamp((row_id.int >> 80) / 1000, UTC))

    @property
    def next(self) -> "Month":
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def begins(self) -> UUID:
        """No id of the month is smaller, and every one from before is."""
        return UUID(int=int(datetime(self.year, self.number, 1, tzinfo=UTC).timestamp() * 1000) << 80)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    def partition(self, table: str) -> str:
        return f"{table}_{self.year:04}_{self.number:02}"


class NotTheOwner(Refused):
    """Months are made and dropped by the database's owner: run it as hq_owner."""


class CannotDrop(Refused):
    """The month stays, as not everything of it is where it could be proved from without its rows."""


def policy(table: str) -> str:
    """Row security of a tenant's table, as hq.db.operations.TenantTable writes it."""
    mine = f"organization_id = {TENANT}"
    return f"CREATE POLICY tenant ON {table} USING ({mine}) WITH CHECK ({mine})"


def guarded(table: str, partition: str) -> list[str]:
    """A partition that is read past its parent is as closed as that. Nobody has grants on it."""
    statements = [
        f"ALTER TABLE {partition} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {partition} FORCE ROW LEVEL SECURITY",
        policy(partition),
        f"CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON {partition} FOR EACH STATEMENT {REFUSAL}",
    ]
    if table in PLACED:
        statements.append(
            f"CREATE UNIQUE INDEX {partition}_place ON {partition} (organization_id, environment_id, index)"
        )
    return statements


def new_partition(table: str, partition: str, bounds: str) -> list[str]:
    return [f"CREATE TABLE {partition} PARTITION OF {table} {bounds}", *guarded(table, partition)]


def values(first: UUID | None, last: UUID) -> str:
    lower = f"'{first}'" if first else "MINVALUE"
    return f"FOR VALUES FROM ({lower}) TO ('{last}')"


@dataclass(frozen=True, slots=True)
class Held:
    """What a month holds of one log: the first and the last index."""

    organization_id: UUID
    environment_id: UUID
    log: Log
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Partition:
    name: str
    until: UUID | None  # its bound, unless it is the default


def _partitions(table: str) -> list[_Partition]:
    """In their order, the default last."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i"
            " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(%s)",
            [table],
        )
        rows = cursor.fetchall()
    found = [_Partition(name, UUID(to[1]) if (to := _TO.search(text)) else None) for name, text in rows]
    return sorted(found, key=lambda partition: partition.until or UUID(int=2**128 - 1))


def list_months() -> list[Month]:
    """The months that can be dropped one by one, oldest first. The first has everything before it, too."""
    ends = [part.until for part in _partitions(TABLES[0]) if part.until and not part.name.endswith("_before")]
    return [Month.of_id(UUID(int=end.int - 1)) for end in ends]


def _require_owner() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user = 'hq_owner'")
        if not cursor.fetchone()[0]:
            raise NotTheOwner


def _run(statements: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _across(statement: str, values: Sequence[Any]) -> list[Any]:
    """Rows of all organizations, which the owner does not see either: as the role of the look-ups."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {LOOKUP}")
        cursor.execute(statement, values)
        rows: list[Any] = cursor.fetchall()
        cursor.execute("RESET ROLE")
    return rows


def make_after_migrating(**_: Any) -> None:
    """Make the months ahead, where the owner has just migrated to here. The running role has no right to."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user = 'hq_owner'")
        if cursor.fetchone()[0]:
            make()


def make(at: datetime | None = None) -> list[str]:
    """Make what is missing of this month and those ahead; the partitions that are new. Raises NotTheOwner."""
    _require_owner()
    made: list[str] = []
    for table in TABLES:
        with transaction.atomic():
            made += _make(table, Month.of(at or now()))
    return made


def _make(table: str, current: Month) -> list[str]:
    parts = _partitions(table)
    if not parts:  # migrated to a time before there were months
        return []
    bounds = [part.until for part in parts if part.until is not None]
    # With nothing yet, the first one takes what came before, too.
    lower = max(bounds, default=None)
    made = []
    if lower is not None and (taken := _newest_in_default(table, lower)) is not None:
        lower = _adopt_default(table, lower, Month.of_id(taken).next.begins)
        made.append(f"{table}_default")
    month = Month.of_id(lower) if lower is not None else current
    last = current
    for _ in range(AHEAD):
        last = last.next
    while month <= last:
        _run(new_partition(table, month.partition(table), values(lower, month.next.begins)))
        made.append(month.partition(table))
        month, lower = month.next, month.next.begins
    return made


def _newest_in_default(table: str, lower: UUID) -> UUID | None:
    """The newest row that no month has taken because nobody made one."""
    rows = _across(f"SELECT id FROM {table} WHERE id >= %s ORDER BY id DESC LIMIT 1", [lower])  # noqa: S608 - a name of ours
    return rows[0][0] if rows else None


def _adopt_default(table: str, lower: UUID, until: UUID) -> UUID:
    """What has taken rows for want of months becomes one that goes up to the end of its newest month."""
    held = f"{table}_default"
    name = f"{table}_to_{Month.of_id(UUID(int=until.int - 1)).partition('').lstrip('_')}"
    _run(
        [
            f"ALTER TABLE {table} DETACH PARTITION {held}",
            f"ALTER TABLE {held} RENAME TO {name}",
            *([f"ALTER INDEX {held}_place RENAME TO {name}_place"] if table in PLACED else []),
            f"ALTER TABLE {table} ATTACH PARTITION {name} {values(lower, until)}",
            *new_partition(table, held, "DEFAULT"),
        ]
    )
    return until


def contents(month: Month) -> list[Held]:
    """What would go with the oldest month, for who must say that it is archived. Raises NotTheOwner."""
    _require_owner()
    held = []
    with transaction.atomic():
        for log_, table in ((Log.ADMIN, "audit_auditevent"), (Log.ACCESS, "audit_accesslink")):
            rows = _across(
                f"SELECT organization_id, environment_id, min(index), max(index) FROM {table}"  # noqa: S608 - a name of ours
                " WHERE id < %s GROUP BY organization_id, environment_id ORDER BY 1, 2",
                [month.next.begins],
            )
            held += [Held(row[0], row[1], log_, row[2], row[3]) for row in rows]
    return held


def drop(month: Month, *, archived: Callable[[Held], bool]) -> list[Held]:
    """Drop a month's rows for good; what went. `archived` says it of what it holds of each log, in any context.

    What goes can be proved without its rows: each line has its place, the trees hold every leaf. Oldest month first.
    Raises NotTheOwner, CannotDrop.
    """
    _require_owner()
    if list_months()[:1] != [month]:
        raise CannotDrop(f"{month} is not the oldest month that is there.")
    if month >= Month.of(now()):
        raise CannotDrop(f"{month} is not over.")
    with transaction.atomic():
        _run(["SET LOCAL lock_timeout = '5s'", *(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE" for table in TABLES)])
        held = contents(month)
        upper = month.next.begins
        waiting = _across(
            "SELECT count(*) FROM audit_accessentry e WHERE id < %s"
            " AND NOT EXISTS (SELECT FROM audit_accesslink l WHERE l.id = e.id)",
            [upper],
        )
        if waiting[0][0]:
            raise CannotDrop(f"{waiting[0][0]} requests of {month} have no place in their log yet.")
        for one in held:
            if not archived(one):
                raise CannotDrop(f"{one.environment_id}/{one.log} is not archived up to {one.last}, or not verified.")
            _note_dropped(one, month)
        for table in TABLES:
            gone = [part.name for part in _partitions(table) if part.until is not None and part.until <= upper]
            _run([f"DROP TABLE {name}" for name in gone])
            _run(new_partition(table, f"{table}_before", values(None, upper)))  # for a clock that goes back so far
    log.warning("a month of the trail was dropped", extra={"month": str(month), "logs": len(held)})
    return held


def _note_dropped(held: Held, month: Month) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('hq.organization_id', %s, true)", [str(held.organization_id)])
        cursor.execute(
            "UPDATE audit_loghead SET dropped = greatest(dropped, %s)"
            " WHERE organization_id = %s AND environment_id = %s AND log = %s AND size >= %s",
            [held.last, held.organization_id, held.environment_id, held.log, held.last],
        )
        if cursor.rowcount != 1:
            raise CannotDrop(f"The tree of {held.environment_id}/{held.log} does not hold all of {month} yet.")
