"""How long the rows of the trail stay in the database, and letting a month of them go (AUD-6).

A month's rows of all organizations go at once, with its partition. So what an organization chooses is how long its rows
are kept at least: a month goes when it was archived and read back, and the last organization in it lets it go. Nothing
is deleted row by row: no function that could exists, and the tables refuse it of everybody. docs/archive.md says so.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from archive.actions.kept import require_kept
from archive.actions.readback import next_month
from archive.models import Month, Progress
from audit import months
from audit.months import Held
from hq.db import retention
from hq.db.context import tenant
from hq.db.retention import RecordClass
from hq.lib.clock import now
from tenants.selectors import environment_named

LIVE, TEST = "trail.live", "trail.test"
LEAST, DEFAULT, MOST = 365, timedelta(days=2557), 3653  # days: a year, seven years, ten years


class KeptStill(Exception):
    """The month stays: somebody keeps it longer, or holds it."""


def class_of(organization_id: UUID, environment_id: UUID) -> str:
    """Under which class an environment's logs are kept. In the organization's context."""
    return TEST if environment_id == environment_named(organization_id, "test") else LIVE


def _past(name: str, organization_id: UUID, before: datetime, _held: tuple[str, ...]) -> int:
    """Entries of whole months that ended before then and are still there. In the caller's tenant transaction."""
    rows = Month.objects.filter(organization_id=organization_id, dropped_at=None)
    return sum(
        row.last - row.first + 1
        for row in rows
        if next_month(row.month) <= before.date() and class_of(organization_id, row.environment_id) == name
    )


def _none(_organization_id: UUID, _before: datetime, _held: tuple[str, ...]) -> int:
    """No row of the trail goes by itself: see `drop_month`."""
    return 0


def _record(name: str, environment: str) -> RecordClass:
    return RecordClass(
        name=name,
        title=f"Trail of {environment}",
        holds="Events and requests, with their proofs. Archived and read back before they go; the archive keeps its own"
        " time",
        since="after the month they are of, at least: a month goes for all organizations of this HQ at once",
        default=DEFAULT,
        least=LEAST,
        most=MOST,
        count=partial(_past, name),
        remove=_none,
    )


CLASSES: Final = (_record(LIVE, "live"), _record(TEST, "test"))


def archived(held: Held) -> bool:
    """Whether all that a month holds of a log was read back from the archive and fits. In any context."""
    with tenant(held.organization_id):
        rows = Progress.objects.filter(
            organization_id=held.organization_id, environment_id=held.environment_id, log=held.log
        )
        return rows.filter(verified__gte=held.last).exists()


def lets_go(held: Held, month: date) -> bool:
    """Whether its organization keeps the month no longer, and no legal hold does. In any context."""
    ended = datetime.combine(next_month(month), time(), UTC)
    with tenant(held.organization_id):
        cutoff = retention.cutoff(held.organization_id, class_of(held.organization_id, held.environment_id))
    return cutoff is not None and ended <= cutoff


def drop_month(month: date) -> int:
    """Drop the oldest month's rows for good, as the database's owner. How many logs it was of.

    Years may have passed since the archive was read back, so it is looked at again, before anything is locked.
    Raises KeptStill, ArchiveFault, months.CannotDrop, months.NotTheOwner.
    """
    wanted = months.Month(month.year, month.month)
    if next_month(month) > (now() - timedelta(days=LEAST)).date():
        raise KeptStill(f"{wanted} is not a year old.")
    held = months.contents(wanted)
    _require_let_go(held, month)
    for one in held:
        if not archived(one):
            place = f"{one.environment_id}/{one.log}"
            raise months.CannotDrop(f"{place} is not archived up to {one.last}, or not verified.")
    require_kept(held)
    gone = months.drop(wanted, archived=partial(_may_go, month))
    for organization_id in sorted({each.organization_id for each in gone}):
        with tenant(organization_id):
            rows = Month.objects.filter(organization_id=organization_id, month__lte=month, dropped_at=None)
            rows.update(dropped_at=now())
    return len(gone)


def _require_let_go(held: Sequence[Held], month: date) -> None:
    """Raises KeptStill."""
    keeping = {each.organization_id for each in held if not lets_go(each, month)}
    if keeping:
        raise KeptStill(f"{months.Month(month.year, month.month)} is still kept by {len(keeping)} organizations.")


def _may_go(month: date, held: Held) -> bool:
    """Once more, where nobody can record anything any more: a hold may have come while the archive was looked at."""
    _require_let_go([held], month)
    return archived(held)
