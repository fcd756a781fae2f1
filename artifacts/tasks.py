"""Jobs and sweeps of this room."""

from typing import Any

from celery import shared_task

from artifacts import selectors
from artifacts.actions import upkeep
from artifacts.models import ArtifactLink, ArtifactVisit
from hq.db.classes import retention
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import RunningJob, handles


@handles("artifacts.look_after")
def look_after(job: RunningJob) -> dict[str, Any]:
    """Tell the trail of opened links, and forget what is over, in one organization."""
    return upkeep.look_after(job)


@shared_task(name="artifacts.sweep")
def sweep() -> None:
    """Find organizations with something to do; a job each does it."""
    at = now()
    for organization_id in selectors.list_organizations_with_work(
        at - retention(ArtifactLink), at - retention(ArtifactVisit)
    ):
        jobs.enqueue("artifacts.look_after", organization_id=organization_id, payload={}, key="look_after")
