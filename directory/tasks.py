"""Jobs and sweeps of this room."""

from typing import Any

from celery import shared_task

from directory.actions.certificates import warn_of_certificates
from directory.actions.domains import EVERY, list_due, look_again
from directory.actions.scim_log import KEPT, forget_operations
from directory.selectors.domains import list_attention
from directory.selectors.scim import OPERATIONS_KEPT
from hq.db import lookups
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import NETWORK, RunningJob, handles


@handles("directory.forget_log")
def forget(job: RunningJob) -> dict[str, Any]:
    """Forget what a directory did a month ago, or 500 operations ago (VLT-11)."""
    return forget_operations(job)


@handles("directory.look_at_domains", lane=NETWORK)
def look_at_domains(job: RunningJob) -> None:
    """Look whether verified domains still have their records; a silent name server takes seconds, so one by one."""
    with job.step():
        due = list_due(job.organization_id)
    for done, domain_id in enumerate(due):
        job.progress(done, len(due))
        look_again(job.organization_id, domain_id)


@handles("directory.warn_of_certificates")
def warn(job: RunningJob) -> None:
    with job.step():
        job.complete({"warned": warn_of_certificates(job.organization_id)})


KINDS = {"domains": "directory.look_at_domains", "certificates": "directory.warn_of_certificates"}


@shared_task(name="directory.sweep")
def sweep() -> None:
    """Find organizations with domains to look at again, or with certificates that end; a job each does it."""
    for organization_id, what in list_attention(at=now(), looked_before=now() - EVERY):
        jobs.enqueue(KINDS[what], organization_id=organization_id, payload={}, key=what)


@shared_task(name="directory.forget_log")
def forget_log() -> None:
    """Find organizations with something to forget; a job each does it."""
    for row in lookups.call("directory_find_forgettable", now() - KEPT, OPERATIONS_KEPT):
        jobs.enqueue("directory.forget_log", organization_id=row["organization_id"], payload={}, key="forget_log")
