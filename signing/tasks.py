"""Jobs and sweeps of this room."""

from typing import Any

from celery import shared_task

from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import NETWORK, RunningJob, handles
from signing import selectors
from signing.actions import bulk, inbox, mails, sealing, upkeep

# Of one organization so many at once: its many signers must not keep the mails of others waiting.
MAILS_AT_ONCE = 4


# A disk may be full for a day, or workers be lost: what everybody has signed is sealed in the end.
@handles("signing.seal", max_attempts=50)
def seal(job: RunningJob) -> None:
    """Seal what everybody has signed. Killed anywhere, it begins again, and there is one sealed document."""
    sealing.seal_agreement(job)


@handles("signing.mail", lane=NETWORK, at_once=MAILS_AT_ONCE, max_attempts=20)
def mail(job: RunningJob) -> None:
    """Send one mail about an agreement."""
    mails.send_mail(job)


@handles("signing.inbox_code", lane=NETWORK, at_once=MAILS_AT_ONCE, max_attempts=3)
def inbox_code(job: RunningJob) -> None:
    """Mail a code to an address that asks for all of its documents, if there are any."""
    inbox.mail_inbox_code(job)


@handles("signing.expire")
def expire(job: RunningJob) -> dict[str, int]:
    """End what was not signed in time, remind, and forget codes and sessions, in one organization."""
    return upkeep.look_after(job)


# A table of many goes on where it was, through full disks and deploys.
@handles("signing.bulk", max_attempts=50)
def send_many(job: RunningJob) -> dict[str, Any]:
    """Send one template to a table of people, each row once."""
    return bulk.run_batch(job)


@shared_task(name="signing.sweep")
def sweep() -> None:
    """Find organizations with something to do; a job each does it."""
    for organization_id in selectors.list_organizations_due(now()):
        jobs.enqueue("signing.expire", organization_id=organization_id, payload={}, key="expire")
