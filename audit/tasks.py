"""Every chain is checked at least once a day without anybody asking."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task

from audit import actions, selectors
from hq.authz.actor import system_actor
from hq.authz.permissions import Permission
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import RunningJob, handles

EVERY = timedelta(days=1)


@handles("audit.verify")
def verify(job: RunningJob) -> dict[str, object]:
    """Check one chain and keep what was found."""
    environment_id = UUID(job.payload["environment_id"])
    actor = system_actor(job.organization_id, Permission.AUDIT_VERIFY, environment_id=environment_id)
    with job.step():
        verdict = actions.verify_chain(actor=actor)
    return {"length": verdict.length, "first_bad": verdict.first_bad}


@shared_task(name="audit.sweep")
def sweep() -> None:
    """Put in a job for each chain whose last check is too long ago."""
    for row in selectors.find_unverified(now() - EVERY):
        environment_id = row["environment_id"]
        jobs.enqueue(
            "audit.verify",
            organization_id=row["organization_id"],
            environment_id=environment_id,
            payload={"environment_id": str(environment_id)},
            key=f"verify:{environment_id}",
        )
