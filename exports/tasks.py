"""Jobs and sweeps of this room."""

from typing import Any

from celery import shared_task

from exports import actions, selectors
from jobs import actions as jobs
from jobs.registry import RunningJob, handles

# Each volume that was finished counts anew; between two a disk may be full for a day, or workers be lost.
PATIENCE = 50


@handles("exports.make", max_attempts=PATIENCE)
def make(job: RunningJob) -> None:
    actions.make_export(job)


@handles("exports.forget")
def forget(job: RunningJob) -> dict[str, Any]:
    return actions.forget_export(job)


@handles("exports.expire")
def expire(job: RunningJob) -> dict[str, Any]:
    return actions.expire_exports(job)


@shared_task(name="exports.sweep")
def sweep() -> None:
    """Find organizations with exports that are over; a job each removes them."""
    for organization_id in selectors.list_organizations_with_expired():
        jobs.enqueue("exports.expire", organization_id=organization_id, payload={}, key="expire")
