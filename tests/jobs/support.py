"""Kinds of jobs for these tests. What a job did is itself a row, made in the job's transaction: twice shows."""

import select
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar
from uuid import UUID

from django.db import connection

from hq.authz.actor import Actor
from hq.authz.permissions import AuthMethod, Permission
from hq.celery import app
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.lib.ids import new_id
from jobs import actions
from jobs.models import Job
from jobs.registry import NETWORK, RunningJob, handles

__all__ = ["app"]
NEVER = datetime(2100, 1, 1, tzinfo=UTC)
DEADLINE = 60.0


class Hold:
    """Makes a worker stop at a named point: it says so in a file, and goes on when another file appears."""

    point = ""
    file = Path()

    @classmethod
    def reach(cls, point: str) -> None:
        if point == cls.point:
            cls.file.write_text(point)
            until(lambda: cls.file.with_suffix(".go").exists())


def until(happened: Callable[[], bool], seconds: float = DEADLINE) -> None:
    """Wait for it, by a deadline."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(happened)
        time.sleep(0.005)


def effect(job: RunningJob) -> None:
    Job.objects.create(
        organization_id=job.organization_id,
        kind="test.effect",
        payload={"of": str(job.id)},
        run_at=NEVER,
        max_attempts=1,
    )


def effects(*organizations: UUID) -> Counter[str]:
    """How often each job had its effect."""
    seen: Counter[str] = Counter()
    for organization_id in organizations:
        with tenant(organization_id):
            seen.update(Job.objects.filter(kind="test.effect").values_list("payload__of", flat=True))
    return seen


def read(job: Job) -> Job:
    with tenant(job.organization_id):
        return Job.objects.get(id=job.id)


def put(kind: str, organization_id: UUID | None = None, **arguments: object) -> Job:
    return actions.enqueue(kind, organization_id=organization_id or new_id(), **{"payload": {}} | arguments)  # type: ignore[arg-type]  # what tests give instead


def make_due(job: Job) -> None:
    """Not to wait for the backoff."""
    with tenant(job.organization_id):
        Job.objects.filter(id=job.id).update(run_at=job.created_at)


def operator(*permissions: Permission) -> Actor:
    return person(PLATFORM_ID, *(permissions or (Permission.OPERATOR_JOBS,)))


def person(organization_id: UUID, *permissions: Permission, environment_id: UUID | None = None) -> Actor:
    return Actor(
        organization_id=organization_id,
        kind="person",
        id=new_id(),
        label="Ada",
        method=AuthMethod.SESSION,
        permissions=frozenset(permissions),
        environment_id=environment_id,
    )


def lose_connection() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@handles("test.effect")
def note(job: RunningJob) -> None:
    """Never due."""


@handles("test.once", max_attempts=5)
def once(job: RunningJob) -> None:
    Hold.reach("claimed")
    with job.step():
        effect(job)
        Hold.reach("inside")
        job.complete({"attempt": job.attempt})
        Hold.reach("ending")
    Hold.reach("committed")


@handles("test.reports", max_attempts=5)
def reports(job: RunningJob) -> None:
    job.progress(1, 2, "half way")
    Hold.reach("claimed")
    job.progress(2, 2, "all")
    with job.step():
        effect(job)
        job.complete()


@handles("test.unfenced", max_attempts=5)
def unfenced(job: RunningJob) -> None:
    """The mutant: what `once` would be without its guard."""
    Hold.reach("claimed")
    with tenant(job.organization_id):
        effect(job)


@handles("test.returns")
def returns(job: RunningJob) -> dict[str, object]:
    Hold.reach("claimed")
    with job.step():
        effect(job)
    return {"attempt": job.attempt}


class Secret(Exception):
    """Carries a value."""


@handles("test.fails", max_attempts=2)
def fails(job: RunningJob) -> None:
    raise Secret("hunter2")


@handles("test.loses_connection_inside")
def loses_connection_inside(job: RunningJob) -> None:
    with job.step():
        effect(job)
        if job.attempt == 1:
            lose_connection()
        job.complete()


@handles("test.loses_connection_at_its_end")
def loses_connection_at_its_end(job: RunningJob) -> None:
    with job.step():
        effect(job)
    lose_connection_between()


def lose_connection_between() -> None:
    """The server ends the session while nothing is asked of it: found out at the next statement."""
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('idle_session_timeout', '1', false)")
    session: Any = connection.connection
    until(lambda: bool(select.select([session.fileno()], [], [], 0)[0]))


@handles("test.slow", lane=NETWORK)
def slow(job: RunningJob) -> None:
    """Waits for somebody else's server, which here is a file."""
    file = Path(job.payload["file"])
    file.with_suffix(f".{job.id}").touch()
    until(file.exists)
    with job.step():
        effect(job)
        job.complete()


class Turns:
    """How many of one organization ran at once. Each goes on when all others run too, or wait for their turn."""

    lock = Lock()
    running: ClassVar[Counter[UUID]] = Counter()
    most: ClassVar[Counter[UUID]] = Counter()

    @staticmethod
    def wait(job: RunningJob) -> None:
        until(lambda: not _due(job))


def _due(job: RunningJob) -> bool:
    with tenant(job.organization_id):
        return Job.objects.filter(kind=job.kind, state=Job.State.QUEUED, run_at__lte=datetime.now(UTC)).exists()


@handles("test.in_turn", lane=NETWORK, at_once=2, max_attempts=2)
def in_turn(job: RunningJob) -> None:
    with Turns.lock:
        Turns.running[job.organization_id] += 1
        Turns.most[job.organization_id] = max(Turns.most[job.organization_id], Turns.running[job.organization_id])
    Turns.wait(job)
    with Turns.lock:
        Turns.running[job.organization_id] -= 1
    with job.step():
        effect(job)
        job.complete()
