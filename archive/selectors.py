"""Reads of the archive: how far it goes, and what is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from archive.models import Digest, Month, Progress
from audit import selectors as trail
from audit.tags import Log
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.db import lookups


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How far a log is archived. `waiting`: entries that are in no digest yet; `verified`: read back and compared.

    `where` is a phrase for people; a place that is not `lockable` cannot keep files from being removed.
    """

    log: Log
    day: date | None
    archived: int
    waiting: int
    verified: int
    digests: int
    archived_at: datetime | None
    verified_at: datetime | None
    failing_since: datetime | None
    failure: str
    where: str
    lockable: bool

    @property
    def failing(self) -> bool:
        return self.failing_since is not None


def progress_of(organization_id: UUID, environment_id: UUID, log: Log | str, *, lock: bool = False) -> Progress:
    """The row of a log, made if there is none. In the caller's tenant transaction."""
    place = {"organization_id": organization_id, "environment_id": environment_id, "log": str(log)}
    rows = Progress.objects.filter(**place)
    found = (rows.select_for_update(no_key=True) if lock else rows).first()
    if found is not None:
        return found
    Progress.objects.bulk_create([Progress(**place)], ignore_conflicts=True)
    return progress_of(organization_id, environment_id, log, lock=lock)


def archive_status(actor: Actor, where: str, *, lockable: bool) -> Sequence[Status]:
    """Both logs of the actor's environment. Raises Denied."""
    gate.require(actor, Permission.AUDIT_READ)
    environment_id = environment_of(actor)
    rows = {
        row.log: row
        for row in Progress.objects.filter(organization_id=actor.organization_id, environment_id=environment_id)
    }
    found = []
    for log in Log:
        row = rows.get(log) or Progress(
            organization_id=actor.organization_id, environment_id=environment_id, log=str(log)
        )
        size = trail.size_of(actor.organization_id, environment_id, log)
        found.append(
            Status(
                log=log,
                day=row.day,
                archived=row.archived,
                waiting=size - row.archived,
                verified=row.verified,
                digests=Digest.objects.filter(**row.place).count(),
                archived_at=row.archived_at,
                verified_at=row.verified_at,
                failing_since=row.failing_since,
                failure=row.failure,
                where=where,
                lockable=lockable,
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class Due:
    """A log to look after; `month`: one of its months to read back."""

    organization_id: UUID
    environment_id: UUID
    log: Log
    month: date | None = None


def find_unarchived(before: datetime) -> list[Due]:
    """Logs with entries in no digest that were looked at last before a time, or never."""
    rows = lookups.call("archive_find_unarchived", before)
    return [Due(row["organization_id"], row["environment_id"], Log(row["log"])) for row in rows]


def find_unverified_months(before: date) -> list[Due]:
    """Months that ended before a day, were archived since they ended, and were not read back: the first of each log."""
    rows = lookups.call("archive_find_unverified", before)
    return [Due(row["organization_id"], row["environment_id"], Log(row["log"]), row["month"]) for row in rows]


def find_failing(since: timedelta, at: datetime) -> tuple[int, datetime | None]:
    """How many logs the archive has refused for so long, and since when the first of them."""
    row = lookups.one("archive_failing", at - since)
    return (row["logs"], row["since"]) if row else (0, None)


def months_of(organization_id: UUID, environment_id: UUID) -> Sequence[Month]:
    """What of an environment was read back, oldest first. In the caller's tenant context."""
    rows = Month.objects.filter(organization_id=organization_id, environment_id=environment_id)
    return list(rows.order_by("month", "log"))
