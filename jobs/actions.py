"""Putting work in, doing it, and what an operator may do with work that failed.

Nothing is recorded in the trail here: audit stands above jobs. The operator's verbs return the job, and their caller
records it.
"""

import logging
import random
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache, cached_property, partial
from threading import Event
from time import monotonic
from typing import Any, ClassVar
from uuid import UUID

import orjson
from celery import Celery
from django.db import Error, IntegrityError, connection, transaction
from kombu import pools

from hq.authz.actor import Actor
from hq.db import lookups
from hq.db.classes import retention
from hq.db.context import tenant
from hq.db.locks import hold
from hq.lib.clock import now
from hq.lib.errors import NotFound, Problem, Refused
from jobs import registry, selectors
from jobs.models import ERROR_LENGTH, LEASE, Job, JobQuerySet
from jobs.registry import NETWORK, OWN, LeaseLost, RunningJob

log = logging.getLogger("hq.jobs")
BACKOFF_BASE, BACKOFF_MOST = timedelta(seconds=2), timedelta(hours=1)
KEEP_DONE = retention(Job)
DOCUMENT_BYTES, WORD_LENGTH = 4096, 200
# Which task a lane's workers are rung with, and by which queue.
RINGS = {OWN: ("jobs.ring", "hq"), NETWORK: ("jobs.ring_network", "hq.network")}
# A job whose turn nobody gave it, as the workers before it were lost, looks for itself after so long.
PATIENCE = timedelta(minutes=1)
# Those whose number is bounded say in their message whether they wait or have been let run. One that was claimed and
# says neither has not been looked at, and counts for nobody: or several that are claimed at once would all give way.
WAITING, LET_RUN = "Waits for its turn", "Under way"


class NotDead(Refused):
    """Only a job that has given up can be retried or discarded; look again, it has changed."""


class QueuedAgain(Refused):
    """The same work has been queued again since; discard this one."""


class NotSmall(ValueError):
    """A payload or a result holds ids, numbers and short words, in 4 KiB at most; never content."""


def enqueue(
    kind: str,
    *,
    organization_id: UUID,
    payload: Mapping[str, object],
    key: str = "",
    run_at: datetime | None = None,
    environment_id: UUID | None = None,
) -> Job:
    """Put work in, in the caller's transaction: it exists exactly if that commits.

    With a `key` there is at most one unfinished job of that organization, kind and key, and that one is returned. It
    may be running and have read its rows already, so a key names the state to be worked on too (`key_id:version`).
    `environment_id` says in which environment the API shows it; None: in each. Raises UnknownKind, NotSmall.
    """
    registered = registry.find(kind)
    job = Job(
        organization_id=organization_id,
        environment_id=environment_id,
        kind=kind,
        payload=small(payload),
        key=key,
        run_at=run_at or now(),
        max_attempts=registered.max_attempts,
    )
    with tenant(organization_id):
        kept = _insert_once(job) if key else job
        if not key:
            job.save(force_insert=True)
        _ring_on_commit(registered.lane)
    return kept


def _insert_once(job: Job) -> Job:
    """The job, or the unfinished one with its key. Loops, as that one may finish between the two statements."""
    while True:
        Job.objects.bulk_create([job], ignore_conflicts=True)
        twin = Job.objects.unfinished().filter(organization_id=job.organization_id, kind=job.kind, key=job.key).first()
        if twin is not None:
            return twin


def small(document: Mapping[str, object]) -> dict[str, Any]:
    """A copy as JSON, ids as text. Raises NotSmall."""
    try:
        raw = orjson.dumps(dict(document))
    except TypeError as error:
        raise NotSmall from error
    copy: dict[str, Any] = orjson.loads(raw)
    words = [item for value in copy.values() for item in (value if isinstance(value, list) else [value])]
    if len(raw) > DOCUMENT_BYTES or not all(_is_word(word) for word in words):
        raise NotSmall
    return copy


def _is_word(value: object) -> bool:
    return len(value) <= WORD_LENGTH if isinstance(value, str) else not isinstance(value, (dict, list))


def _ring_on_commit(lane: str) -> None:
    """Once for each transaction and lane. The list is Django's record of what to call, newest last."""
    if not any(entry[1] is _ringing(lane) for entry in connection.run_on_commit):
        transaction.on_commit(_ringing(lane), robust=True)


@cache
def _ringing(lane: str) -> Callable[[], None]:
    return partial(ring, lane)


