"""Jobs and sweeps of this room."""

from typing import Any

from celery import shared_task

from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import RunningJob, handles
from sharing import actions, selectors
from sharing.actions.expiry import KEPT, REQUESTS_KEPT
from sharing.actions.receiving import ON_ITS_WAY


@handles("sharing.expire")
def expire(job: RunningJob) -> dict[str, Any]:
    """Forget what is over in one organization."""
    return actions.expire_links(job)


@handles("sharing.requests")
def expire_requests(job: RunningJob) -> dict[str, Any]:
    """Settle what was on its way, and forget requests that are over, in one organization."""
    return actions.expire_requests(job)


@shared_task(name="sharing.sweep")
def sweep() -> None:
    """Find organizations with something to forget; a job each does it."""
    for organization_id in selectors.list_organizations_with_ended(now() - KEPT):
        jobs.enqueue("sharing.expire", organization_id=organization_id, payload={}, key="expire")
    due = selectors.list_organizations_due(now() - REQUESTS_KEPT, now() - ON_ITS_WAY)
    for organization_id in due:
        jobs.enqueue("sharing.requests", organization_id=organization_id, payload={}, key="expire")
