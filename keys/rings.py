"""Unwrapped data keys, in this process's memory only: few, for minutes, and forgotten on demand.

Never in Valkey, never on disk. A ring stays five minutes from the moment its wrapped keys were read, used or not: a CMK
that was disabled or destroyed elsewhere stops working here within that time, and an idle process holds no keys.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.db.sealing import KeyGone, KeyUnavailable, Principal, Purpose, Ring, remembered
from hq.lib.clock import now
from keys.models import DataKey
from keys.providers import REFUSALS, Gone, InvalidWrapping, NoSuchKey, ProviderError, provider
from keys.providers.words import Custody, why_unusable

log = logging.getLogger("hq.keys")
SECONDS = 300.0
LIMIT = 4096
REPORT_SECONDS = 60.0  # a killed process loses the count of this time; the bound on uses has room for it
WAIT = 5.0  # for another thread's load; it may itself wait for a database connection that we hold
# Nothing stands under an emptied version. The newest few are loaded all the same: a stray may come up by a slow writer.
KEPT_READY = 3
LOST = (Gone, InvalidWrapping, NoSuchKey)
Shelves = Mapping[Purpose, dict[Any, Ring]]
Key = tuple[UUID, Purpose, UUID | None]


@dataclass(slots=True)
class Use:
    """What was done with one version of a data key since it was last put down."""

    key: Key
    version: int
    seals: int
    principal: Principal | None


class _Unsettled:
    """Data keys made in a transaction that is still open: they may be undone, so nobody else may come to rely on them.

    Django keeps the callback among those to run on commit exactly as long as what surrounds it can still be committed.
    """

    def __init__(self, cache: "RingCache", organization_id: UUID) -> None:
        self.rings: dict[Key, Ring] = {}
        self._cache, self._organization_id = cache, organization_id

    def __call__(self) -> None:
        self._cache.forget(self._organization_id)

    @property
    def pending(self) -> bool:
        return any(entry[1] is self for entry in connection.run_on_commit)


class _Local(threading.local):
    def __init__(self) -> None:
        self.unsettled: dict[UUID, _Unsettled] = {}


class RingCache:
    """Rings by organization, purpose and, for capability keys, environment. Safe for threads, and for forking.

    The shelves are read without a lock, by the fields directly, so only usable rings may stand there. A thread takes
    out each ring when its time is over, and ends when there are none.
    """

    def __init__(
        self,
        load: Callable[[UUID, Purpose, UUID | None], Ring],
        *,
        report: Callable[[Iterable[Use]], None],
        shelves: Shelves = remembered,
        limit: int = LIMIT,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._shelves, self._limit, self._seconds, self._clock = load, shelves, limit, seconds, clock
        self._report = report
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[Key, Future[Ring]] = {}
        self._uses: dict[tuple[Key, int], Use] = {}
        self._local = _Local()
        self._sweeper: threading.Thread | None = None

    def reset(self) -> None:
        """Begin anew after a fork: a lock held by a thread that the child lacks is never let go."""
        self._begin()
        for shelf in self._shelves.values():
            shelf.clear()

    def ring(self, organization_id: UUID, purpose: Purpose, environment_id: UUID | None = None) -> Ring:
        """The ring of one purpose, for capability keys of one environment. Raises KeyUnavailable."""
        ring = self._shelves[purpose].get(_number(organization_id, environment_id))
        if ring is not None:
            ring.used = True
            return ring
        return self._missing((organization_id, purpose, environment_id))

    def renewed(self, organization_id: UUID, purpose: Purpose, environment_id: UUID | None = None) -> Ring:
        """The ring as it is in the database now: something names a version that the remembered one lacks."""
        key = (organization_id, purpose, environment_id)
        with self._lock:
            self._shelves[purpose].pop(_number(organization_id, environment_id), None)
            self._flights.pop(key, None)
        if unsettled := self._local.unsettled.get(organization_id):
            unsettled.rings.pop(key, None)
        return self.ring(organization_id, purpose, environment_id)

    def forget(self, organization_id: UUID | None = None) -> None:
        """Drop one organization's keys, or all. A load that is under way is not kept either."""
        owner = organization_id.bytes if organization_id else None
        with self._lock:
            self._drop(lambda ring: owner in (None, ring.organization))
            for key in [key for key in self._flights if organization_id in (None, key[0])]:
                del self._flights[key]
        for number, unsettled in self._local.unsettled.items():
            if organization_id in (None, number):
                unsettled.rings.clear()

    def sweep(self) -> float | None:
        """Drop what is too old. Gives the seconds until the next is, or None when no ring and no use is left."""
        with self._lock:
            moment = self._clock()
            self._drop(lambda ring: ring.expires <= moment)
            rings = [ring for shelf in self._shelves.values() for ring in shelf.values()]
            if not rings and not self._uses:
                self._sweeper = None
                return None
            return min((ring.expires - moment for ring in rings), default=0.0)

    def report(self) -> None:
        """Put down what the keys were used for. What could not be put down is kept for the next time."""
        with self._lock:
            for purpose, shelf in self._shelves.items():
                for number, ring in shelf.items():
                    self._note(purpose, number, ring)
            uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            self._report(uses.values())
        except Exception as error:  # noqa: BLE001 - whatever keeps the database away, this thread goes on
            log.warning("uses of data keys are not put down yet", extra={"error": type(error).__name__})
            with self._lock:
                for use in uses.values():
                    self._add(use)

    def unsettle(self, organization_id: UUID) -> None:
        """Say that the open transaction makes data keys: until it commits, only this thread's look-ups use them."""
        unsettled = _Unsettled(self, organization_id)
        self._local.unsettled[organization_id] = unsettled
        transaction.on_commit(unsettled)

    def _missing(self, key: Key) -> Ring:
        unsettled = self._local.unsettled.get(key[0])
        if unsettled is None:
            return self._shared(key)
        if not unsettled.pending:
            del self._local.unsettled[key[0]]
            return self._shared(key)
        ring = unsettled.rings.get(key)
        if ring is None or ring.expires <= self._clock():
            ring = unsettled.rings[key] = self._loaded(key)
        return ring

    def _loaded(self, key: Key) -> Ring:
        began = self._clock()
        ring = self._load(*key)
        ring.expires = began + self._seconds
        return ring

    def _shared(self, key: Key) -> Ring:
        """One thread loads; who asks meanwhile gets its ring, or its refusal."""
        mine: Future[Ring] = Future()
        with self._lock:
            flight = self._flights.setdefault(key, mine)
        if flight is not mine:
            try:
                return flight.result(timeout=WAIT)
            except (TimeoutError, CancelledError):
                return self._loaded(key)
        try:
            ring = self._loaded(key)
            self._land(key, mine, ring)
        except BaseException as error:
            self._land(key, mine, None)
            if isinstance(error, KeyUnavailable):
                mine.set_exception(error)
            else:  # a trouble of this thread alone, such as its broken transaction
                mine.cancel()
            raise
        mine.set_result(ring)
        return ring

    def _land(self, key: Key, flight: "Future[Ring]", ring: Ring | None) -> None:
        """Keep the ring, unless `forget` was called since the load began."""
        with self._lock:
            if self._flights.get(key) is not flight:
                return
            del self._flights[key]
            if ring is None:
                return
            if self._sweeper is None:  # first the thread: a ring that nobody takes out again must not stand there
                sweeper = threading.Thread(target=self._sweep_until_empty, name="hq-keys", daemon=True)
                sweeper.start()
                self._sweeper = sweeper
            self._make_room()
            organization_id, purpose, environment_id = key
            self._shelves[purpose][_number(organization_id, environment_id)] = ring

    def _sweep_until_empty(self) -> None:
        report_at = self._clock() + REPORT_SECONDS
        while (seconds := self.sweep()) is not None:
            time.sleep(max(min(seconds or REPORT_SECONDS, report_at - self._clock()), 0.01))
            if self._clock() >= report_at:
                self.report()
                report_at = self._clock() + REPORT_SECONDS

    def _drop(self, unwanted: Callable[[Ring], bool]) -> None:
        for purpose, shelf in self._shelves.items():
            for number in [number for number, ring in shelf.items() if unwanted(ring)]:
                self._note(purpose, number, shelf.pop(number))

    def _note(self, purpose: Purpose, number: Any, ring: Ring) -> None:
        """Take a ring's uses from it, for the next report."""
        if not (ring.seals or ring.used):
            return
        environment_id = UUID(int=number[1]) if isinstance(number, tuple) else None
        key = (UUID(bytes=ring.organization), purpose, environment_id)
        self._add(Use(key, ring.current, ring.seals, ring.principal))
        ring.seals, ring.used = 0, False

    def _add(self, use: Use) -> None:
        known = self._uses.setdefault((use.key, use.version), use)
        if known is not use:
            known.seals, known.principal = known.seals + use.seals, use.principal or known.principal

    def _make_room(self) -> None:
        """At the limit an eighth goes: first what was not used since the last time this was done, then the oldest."""
        standing = [
            (purpose, shelf, number, ring) for purpose, shelf in self._shelves.items() for number, ring in shelf.items()
        ]
        if len(standing) < self._limit:
            return
        standing.sort(key=lambda place: (place[3].used or place[3].seals > 0, place[3].expires))
        for purpose, shelf, number, ring in standing[: len(standing) - self._limit + max(1, self._limit // 8)]:
            self._note(purpose, number, ring)
            del shelf[number]
        for purpose, _, number, ring in standing:
            self._note(purpose, number, ring)


def _number(organization_id: UUID, environment_id: UUID | None) -> int | tuple[int, int]:
    return (organization_id.int, environment_id.int) if environment_id else organization_id.int


def load(organization_id: UUID, purpose: Purpose, environment_id: UUID | None) -> Ring:
    """Read and unwrap every version of one data key. Raises KeyUnavailable if the current one cannot be used."""
    with tenant(organization_id):
        found = DataKey.objects.filter(organization_id=organization_id, purpose=purpose, environment_id=environment_id)
        rows = [
            row
            for number, row in enumerate(found.select_related("cmk").order_by("-version"))
            if row.emptied_at is None or number < KEPT_READY
        ]
    current = next((row.version for row in rows if row.retired_at is None), None)
    if current is None:
        raise KeyUnavailable("This organization has no encryption key for this yet.")
    keys = {row.version: plain for row in rows if (plain := _unwrapped(row)) is not None}
    return Ring(organization_id, current=current, keys=keys)


def _unwrapped(row: DataKey) -> bytes | None:
    """The plain key; None for a retired one that is lost: what is under it is lost too, the rest is not.

    A provider that does not answer says nothing of what is lost, so then there is no ring at all.
    """
    try:
        if row.wrapped is None:
            raise Gone
        if refusal := REFUSALS.get(row.cmk.state):  # what HQ decided; the rest its provider knows, and tells below
            raise refusal
        return provider(row.cmk.provider).decrypt(row.cmk.ref, bytes(row.wrapped), row.context)
    except ProviderError as error:
        whose = {
            "organization_id": str(row.organization_id),
            "cmk": str(row.cmk),
            "data_key": str(row),
            "why": error.code,
        }
        log.error("data key cannot be unwrapped", extra=whose)  # noqa: TRY400 - the trace would say nothing more
        if row.retired_at is None or not isinstance(error, LOST):
            custody = Custody(
                row.cmk.provider, row.cmk.customer_owned, row.cmk.delete_at, row.organization_id == PLATFORM_ID
            )
            kind = KeyGone if isinstance(error, Gone) else KeyUnavailable
            raise kind(why_unusable(error, custody)) from error
        return None


def put_down(uses: Iterable[Use]) -> None:
    """Add to the rows of the data keys what this process did with them."""
    try:
        for use in uses:
            organization_id, purpose, environment_id = use.key
            changes: dict[str, Any] = {"uses": F("uses") + use.seals, "last_used_at": now()}
            if use.principal is not None:
                changes |= {"last_used_by_kind": use.principal.kind, "last_used_by_id": use.principal.id}
            with tenant(organization_id):
                DataKey.objects.filter(
                    organization_id=organization_id, purpose=purpose, environment_id=environment_id, version=use.version
                ).update(**changes)
    finally:
        connection.close()


cache = RingCache(load, report=put_down)
os.register_at_fork(after_in_child=cache.reset)


def forget(organization_id: UUID | None = None) -> None:
    """Drop unwrapped keys from this process: of one organization, or all."""
    cache.forget(organization_id)
