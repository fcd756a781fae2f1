"""Jobs and sweeps of this room."""

from typing import Any

from celery import shared_task

from jobs.registry import RunningJob, handles
from retention import actions

# A provider of keys or a store may be away for days; the erasure then goes on when it is back.
PATIENCE = 100_000


@handles("retention.enforce")
def enforce(job: RunningJob) -> dict[str, Any]:
    """Remove what is past its retention in one organization."""
    return actions.enforce(job)


@handles("retention.erase", max_attempts=PATIENCE)
def erase(job: RunningJob) -> None:
    """Erase an organization."""
    actions.erase(job)


@handles("retention.erase_person", max_attempts=PATIENCE)
def erase_person(job: RunningJob) -> None:
    """Erase a member, or an account."""
    actions.erase_person(job)


@handles("retention.send_certificate", max_attempts=20)
def send_certificate(job: RunningJob) -> None:
    actions.send_certificate(job)


@handles("retention.send_person_certificate", max_attempts=20)
def send_person_certificate(job: RunningJob) -> None:
    actions.send_person_certificate(job)


@shared_task(name="retention.sweep")
def sweep() -> None:
    """Find organizations to look through, and erasures that are due; a job each does it."""
    actions.find_work()
