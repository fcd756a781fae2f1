"""Jobs and sweeps of this room."""

from typing import Any

from celery import shared_task

from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import RunningJob, handles
from sharing import actions, selectors
from sharing.actions.expiry import KEPT


@handles("sharing.expire")
def expire(job: RunningJob) -> dict[str, Any]:
    """Forget what is over in one organization."""
    return actions.expire_links(job)


@shared_task(name="sharing.sweep")
def sweep() -> None:
    """Find organizations with something to forget; a job each does it."""
    for organization_id in selectors.list_organizations_with_ended(now() - KEPT):
        jobs.enqueue("sharing.expire", organization_id=organization_id, payload={}, key="expire")
