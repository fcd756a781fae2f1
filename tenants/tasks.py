"""Jobs and sweeps of this room."""

from celery import shared_task

from hq.db import lookups
from hq.db.classes import retention
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import RunningJob, handles
from tenants import actions
from tenants.models import Invitation, OneTimeSignIn

KEPT = retention(Invitation)


@handles("tenants.provision", max_attempts=20)
def provision(job: RunningJob) -> None:
    actions.provision(job)


@handles("tenants.expire")
def expire(job: RunningJob) -> None:
    """Delete invitations that ended a month ago (VLT-11)."""
    with job.step():
        Invitation.objects.filter(expires_at__lt=now() - KEPT).delete()


@shared_task(name="tenants.sweep")
def sweep() -> None:
    """Put down which support access is over; find organizations with something to expire, a job each does it."""
    OneTimeSignIn.objects.filter(expires_at__lt=now()).delete()
    actions.settle_overdue_support()
    for row in lookups.call("tenants_find_expired", now() - KEPT):
        jobs.enqueue("tenants.expire", organization_id=row["organization_id"], payload={}, key="expire")
