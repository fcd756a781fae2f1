"""Jobs and sweeps of this room."""

from datetime import timedelta

from allauth.usersessions.models import UserSession
from celery import shared_task
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef

from hq.db import lookups
from hq.db.classes import retention
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import RunningJob, handles
from tenants import actions
from tenants.models import Invitation, OneTimeSignIn

KEPT = retention(Invitation)
YOUNG = timedelta(hours=1)


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
    _forget_sessions()
    actions.settle_overdue_support()
    for row in lookups.call("tenants_find_expired", now() - KEPT):
        jobs.enqueue("tenants.expire", organization_id=row["organization_id"], payload={}, key="expire")


def _forget_sessions() -> None:
    """Those that have run out, and the lines about sessions that are gone: nobody else ever deletes them."""
    Session.objects.filter(expire_date__lt=now()).delete()
    there = Session.objects.filter(session_key=OuterRef("session_key"))
    # A young line may be that of a session whose own transaction has not ended.
    UserSession.objects.filter(~Exists(there), last_seen_at__lt=now() - YOUNG).delete()
