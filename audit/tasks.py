"""What the trail does by itself: requests get their places, trees grow, logs are checked, months are made in time."""

import logging
from datetime import timedelta
from uuid import UUID

from celery import shared_task

from audit import actions, months, selectors, watch
from audit.tags import Log
from hq.authz.actor import system_actor
from hq.authz.permissions import Permission
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import RunningJob, handles

log = logging.getLogger("hq.audit")
EVERY = timedelta(days=1)
# So many months are to be there, or it is said: the database's owner has to make them.
AHEAD_LEAST = 2
# What waits for longer is held up by a transaction that somebody left open, and nothing new of its log is signed.
HELD_MOST = timedelta(minutes=10)


@handles("audit.sequence")
def sequence(job: RunningJob) -> dict[str, object]:
    """Give requests their places and grow both trees; each batch is whole by itself."""
    environment_id = UUID(job.payload["environment_id"])
    done = 0
    for batch in actions.grow_in_batches(job.organization_id, environment_id):
        done += batch
        job.progress(done)
    return {"entries": done}


@shared_task(name="audit.sweep_logs")
def sweep_logs() -> None:
    """Put in a job for each environment with requests that have no place, or a tree that is behind.

    And one for each organization with writes of which its trail does not tell yet.
    """
    for changed in watch.find_changed():
        jobs.enqueue("audit.tell_changes", organization_id=changed, payload={}, key="changes")
    for organization_id, environment_id in selectors.find_waiting():
        jobs.enqueue(
            "audit.sequence",
            organization_id=organization_id,
            environment_id=environment_id,
            payload={"environment_id": str(environment_id)},
            key=f"sequence:{environment_id}",  # what it had not seen is found by the next sweep
        )
    if held := selectors.find_held(now() - HELD_MOST):
        log.error("requests wait for their places: a transaction is open for long", extra={"logs": len(held)})


@handles("audit.tell_changes")
def tell_changes(job: RunningJob) -> dict[str, object]:
    """Tell of what was written past the application: each batch is whole by itself."""
    done, more = 0, True
    while more:
        told = watch.tell_changes(job.organization_id)
        done, more = done + told, told == watch.BATCH
        job.progress(done)
    return {"changes": done}


@handles("audit.verify")
def verify(job: RunningJob) -> dict[str, object]:
    """Check one log and keep what was found. Not in one step, which would hold up the places of requests."""
    environment_id = UUID(job.payload["environment_id"])
    actor = system_actor(job.organization_id, Permission.AUDIT_VERIFY, environment_id=environment_id)
    verdict = actions.verify_chain(actor=actor, log=Log(job.payload.get("log", Log.ADMIN)), progress=job.progress)
    return {"length": verdict.length, "first_bad": verdict.first_bad}


@shared_task(name="audit.sweep")
def sweep() -> None:
    """Put in a job for each log whose last check is too long ago."""
    for row in selectors.find_unverified(now() - EVERY):
        environment_id = row["environment_id"]
        jobs.enqueue(
            "audit.verify",
            organization_id=row["organization_id"],
            environment_id=environment_id,
            payload={"environment_id": str(environment_id), "log": row["log"]},
            key=f"verify:{environment_id}:{row['log']}",
        )


@shared_task(name="audit.sweep_months")
def sweep_months() -> None:
    """Say it if too few months are there: what they do not take is kept, but cannot go month by month."""
    ahead = sum(month > months.Month.of(now()) for month in months.list_months())
    if ahead < AHEAD_LEAST:
        log.error("the trail has too few months ahead: run bin/manage make_months", extra={"ahead": ahead})
