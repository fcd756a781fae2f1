"""Jobs and sweeps of this room."""

from celery import shared_task

from hq.db import lookups
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import RunningJob, handles
from vault import actions
from vault.actions.assemble import ATTEMPTS
from vault.actions.credentials import CREDENTIALS_KEPT
from vault.actions.landing import KIND
from vault.actions.multipart import KIND as END_PARTS
from vault.actions.uploads import ASSEMBLE, END


@handles("vault.collect_orphans")
def collect_orphans(job: RunningJob) -> None:
    """Remove what interrupted uploads left."""
    actions.collect_orphans(job)


@handles("vault.forget_credentials")
def forget_credentials(job: RunningJob) -> dict[str, int]:
    """Remove storage credentials that ended yesterday."""
    return actions.forget_credentials(job)


@handles(ASSEMBLE, max_attempts=ATTEMPTS)
def assemble(job: RunningJob) -> None:
    """Put the parts of an upload together."""
    actions.assemble_upload(job)


@handles(END)
def end_uploads(job: RunningJob) -> dict[str, int]:
    """Remove what uploads left that have ended."""
    return actions.end_uploads(job)


@handles(END_PARTS)
def end_parts(job: RunningJob) -> dict[str, int]:
    """Remove parts that nobody made a file of."""
    return actions.end_parts(job)


@handles(KIND)
def take_in(job: RunningJob) -> dict[str, int]:
    """Take in what programs put straight into S3."""
    return actions.take_in(job)


@shared_task(name="vault.take_in")
def look_for_landed() -> None:
    """A job for each organization with a landing area that may hold something."""
    for row in lookups.call("vault_find_landings"):
        jobs.enqueue(KIND, organization_id=row["organization_id"], payload={}, key="take in")


@shared_task(name="vault.sweep")
def sweep() -> None:
    """Find organizations with interrupted uploads; a job each removes what is left of them."""
    for row in lookups.call("vault_find_ended_uploads"):
        jobs.enqueue(END, organization_id=row["organization_id"], payload={}, key="end")
    for row in lookups.call("vault_find_old_parts"):
        jobs.enqueue(END_PARTS, organization_id=row["organization_id"], payload={}, key="end parts")
    for row in lookups.call("vault_find_orphans"):
        jobs.enqueue("vault.collect_orphans", organization_id=row["organization_id"], payload={}, key="collect")
    for row in lookups.call("vault_find_old_credentials", now() - CREDENTIALS_KEPT):
        jobs.enqueue("vault.forget_credentials", organization_id=row["organization_id"], payload={}, key="forget")
