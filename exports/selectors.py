"""Reads of exports. One's own are seen by nobody else; those of an organization by each of its owners."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from exports.models import Export, Volume
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db import lookups
from hq.lib.errors import NotFound
from jobs.registry import Job

PERMISSIONS = {"own": Permission.EXPORTS_OWN, "organization": Permission.ORGANIZATION_EXPORT}
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Listed:
    """An export as its page tells of it."""

    export: Export
    volumes: Sequence[Volume]
    job: Job | None

    @property
    def state(self) -> str:
        """ready, failed or making."""
        if self.export.made_at is not None:
            return "ready"
        return "failed" if self.job is not None and self.job.state == Job.State.DEAD else "making"

    @property
    def size(self) -> int:
        return sum(volume.size for volume in self.volumes)


def _exports(actor: Actor, scope: str) -> QuerySet[Export]:
    gate.require(actor, PERMISSIONS[scope])
    rows = Export.objects.filter(organization_id=actor.organization_id, scope=scope, removed_at=None)
    return rows if scope == Export.Scope.ORGANIZATION else rows.filter(requested_by_id=actor.id)


def list_exports(actor: Actor, scope: str) -> Sequence[Listed]:
    """Newest first, with their volumes and, while they are made, with their jobs."""
    found = list(_exports(actor, scope).prefetch_related("volumes").order_by("-pk")[:SHOWN])
    jobs = Job.objects.filter(organization_id=actor.organization_id, id__in=[each.job_id for each in found])
    by_id = {job.id: job for job in jobs}
    return [
        Listed(each, sorted(each.volumes.all(), key=lambda volume: volume.number), by_id.get(each.job_id or each.pk))
        for each in found
    ]


def under_way(actor: Actor, scope: str) -> Export | None:
    """The one that is being made, or that failed."""
    return _exports(actor, scope).filter(made_at=None).first()


def get_export(actor: Actor, scope: str, export_id: UUID, *, lock: bool = False) -> Export:
    """Raises Denied, NotFound."""
    rows = _exports(actor, scope)
    found = (rows.select_for_update(no_key=True) if lock else rows).filter(pk=export_id).first()
    if found is None:
        raise NotFound
    return found


def get_volume(export: Export, number: int) -> Volume:
    """Raises NotFound."""
    found = Volume.objects.filter(organization_id=export.organization_id, export_id=export.id, number=number).first()
    if found is None:
        raise NotFound
    return found


def list_organizations_with_expired() -> list[UUID]:
    """Organizations that have exports whose time is over."""
    return [row["organization_id"] for row in lookups.call("exports_find_expired")]