class _Bell:
    """Wakes a worker, and is not worth waiting for: the beat rings every few seconds anyway.

    Celery's own connections try for six seconds and longer when Valkey is away. These try once, for a second, and after
    a fault ring no more until the beat would have.
    """

    OPTIONS: ClassVar = {"max_retries": 0, "socket_connect_timeout": 1, "socket_timeout": 1}
    SILENCE = 5.0

    def __init__(self) -> None:
        self.silent_until = 0.0

    @cached_property
    def app(self) -> Celery:
        """Our own: web processes and commands have not loaded the workers', and Celery would make up another."""
        app = Celery("hq.bell", set_as_current=False)
        app.config_from_object("django.conf:settings", namespace="CELERY")
        return app

    @cached_property
    def producers(self) -> Any:
        return pools.producers[self.app.connection_for_write(transport_options=self.OPTIONS)]

    def ring(self, lane: str) -> None:
        task, queue = RINGS[lane]
        if monotonic() < self.silent_until:
            return
        try:
            with self.producers.acquire(block=True, timeout=1) as producer:
                self.app.send_task(task, queue=queue, expires=30, retry=False, ignore_result=True, producer=producer)
        except Exception as error:  # noqa: BLE001 - whatever its fault is, the row is there and the beat will find it
            self.silent_until = monotonic() + self.SILENCE
            log.warning("the bell could not be rung", extra={"error": type(error).__name__})


_bell = _Bell()


def ring(lane: str = OWN) -> None:
    """Wake a worker of the lane. If Valkey is away nothing is lost."""
    _bell.ring(lane)


# What this process is doing now, by claim. Its threads share it; each adds and takes out its own.
_running: dict[UUID, RunningJob] = {}
_closing = Event()


def run_for(worker: str, *, budget: timedelta, lease: timedelta = LEASE, lane: str = OWN) -> int:
    """Do jobs until none is left, the time is spent or the process is closing; how many."""
    end, count = monotonic() + budget.total_seconds(), 0
    while monotonic() < end and not _closing.is_set() and (job := _claim(worker, lease, lane)):
        if lane == NETWORK and not count:
            ring(lane)  # where one waits there may be more, and this one may take long: another thread looks
        _do(job)
        count += 1
    return count


def run_one(worker: str, *, lease: timedelta = LEASE, lane: str = OWN) -> bool:
    """Claim one job and do it; False when none is waiting. Raises the database's error when that stays away."""
    job = _claim(worker, lease, lane)
    if job is not None:
        _do(job)
    return job is not None


def _do(job: RunningJob) -> None:
    registered = registry.find(job.kind)
    _running[job.claim_id] = job
    try:
        if registered.at_once is not None and not _takes_turn(job, registered.at_once):
            return
        result = registered.handler(job)
        if not job.completed:
            _settle(job, registry.done_with(small(result) if result is not None else None))
    except LeaseLost:
        log.warning("lease lost", extra=_named(job))
    except Exception as error:  # noqa: BLE001 - a handler may fail in any way, and each way is a failed attempt
        _fail(job, error)
    finally:
        _running.pop(job.claim_id, None)
    if registered.at_once is not None:
        _give_turn(job, registered.lane)


def _takes_turn(job: RunningJob, at_once: int) -> bool:
    """Tell whether it may run now; else it waits until another of its organization has ended. Raises LeaseLost."""
    with tenant(job.organization_id):
        _lock_turns(job)
        others = _alike(job).filter(state=Job.State.RUNNING).exclude(id=job.id)
        if others.exclude(message__in=["", WAITING]).count() < at_once:
            job.mine().update(message=LET_RUN)
            return True
        at = now()
        job.put_back(at + PATIENCE, WAITING)
        # All else that is due would be told the same, one by one, before anything newer of another organization.
        _alike(job).filter(state=Job.State.QUEUED, run_at__lte=at).update(run_at=at + PATIENCE, message=WAITING)
        return False


def _give_turn(job: RunningJob, lane: str) -> None:
    """Let the next one run that waits for its turn, by its key."""
    _drop_lost_connection()
    with tenant(job.organization_id):
        _lock_turns(job)
        _alike(job).filter(id=job.id, message=LET_RUN).exclude(state=Job.State.RUNNING).update(message="")
        waiting = _alike(job).filter(state=Job.State.QUEUED, message=WAITING).order_by("key", "id")
        if (first := waiting.values_list("id", flat=True).first()) and waiting.filter(id=first).update(
            run_at=now(), message=""
        ):
            _ring_on_commit(lane)


def _alike(job: RunningJob) -> JobQuerySet:
    return Job.objects.filter(organization_id=job.organization_id, kind=job.kind)


def _lock_turns(job: RunningJob) -> None:
    """Until the transaction ends. Whoever counts sees each one that ended before, and whoever ended finds who waits."""
    hold(f"hq.jobs:{job.organization_id}:{job.kind}")


def close() -> bool:
    """Claim nothing more in this process. True if something is still being done."""
    _closing.set()
    return bool(_running)


def is_idle() -> bool:
    """Nothing is being done in this process."""
    return not _running


