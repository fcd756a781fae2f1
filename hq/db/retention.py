"""How long records that are over are kept (VLT-11). Each room says it; an organization may change some of it.

A room registers its classes of record at start-up and asks `cutoff` before it removes any. What an organization has
chosen, and which legal holds stand, the room of retention knows; it stands above, and registers itself here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from hq.db import locks
from hq.lib.clock import now


class Rows(Protocol):
    """In the caller's tenant transaction: of the rows that are over since before a time, less what lies below the paths
    that are held, how many there are, or how many it has removed now (a batch; 0: none is left).
    """

    def __call__(self, organization_id: UUID, before: datetime, held: tuple[str, ...], /) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordClass:
    """A class of record. `name` is for ever, `title` and `holds` are what people read, `since` ends "30 days …".

    `default` None: nothing is removed unless the organization says so. `least` and `most` bound what it may choose, in
    days; without them nobody may change it. `by_path`: a hold on paths keeps what lies below these; of any other class
    it keeps everything, as nothing tells what belongs to which path.
    """

    name: str
    title: str
    holds: str
    since: str
    default: timedelta | None
    count: Rows
    remove: Rows
    least: int = 0
    most: int = 0
    by_path: bool = False

    @property
    def changeable(self) -> bool:
        return self.most > 0

    @property
    def may_stay(self) -> bool:
        """Whether an organization may keep them for good: where HQ would, too."""
        return self.changeable and self.default is None


class Periods(Protocol):
    """What an organization has chosen, and what it holds."""

    def period(self, organization_id: UUID, record: RecordClass) -> timedelta | None:
        """How long its records of the class are kept; None: they stay."""
        ...

    def held(self, organization_id: UUID, record: RecordClass) -> tuple[str, ...] | None:
        """The paths that a legal hold keeps of the class; None: it keeps all of it."""
        ...


class _Defaults:
    """While no room of retention is there."""

    def period(self, organization_id: UUID, record: RecordClass) -> timedelta | None:
        return record.default

    def held(self, organization_id: UUID, record: RecordClass) -> tuple[str, ...] | None:
        return ()


_classes: dict[str, RecordClass] = {}
_periods: list[Periods] = [_Defaults()]


def register(record: RecordClass) -> None:
    """Called at start-up. Twice the same name is the same."""
    _classes[record.name] = record


def register_periods(periods: Periods) -> None:
    """Called once at start-up; the last one wins."""
    _periods[:] = [periods]


def record_classes() -> list[RecordClass]:
    """All of them, by title."""
    return sorted(_classes.values(), key=lambda record: record.title)


def record_class(name: str) -> RecordClass:
    """Raises LookupError."""
    return _classes[name]


def period(organization_id: UUID, name: str) -> timedelta | None:
    """How long the organization keeps what is over; None: it stays. In the caller's tenant transaction."""
    return _periods[0].period(organization_id, _classes[name])


def held(organization_id: UUID, name: str) -> tuple[str, ...] | None:
    """The paths that a legal hold keeps of the class; None: it keeps all of it. In the caller's tenant transaction."""
    return _periods[0].held(organization_id, _classes[name])


def is_held(organization_id: UUID) -> bool:
    """Whether a legal hold keeps anything of the organization. In the caller's tenant transaction."""
    return any(_periods[0].held(organization_id, record) != () for record in _classes.values())


def wait_for_turn(organization_id: UUID) -> None:
    """Until this transaction ends no hold is placed there, and nothing is removed that one could keep."""
    locks.hold(f"hq.retention:{organization_id}")


def cutoff(organization_id: UUID, name: str) -> datetime | None:
    """What is over since before then may be removed; None: nothing may. In the caller's tenant transaction."""
    kept = period(organization_id, name)
    if kept is None or held(organization_id, name) is None:
        return None
    return now() - kept
