"""Reads of exports of the trail. Whoever may read a trail sees them all: they are about it, not about who asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from audit import selectors as trail
from audit.tags import Log
from evidence.models import TrailExport
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.db import lookups
from hq.lib.errors import NotFound
from jobs.registry import Job

ALTERED: Final = "An entry in its range is not as it was written, and those who look after the organization were told."
MISSING: Final = "An entry in its range is missing. HQ checks the whole log now; the page Integrity says what it finds."


@dataclass(frozen=True, slots=True)
class ListedExport:
    """One as its page tells of it."""

    export: TrailExport
    job: Job | None

    @property
    def state(self) -> str:
        """ready, empty, failed or making."""
        if self.export.made_at is None:
            return "failed" if self.job is not None and self.job.state == Job.State.DEAD else "making"
        if self.export.blob_id:
            return "ready"
        return "failed" if self.export.first or self._result.get("missing") else "empty"

    @property
    def _result(self) -> Mapping[str, Any]:
        return (self.job.result if self.job else None) or {}

    @property
    def fault(self) -> str:
        """Why it failed, as a sentence."""
        if self.job is None or self.job.state == Job.State.DEAD:
            return self.job.error if self.job else ALTERED
        if self._result.get("missing"):
            return MISSING
        index = self._result.get("altered")
        return f"{ALTERED} It is entry {index:,}: times before and after it can be exported." if index else ALTERED


def _rows(actor: Actor) -> QuerySet[TrailExport]:
    gate.require(actor, Permission.AUDIT_READ)
    return TrailExport.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))


def list_trail_exports(actor: Actor, *, before: UUID | None = None, limit: int = 20) -> Sequence[ListedExport]:
    """Newest first, with their jobs; up to limit + 1. Raises Denied."""
    rows = _rows(actor)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return listed(actor.organization_id, list(rows.order_by("-pk")[: limit + 1]))


def listed(organization_id: UUID, exports: Sequence[TrailExport]) -> Sequence[ListedExport]:
    """These, with their jobs."""
    jobs = Job.objects.filter(organization_id=organization_id, id__in=[each.job_id for each in exports if each.job_id])
    by_id = {job.id: job for job in jobs}
    return [ListedExport(each, by_id.get(each.job_id) if each.job_id else None) for each in exports]


def get_trail_export(actor: Actor, export_id: UUID, *, lock: bool = False) -> TrailExport:
    """Raises Denied, NotFound."""
    rows = _rows(actor)
    found = (rows.select_for_update(no_key=True) if lock else rows).filter(pk=export_id).first()
    if found is None:
        raise NotFound
    return found


def first_since(organization_id: UUID, environment_id: UUID, log: Log, since: datetime | None, size: int) -> int:
    """The first index that is there and not before a time; size + 1 if there is none. In the caller's tenant context.

    By halves, as entries stand in the order in which they came. Where a clock went back, that is an order all the same.
    Raises EntryMissing: its end was taken away, or more of its beginning than was dropped with its months.
    """
    there = trail.times_after(organization_id, environment_id, log, after=0, limit=1)
    low, high = (there[0][0] if there else size + 1), size + 1
    if low > trail.dropped_of(organization_id, environment_id, log) + 1:
        raise trail.EntryMissing
    while since is not None and low < high:
        middle = (low + high) // 2
        found = trail.times_after(organization_id, environment_id, log, after=middle - 1, limit=1)
        if not found:
            raise trail.EntryMissing
        ((_, at),) = found
        low, high = (middle + 1, high) if at < since else (low, middle)
    return low


def list_organizations_with_expired() -> list[UUID]:
    """Organizations that have exports whose time is over."""
    return [row["organization_id"] for row in lookups.call("evidence_find_expired_exports")]