def give_back() -> int:
    """Let others do what this process, which is about to end, is in the middle of; how many jobs."""
    count = 0
    for job in list(_running.values()):
        try:
            with tenant(job.organization_id):
                job.put_back(now())
            count += 1
        except LeaseLost:
            log.warning("lease lost", extra=_named(job))
    return count


def _claim(worker: str, lease: timedelta, lane: str = OWN) -> RunningJob | None:
    row = lookups.one("jobs_claim", worker[:200], lease.total_seconds(), registry.kinds(lane))
    if row is None:
        return None
    return RunningJob(
        id=row["id"],
        organization_id=row["organization_id"],
        environment_id=row["environment_id"],
        kind=row["kind"],
        payload=orjson.loads(row["payload"]),
        attempt=row["attempts"],
        max_attempts=row["max_attempts"],
        claim_id=row["claim_id"],
        lease=lease,
    )


def _settle(job: RunningJob, values: dict[str, Any]) -> None:
    """Write how it ended, if it is still ours; once more on a new connection, as the handler's may be lost."""
    for attempt in (1, 2):
        _drop_lost_connection()
        try:
            with tenant(job.organization_id):
                ours = job.mine().update(**values)
        except Error:
            if attempt == 2:
                raise  # the lease runs out, and the reaper gives the job to another
        else:
            if not ours:
                log.warning("no longer ours at its end", extra=_named(job))
            return


def _drop_lost_connection() -> None:
    """Django's own help would close a sound one too: outside a request each is past its age at once."""
    if connection.errors_occurred and not connection.in_atomic_block and not connection.is_usable():
        connection.close()


def _named(job: RunningJob) -> dict[str, Any]:
    return {"job": job.id, "kind": job.kind, "attempt": job.attempt}


def _fail(job: RunningJob, error: Exception) -> None:
    """Queue it again, later each time; after the last attempt it is dead and waits for an operator."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{frame.filename}:{frame.lineno}"
    log.error("job failed", extra=_named(job) | {"error": type(error).__name__, "at": place})
    ended: dict[str, Any] = {"error": describe(error), "claim_id": None, "lease_until": None}
    if job.attempt < job.max_attempts:
        _settle(job, ended | {"state": Job.State.QUEUED, "run_at": now() + backoff(job.attempt)})
    else:
        _settle(job, ended | {"state": Job.State.DEAD, "finished_at": now()})


def describe(error: Exception) -> str:
    """Class name and a sentence. Only our own refusals are written for people; any other message may hold values."""
    name = type(error).__name__
    sentence = str(error) if isinstance(error, Problem) else "The worker's log names the place."
    return f"{name}: {sentence}"[:ERROR_LENGTH]


def backoff(attempt: int) -> timedelta:
    """2 s, 4 s, 8 s … an hour, less up to half by chance, so that what failed together is not retried together."""
    return min(BACKOFF_MOST, BACKOFF_BASE * (1 << min(attempt - 1, 30))) * random.uniform(0.5, 1)  # noqa: S311 - spreads load, hides nothing


def reap() -> int:
    """Give back the jobs of workers that are gone, and forget what was done long ago. How many were given back."""
    lost = lookups.call("jobs_reap", BACKOFF_BASE.total_seconds(), BACKOFF_MOST.total_seconds())
    for row in lost:
        log.warning("worker lost", extra={"job": row["id"], "kind": row["kind"], "state": row["state"]})
    lookups.call("jobs_prune", now() - KEEP_DONE, 10_000)
    return len(lost)


def retry_job(*, actor: Actor, job_id: UUID) -> Job:
    """Queue a dead job again, with all its attempts. Its caller records it.

    Raises NotFound, NotDead, QueuedAgain.
    """
    with tenant(selectors.locate(actor, job_id)):
        job = _lock_dead(job_id)
        job.state, job.attempts, job.run_at, job.finished_at = Job.State.QUEUED, 0, now(), None
        try:
            with transaction.atomic():
                job.save(update_fields=["state", "attempts", "run_at", "finished_at"])
        except IntegrityError:
            raise QueuedAgain from None
        for lane in registry.LANES:  # its kind may be one that only others know
            _ring_on_commit(lane)
    return job


def discard_job(*, actor: Actor, job_id: UUID) -> Job:
    """Delete a dead job; what it was is returned for the caller to record. Raises NotFound, NotDead."""
    with tenant(selectors.locate(actor, job_id)):
        job = _lock_dead(job_id)
        Job.objects.filter(id=job_id).delete()
    return job


def _lock_dead(job_id: UUID) -> Job:
    job = Job.objects.select_for_update(no_key=True).filter(id=job_id).first()
    if job is None:
        raise NotFound
    if job.state != Job.State.DEAD:
        raise NotDead
    return job
