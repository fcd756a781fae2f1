"""Jobs and sweeps of this room."""

from celery import shared_task

from hq.db import lookups
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import NETWORK, RunningJob, handles
from streams import actions

# Of one organization so many at once: its slow targets must not take every thread there is.
AT_ONCE = 4


@handles(actions.SEND, lane=NETWORK, at_once=AT_ONCE)
def send(job: RunningJob) -> None:
    """Send what waits for one stream."""
    actions.send_stream(job)


@handles(actions.TEST, lane=NETWORK, at_once=AT_ONCE)
def test(job: RunningJob) -> None:
    """Try the target of one stream out."""
    actions.send_test(job)


@shared_task(name="streams.sweep")
def sweep() -> None:
    """Find streams with entries past their position whose time has come; a job each sends them."""
    for row in lookups.call("streams_find_due", now()):
        jobs.enqueue(
            actions.SEND,
            organization_id=row["organization_id"],
            environment_id=row["environment_id"],
            payload={"stream": row["id"]},
            key=str(row["id"]),
        )
