"""Jobs and sweeps of this room."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import shared_task

from evidence.actions import exports
from evidence.actions.checkpoints import MAKE, WITNESS, NotAsSigned, make_checkpoints
from evidence.actions.cosigning import ask_witness
from evidence.actions.mailing import ANSWER_WITHIN, EVERY, send_mail
from evidence.actions.names import NAMES, read_names
from evidence.selectors.exports import list_organizations_with_expired
from hq.db import lookups
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import NETWORK, RunningJob, handles

# A new entry is committed to within a minute: it gets its place within 15 seconds, and this is asked every 20.
APART = timedelta(seconds=25)
MAIL = "evidence.mail"


@handles(MAKE)
def checkpoint(job: RunningJob) -> dict[str, object]:
    """Commit to both logs of an environment. Killed anywhere, it signed nothing or kept what it signed."""
    try:
        made = make_checkpoints(job.organization_id, UUID(job.payload["environment_id"]))
    except NotAsSigned:  # kept and told as an incident; trying again would find the same
        return {"contradicted": True}
    return {row.log: row.size for row in made}


@handles(WITNESS, lane=NETWORK, at_once=4)
def witness(job: RunningJob) -> None:
    """Have one witness look at one log."""
    ask_witness(job)


@handles(MAIL)
def mail(job: RunningJob) -> dict[str, object]:
    """Send an organization's checkpoints to its witnesses by mail."""
    return send_mail(job)


@handles(NAMES)
def names(job: RunningJob) -> None:
    """Learn the names in what was added to a trail, so that the explorer finds events by them."""
    read_names(job)


# A disk may be full for a day, or workers be lost.
@handles("evidence.export", max_attempts=50)
def export(job: RunningJob) -> None:
    """Make an export of a log. Killed anywhere, it begins again, and what was written is removed."""
    exports.make_trail_export(job)


@handles("evidence.expire_exports")
def expire_exports(job: RunningJob) -> dict[str, int]:
    """Remove exports of the trail whose time is over."""
    return exports.expire_trail_exports(job)


@shared_task(name="evidence.sweep_exports")
def sweep_exports() -> None:
    """Find organizations with exports of the trail that are over; a job each removes them."""
    for organization_id in list_organizations_with_expired():
        jobs.enqueue("evidence.expire_exports", organization_id=organization_id, payload={}, key="expire")


@shared_task(name="evidence.sweep")
def sweep() -> None:
    """Find the environments whose logs have grown since their newest checkpoint; a job each commits to them."""
    _put_in(lookups.call("evidence_find_due", now() - APART))


@shared_task(name="evidence.look_again")
def look_again() -> None:
    """Compare every log with its newest checkpoint, though it has not grown: it may have been rewritten as it is."""
    _put_in(lookups.call("evidence_find_committed"))


def _put_in(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        environment_id = row["environment_id"]
        jobs.enqueue(
            MAKE,
            organization_id=row["organization_id"],
            environment_id=environment_id,
            payload={"environment_id": str(environment_id)},
            key=f"checkpoint:{environment_id}",
        )


@shared_task(name="evidence.sweep_mail")
def sweep_mail() -> None:
    """Find the organizations with witnesses by mail whose day is over."""
    for row in lookups.call("evidence_find_mail", now() - EVERY, now() - ANSWER_WITHIN):
        jobs.enqueue(MAIL, organization_id=row["organization_id"], payload={}, key="mail")


@shared_task(name="evidence.sweep_names")
def sweep_names() -> None:
    """Find the trails with events whose names are not known yet; a job each reads them."""
    for row in lookups.call("evidence_find_unread_names"):
        environment_id = row["environment_id"]
        jobs.enqueue(
            NAMES,
            organization_id=row["organization_id"],
            environment_id=environment_id,
            payload={"environment_id": str(environment_id)},
            key=f"names:{environment_id}",
        )
