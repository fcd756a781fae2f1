"""Jobs and sweeps of this room."""

from celery import shared_task

from hq.db import lookups
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import NETWORK, RunningJob, handles
from webhooks import actions
from webhooks.actions.retention import KEPT

# Of one organization so many at once: its slow receivers must not take every thread there is.
AT_ONCE = 4


@handles(actions.DELIVER, lane=NETWORK, at_once=AT_ONCE)
def deliver(job: RunningJob) -> None:
    """Bring one message to one endpoint."""
    actions.deliver(job)


@handles(actions.SEND_ONCE, lane=NETWORK, at_once=AT_ONCE)
def send_once(job: RunningJob) -> None:
    """Send one message a single time."""
    actions.send_once(job)


@handles(actions.REPLAY_RANGE)
def replay_range(job: RunningJob) -> None:
    """Put what was sent within a range in to be sent again."""
    actions.replay_batches(job)


@handles("webhooks.forget")
def forget(job: RunningJob) -> None:
    """Forget what was sent a month ago."""
    actions.forget_messages(job)


@shared_task(name="webhooks.sweep")
def sweep() -> None:
    """Find organizations with something to forget; a job each does it."""
    for row in lookups.call("webhooks_find_old_messages", now() - KEPT):
        jobs.enqueue("webhooks.forget", organization_id=row["organization_id"], payload={}, key="forget")
