"""Jobs and sweeps of this room."""

from datetime import timedelta
from uuid import UUID

from allauth.usersessions.models import UserSession
from celery import shared_task
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef

from hq.db import lookups
from hq.db.classes import retention
from hq.db.context import tenant
from hq.db.sealing import KeyUnavailable
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import NETWORK, RunningJob, handles
from tenants import actions
from tenants.actions.key_alerts import MAIL
from tenants.actions.people import MAIL as MAIL_INVITATION
from tenants.models import Answer, ApiKeyDay, Invitation, OneTimeSignIn

KEPT = retention(Invitation)
ANSWERS_KEPT, DAYS_KEPT = retention(Answer), retention(ApiKeyDay)
YOUNG = timedelta(hours=1)
# Of one organization so many at once: those whom it invites must not keep the mails of others waiting.
MAILS_AT_ONCE = 4


@handles("tenants.provision", max_attempts=20)
def provision(job: RunningJob) -> None:
    actions.provision(job)


@handles("tenants.expire")
def expire(job: RunningJob) -> None:
    """Delete invitations that ended a month ago (VLT-11)."""
    with job.step():
        Invitation.objects.filter(expires_at__lt=now() - KEPT).delete()


@handles("tenants.tell_of_keys")
def tell_of_keys(job: RunningJob) -> None:
    """Each key in a transaction of its own: what it left in the trail, what was mailed, and that it was told, are one.

    Without the organization's key nothing can be recorded; the same job then looks again in an hour.
    """
    with job.step():
        due = actions.list_keys_to_tell_of(job.organization_id)
    try:
        for key_id in due:
            with job.step():
                actions.tell_of_key(job.organization_id, key_id)
    except KeyUnavailable:
        with job.step():
            job.again(now() + YOUNG)


@handles(MAIL)
def mail_key_alert(job: RunningJob) -> None:
    """One mail to one person. Whoever sends it and dies before it is put down as sent sends it again."""
    about = {"key_id": UUID(job.payload["key_id"]), "person_id": UUID(job.payload["person_id"])}
    with tenant(job.organization_id):
        message = actions.alert_mail(job.organization_id, **about, tag=job.payload["tag"], value=job.payload["value"])
    if message is not None:
        message.send()


@handles(MAIL_INVITATION, lane=NETWORK, at_once=MAILS_AT_ONCE, max_attempts=20)
def mail_invitation(job: RunningJob) -> None:
    """One mail to one address. Its link is kept, sealed, until it has gone out; then only its hash is."""
    about = (job.organization_id, UUID(job.payload["invitation_id"]))
    with tenant(job.organization_id):
        message = actions.invitation_mail(*about)
    if message is not None:
        message.send()
    with job.step():
        actions.forget_unsent(*about)
        job.complete()


@handles("tenants.forget_use")
def forget_use(job: RunningJob) -> None:
    """Delete answers that nobody repeats any more, and what was counted of keys more than 400 days ago."""
    with job.step():
        actions.forget_answers(job.organization_id, before=now() - ANSWERS_KEPT)
        ApiKeyDay.objects.filter(organization_id=job.organization_id, on__lt=(now() - DAYS_KEPT).date()).delete()


@shared_task(name="tenants.sweep")
def sweep() -> None:
    """Put down which support access is over; find organizations with something to expire, a job each does it."""
    OneTimeSignIn.objects.filter(expires_at__lt=now()).delete()
    _forget_sessions()
    actions.settle_overdue_support()
    for row in lookups.call("tenants_find_expired", now() - KEPT):
        jobs.enqueue("tenants.expire", organization_id=row["organization_id"], payload={}, key="expire")
    for row in lookups.call("tenants_find_keys_to_tell_of", now()):
        jobs.enqueue("tenants.tell_of_keys", organization_id=row["organization_id"], payload={}, key="tell_of_keys")
    for row in lookups.call("tenants_find_old_answers", now() - ANSWERS_KEPT, (now() - DAYS_KEPT).date()):
        jobs.enqueue("tenants.forget_use", organization_id=row["organization_id"], payload={}, key="forget_use")


def _forget_sessions() -> None:
    """Those that have run out, and the lines about sessions that are gone: nobody else ever deletes them."""
    Session.objects.filter(expire_date__lt=now()).delete()
    there = Session.objects.filter(session_key=OuterRef("session_key"))
    # A young line may be that of a session whose own transaction has not ended.
    UserSession.objects.filter(~Exists(there), last_seen_at__lt=now() - YOUNG).delete()
