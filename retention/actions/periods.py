"""Choosing how long records are kept, and removing what is past that."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction

from audit import recorder
from audit import selectors as trail
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, system_actor
from hq.authz.permissions import Permission
from hq.db import retention
from hq.db.retention import RecordClass
from hq.lib.clock import now
from hq.lib.errors import Invalid, NotFound, Refused
from jobs.registry import RunningJob
from keys.actions.records import record_somewhere
from retention.actions.holds import wait_for_turn
from retention.models import Enforcement, Period

ENFORCED_EVERY = timedelta(days=1)


class FixedPeriod(Refused):
    """How long these are kept is the same for every organization."""


class OutOfBounds(Invalid):
    """This class of record cannot be kept that long, or that short."""


def change_period(*, actor: Actor, name: str, days: int | None) -> Period:
    """Keep a class of record for so many days from now on; None: for good. What is past that goes with the next look.

    Raises Denied, NotFound, FixedPeriod, OutOfBounds.
    """
    gate.require(actor, Permission.RETENTION_CHANGE)
    try:
        record = retention.record_class(name)
    except LookupError:
        raise NotFound from None
    if not record.changeable:
        raise FixedPeriod
    if (days is None and not record.may_stay) or (days is not None and not record.least <= days <= record.most):
        raise OutOfBounds
    before = retention.period(actor.organization_id, name)
    with transaction.atomic():
        period, _ = Period.objects.update_or_create(
            organization_id=actor.organization_id,
            name=name,
            defaults={"days": days, "changed_at": now(), "changed_by_id": actor.id},
        )
        recorder.record(
            actor,
            Tag.RETENTION_CHANGED,
            target=Target("record_class", period.id, record.title.lower()),
            before={"class": name, "days": before.days if before else None},
            after={"class": name, "days": days},
        )
    return period


def enforce(job: RunningJob) -> dict[str, int]:
    """Remove in one organization whatever is past its retention, a batch in a transaction. Killed anywhere, it goes on.

    Each class of which something went is told of in the trail, with as many as went since it was told of last.
    """
    records, gone = retention.record_classes(), {}
    for number, record in enumerate(records):
        job.progress(number, len(records), record.title)
        if removed := _enforce(job, record):
            gone[record.name] = removed
    with job.step():
        job.complete(gone)
    return gone


def _enforce(job: RunningJob, record: RecordClass) -> int:
    while True:
        with job.step():
            count = _remove_some(job.organization_id, record)
            row, _ = Enforcement.objects.get_or_create(organization_id=job.organization_id, name=record.name)
            row.running += count
            if count:
                row.save(update_fields=["running"])
                continue
            row.at, row.removed, row.running = now(), row.running, 0
            row.save(update_fields=["at", "removed", "running"])
            if row.removed:
                _tell(row, record)
            return int(row.removed)


def _remove_some(organization_id: UUID, record: RecordClass) -> int:
    """One batch; none where nothing may go: what is kept for good, and what a legal hold keeps."""
    wait_for_turn(organization_id)
    before, held = retention.cutoff(organization_id, record.name), retention.held(organization_id, record.name)
    return record.remove(organization_id, before, held) if before is not None and held is not None else 0


def _tell(row: Enforcement, record: RecordClass) -> None:
    organization_id = row.organization_id
    record_somewhere(
        system_actor(organization_id, home_environment_id=trail.home_of(organization_id)),
        Tag.RETENTION_ENFORCED,
        target=Target("record_class", row.id, record.title.lower()),
        after={"class": record.name, "rows": row.removed},
    )
