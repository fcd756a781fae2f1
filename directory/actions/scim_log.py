"""What the directory did lately, for those who set it up. The trail keeps what came of it; this is forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from directory.models import ScimOperation
from directory.selectors.scim import OPERATIONS_KEPT
from hq.authz.actor import Actor
from hq.db.classes import retention
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.registry import RunningJob

KEPT = retention(ScimOperation)
DETAIL_LENGTH = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One operation: what it was, on what, how it ended, and a name or the reason."""

    method: str
    resource: str
    target_id: UUID | None
    status: int
    detail: str


def note_operations(actor: Actor, lines: Sequence[Line]) -> None:
    """In a transaction of its own, so that what was refused is kept too."""
    if not lines:
        return
    with tenant(actor.organization_id):
        ScimOperation.objects.bulk_create(
            ScimOperation(
                organization_id=actor.organization_id,
                token_id=actor.id,
                method=line.method[:10],
                resource=line.resource[:40],
                target_id=line.target_id,
                status=line.status,
                detail=line.detail[:DETAIL_LENGTH],
                request_id=actor.origin.request_id,
            )
            for line in lines
        )


def forget_operations(job: RunningJob) -> dict[str, int]:
    """Leave the last 500 of the last 30 days."""
    with job.step():
        rows = ScimOperation.objects.filter(organization_id=job.organization_id)
        last = list(rows.order_by("-pk").values_list("pk", flat=True)[OPERATIONS_KEPT - 1 : OPERATIONS_KEPT])
        beyond = rows.filter(pk__lt=last[0]).delete()[0] if last else 0
        return {"operations": beyond + rows.filter(at__lt=now() - KEPT).delete()[0]}
