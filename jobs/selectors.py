"""Reads of jobs: an organization its own, the platform's operator the metadata of all."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db import lookups
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import NotFound
from jobs.models import Job

PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """One row of the operator's list: no payload, no result."""

    id: UUID
    organization_id: UUID
    kind: str
    state: str
    attempts: int
    max_attempts: int
    run_at: datetime
    done: int
    total: int
    message: str
    error: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many jobs are in each state (every state is there), and since when the oldest waiting one could have run."""

    by_state: dict[str, int]
    waiting_since: datetime | None


def get_job(actor: Actor, job_id: UUID) -> Job:
    """A job of the actor's organization; what belongs to an environment, only from there. Raises NotFound."""
    gate.require(actor, Permission.JOBS_READ)
    here = Q(environment_id=None) | Q(environment_id=actor.environment_id)
    job = Job.objects.filter(here, organization_id=actor.organization_id, id=job_id).first()
    if job is None:
        raise NotFound
    return job


def find_unfinished(organization_id: UUID, kind: str, key: str) -> Job | None:
    """Work that waits or is being done, by its key. Asks no permission: for rooms that show what they put in."""
    return Job.objects.unfinished().filter(organization_id=organization_id, kind=kind, key=key).first()


def list_for_operator(
    actor: Actor,
    *,
    state: str = "",
    kind: str = "",
    organization_id: UUID | None = None,
    before: UUID | None = None,
    limit: int = PAGE,
) -> list[JobLine]:
    """Jobs of every organization, newest first, below the id `before`."""
    gate.require(actor, Permission.OPERATOR_JOBS)
    return [JobLine(**row) for row in lookups.call("jobs_list", before, state, kind, organization_id, limit)]


def tally_for_operator(actor: Actor) -> Tally:
    """Counts over every organization."""
    gate.require(actor, Permission.OPERATOR_JOBS)
    rows = {row["state"]: row for row in lookups.call("jobs_counts")}
    oldest = rows[Job.State.QUEUED]["oldest"] if Job.State.QUEUED in rows else None
    return Tally(
        {state: rows[state]["jobs"] if state in rows else 0 for state in Job.State.values},
        oldest if oldest and oldest <= now() else None,
    )


def locate(actor: Actor, job_id: UUID) -> UUID:
    """The organization of a job. Raises NotFound."""
    gate.require(actor, Permission.OPERATOR_JOBS)
    row = lookups.one("jobs_locate", job_id)
    if row is None:
        raise NotFound
    organization_id: UUID = row["organization_id"]
    return organization_id


def get_for_operator(actor: Actor, job_id: UUID) -> Job:
    """One job of any organization, with the ids in its payload. Raises NotFound."""
    with tenant(locate(actor, job_id)):
        job = Job.objects.filter(id=job_id).first()
    if job is None:
        raise NotFound
    return job


def get_latest(actor: Actor, kind: str) -> Job | None:
    """The newest job of a kind in the actor's organization, for a page that shows its progress."""
    gate.require(actor, Permission.JOBS_READ)
    return Job.objects.filter(organization_id=actor.organization_id, kind=kind).order_by("-id").first()
