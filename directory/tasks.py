"""Jobs and sweeps of this room."""

from typing import Any

from celery import shared_task

from directory.actions.scim_log import KEPT, forget_operations
from directory.selectors.scim import OPERATIONS_KEPT
from hq.db import lookups
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import RunningJob, handles


@handles("directory.forget_log")
def forget(job: RunningJob) -> dict[str, Any]:
    """Forget what a directory did a month ago, or 500 operations ago (VLT-11)."""
    return forget_operations(job)


@shared_task(name="directory.forget_log")
def forget_log() -> None:
    """Find organizations with something to forget; a job each does it."""
    for row in lookups.call("directory_find_forgettable", now() - KEPT, OPERATIONS_KEPT):
        jobs.enqueue("directory.forget_log", organization_id=row["organization_id"], payload={}, key="forget_log")
