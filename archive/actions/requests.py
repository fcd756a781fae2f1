"""Putting archiving in: for a day that is over, or for everything up to now because somebody asked."""

from datetime import date
from uuid import UUID

from audit import recorder
from audit.recorder import Target
from audit.tags import Log, Tag
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from jobs import actions as jobs
from jobs.registry import Job


def enqueue_write(organization_id: UUID, environment_id: UUID, log: Log, *, before: date | None = None) -> Job:
    """One job a log and day; without a day, for everything that is there."""
    payload = {"environment_id": str(environment_id), "log": str(log)} | ({"before": str(before)} if before else {})
    return jobs.enqueue(
        "archive.write",
        organization_id=organization_id,
        payload=payload,
        key=f"{environment_id}:{log}:{before or ''}",
    )


def archive_now(*, actor: Actor) -> list[Job]:
    """Archive both logs of the actor's environment up to now. Raises Denied."""
    gate.require(actor, Permission.AUDIT_VERIFY)
    environment_id = environment_of(actor)
    found = [enqueue_write(actor.organization_id, environment_id, log) for log in Log]
    recorder.record(actor, Tag.TRAIL_ARCHIVED, target=Target("trail", environment_id, "the trail up to now"))
    return found


def keep_later(organization_id: UUID, environment_id: UUID, log: str, _size: int, _note: str) -> None:
    """Keep it in the archive too. In the transaction that made it."""
    jobs.enqueue(
        "archive.checkpoints",
        organization_id=organization_id,
        payload={"environment_id": str(environment_id), "log": log},
        key=f"{environment_id}:{log}",
    )
