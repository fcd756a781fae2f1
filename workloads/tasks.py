"""Jobs and sweeps of this room."""

from typing import Any

from celery import shared_task

from hq.db import lookups
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import RunningJob, handles
from workloads.actions.forgetting import EXCHANGES_KEPT, TOKENS_KEPT, forget_old


@handles("workloads.forget")
def forget(job: RunningJob) -> dict[str, Any]:
    """Forget tokens that ended yesterday, and what was exchanged a month ago (VLT-11)."""
    return forget_old(job)


@shared_task(name="workloads.sweep")
def sweep() -> None:
    """Find organizations with something to forget; a job each does it."""
    at = now()
    for row in lookups.call("workloads_find_old", at - TOKENS_KEPT, at - EXCHANGES_KEPT):
        jobs.enqueue("workloads.forget", organization_id=row["organization_id"], payload={}, key="forget")
