"""Jobs and the sweep of this room. They may wait for a bucket, so they go by the lane of the network."""

from datetime import UTC, datetime, time, timedelta

from celery import shared_task

from archive import actions, selectors
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import NETWORK, RunningJob, handles

# What was sequenced a little after midnight still belongs to the day before.
GRACE = timedelta(minutes=15)
# Back-off ends at an hour between two tries: a bucket may refuse for more than a week, and what then gives up the
# sweep puts in again.
PATIENCE = 200


@handles("archive.write", lane=NETWORK, max_attempts=PATIENCE, at_once=2)
def write(job: RunningJob) -> dict[str, int]:
    return actions.archive_log(job, actions.order_of(job.organization_id, job.payload))


@handles("archive.verify", lane=NETWORK, max_attempts=PATIENCE, at_once=1)
def verify(job: RunningJob) -> dict[str, int]:
    order = actions.order_of(job.organization_id, job.payload)
    return actions.verify_month(job, order, datetime.fromisoformat(job.payload["month"]).date())


@handles("archive.checkpoints", lane=NETWORK, max_attempts=PATIENCE, at_once=1)
def checkpoints(job: RunningJob) -> dict[str, int]:
    return actions.keep_checkpoints(job, actions.order_of(job.organization_id, job.payload))


@shared_task(name="archive.sweep")
def sweep() -> None:
    """Put in a job for each log with a closed day that is not archived, and for each month that was not read back."""
    at = now() - GRACE
    today = at.astimezone(UTC).date()
    midnight = datetime.combine(today, time(), UTC)
    for due in selectors.find_unarchived(midnight + GRACE):
        actions.enqueue_write(due.organization_id, due.environment_id, due.log, before=today)
    for due in selectors.find_unverified_months(today.replace(day=1)):
        payload = {"environment_id": str(due.environment_id), "log": str(due.log), "month": str(due.month)}
        jobs.enqueue(
            "archive.verify",
            organization_id=due.organization_id,
            payload=payload,
            key=f"{due.environment_id}:{due.log}:{due.month}",
        )
    actions.sound_alarm()
