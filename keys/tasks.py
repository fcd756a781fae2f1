"""Jobs and sweeps of this room."""

from celery import shared_task

from jobs.registry import RunningJob, handles
from keys import actions

# A customer may keep their key disabled for as long as they like; the work then goes on when it returns.
PATIENCE = 100_000


@handles("keys.reencrypt", max_attempts=PATIENCE)
def reencrypt(job: RunningJob) -> None:
    actions.advance_rotation(job)


@handles("keys.rotate_yearly")
def rotate_yearly(job: RunningJob) -> None:
    with job.step():
        actions.rotate_yearly(job.organization_id)
        job.complete()


@handles("keys.say_overdue")
def say_overdue(job: RunningJob) -> None:
    with job.step():
        actions.say_overdue(job.organization_id)
        job.complete()


@handles("keys.renew_data_keys")
def renew_data_keys(job: RunningJob) -> None:
    with job.step():
        job.complete({"renewed": actions.renew_data_keys(job.organization_id)})


@handles("keys.count")
def count(job: RunningJob) -> None:
    actions.count_held(job.organization_id)


@handles("keys.finish_destruction", max_attempts=PATIENCE)
def finish_destruction(job: RunningJob) -> None:
    actions.finish_destruction(job)


@handles("keys.remind_of_destruction")
def remind_of_destruction(job: RunningJob) -> None:
    with job.step():
        actions.remind_of_destruction(job.organization_id)
        job.complete()


@shared_task(name="keys.sweep")
def sweep() -> None:
    """Find what keys need: rotations, reminders, destructions that are due, keys that were used often, counts."""
    actions.renew_signing_key()
    actions.find_work()
