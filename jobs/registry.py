"""Which function does which kind of job, and what that function is given."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from hq.db.context import current_tenant, tenant
from hq.lib.clock import now
from jobs.models import MESSAGE_LENGTH, Job, JobQuerySet

__all__ = [
    "LANES",
    "MAX_ATTEMPTS",
    "NETWORK",
    "OWN",
    "Handler",
    "Job",
    "LeaseLost",
    "Registered",
    "RunningJob",
    "UnknownKind",
    "done_with",
    "find",
    "handles",
    "kinds",
]

MAX_ATTEMPTS = 8

# A lane has workers of its own, so that nothing in it holds up another. What waits for the servers of others, which may
# be as slow as they like, goes by the lane `network`.
OWN, NETWORK = "", "network"
LANES = (OWN, NETWORK)


class LeaseLost(Exception):
    """The worker gave no sign of life within its lease, and the job is no longer its own."""


class UnknownKind(LookupError):
    """No function handles this kind of job."""


@dataclass(slots=True)
class RunningJob:
    """One claim of one job: what a handler gets.

    A handler runs outside any transaction and may be killed at any point, so it is called at least once. What it must
    not do twice it does inside `step()`, with `complete()` as the last statement: effect and end commit together.

    A handler that works longer than the lease (two minutes) calls `progress()` or `step()` in between. There is no
    heartbeat thread: a second connection would keep the lease of a handler that hangs, and Django's are bound to their
    thread.
    """

    id: UUID
    organization_id: UUID
    environment_id: UUID | None
    kind: str
    payload: dict[str, Any]
    attempt: int
    max_attempts: int
    claim_id: UUID
    lease: timedelta
    completed: bool = field(default=False, init=False)

    def progress(self, done: int, total: int = 0, message: str = "") -> None:
        """Report and renew the lease, in a transaction of its own. `total` 0: not known. Raises LeaseLost.

        Inside a transaction of the caller's it would show only with that one's commit. A batch calls it, not each row.
        """
        with tenant(self.organization_id):
            self._change(
                done=done,
                total=total,
                message=message[:MESSAGE_LENGTH],
                heartbeat_at=Now(),
                lease_until=Now() + self.lease,
            )

    def fence(self) -> None:
        """Guard the caller's own transaction: if it commits, the job was still this worker's, and its lease is new.

        The row stays locked, and the reaper leaves a locked row alone. So that a worker which is stopped here cannot
        keep the job for ever, the server ends the transaction once it has been idle for a lease. Raises LeaseLost.
        """
        if not connection.in_atomic_block:
            raise RuntimeError("fence() guards a transaction: call it inside one, or use step().")
        self._change(heartbeat_at=Now(), lease_until=Now() + self.lease)
        with connection.cursor() as cursor:
            milliseconds = int(self.lease.total_seconds() * 1000)
            cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, true)", [str(milliseconds)])

    @contextmanager
    def step(self) -> Iterator[None]:
        """One transaction in the job's organization, begun only while the job is this worker's. Raises LeaseLost."""
        with tenant(self.organization_id):
            self.fence()
            yield

    def complete(self, result: dict[str, Any] | None = None) -> None:
        """Mark the job done in the caller's own transaction, so that effect and end are one. Raises LeaseLost."""
        self._change(**done_with(result))
        self.completed = True

    def again(self, run_at: datetime) -> None:
        """Put the same job back, in the caller's own transaction, with all its attempts: long work lets others pass.

        The next claim goes on where this one wrote that it is. Raises LeaseLost.
        """
        self._change(state=Job.State.QUEUED, attempts=0, run_at=run_at, claim_id=None, lease_until=None)
        self.completed = True

    def put_back(self, run_at: datetime, message: str = "") -> None:
        """Leave it as if it had not been claimed, in the caller's own transaction. Raises LeaseLost."""
        before = {"attempts": F("attempts") - 1, "message": message}
        self._change(state=Job.State.QUEUED, run_at=run_at, claim_id=None, lease_until=None, **before)
        self.completed = True

    def mine(self) -> JobQuerySet:
        """The row, as long as this claim holds it."""
        return Job.objects.filter(organization_id=self.organization_id, id=self.id, claim_id=self.claim_id)

    def _change(self, **values: Any) -> None:
        if self.mine().update(**values) != 1:
            self._refuse()

    def _refuse(self) -> None:
        if current_tenant() != self.organization_id:
            raise RuntimeError(
                "The transaction is not in the job's organization: use tenant(job.organization_id), or step()."
            )
        raise LeaseLost


def done_with(result: dict[str, Any] | None) -> dict[str, Any]:
    """The columns of a job that is done."""
    return {
        "state": Job.State.DONE,
        "result": result,
        "error": "",
        "finished_at": now(),
        "claim_id": None,
        "lease_until": None,
    }


Handler = Callable[[RunningJob], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Registered:
    handler: Handler
    max_attempts: int
    lane: str
    at_once: int | None


_handlers: dict[str, Registered] = {}


def handles(
    kind: str, *, max_attempts: int = MAX_ATTEMPTS, lane: str = OWN, at_once: int | None = None
) -> Callable[[Handler], Handler]:
    """Register the function for a kind of job. It stands in its app's `tasks.py`, which every process loads.

    `at_once`: how many of one organization's run at the same time; the others wait for their turn.
    """
    if lane not in LANES:
        raise RuntimeError(f"There is no lane {lane}, so no worker would ever do {kind}.")

    def register(handler: Handler) -> Handler:
        if kind in _handlers and _handlers[kind].handler is not handler:
            raise RuntimeError(f"Two functions handle {kind}.")
        _handlers[kind] = Registered(handler, max_attempts, lane, at_once)
        return handler

    return register


def find(kind: str) -> Registered:
    """The function for a kind. Raises UnknownKind."""
    try:
        return _handlers[kind]
    except KeyError:
        raise UnknownKind(kind) from None


def kinds(lane: str) -> list[str]:
    """Every kind of the lane that this process can do."""
    return sorted(kind for kind, registered in _handlers.items() if registered.lane == lane)
