"""Unwrapped data keys, in this process's memory only: few, for minutes, and forgotten on demand.

Never in Valkey, never on disk. A ring lives five minutes from the moment its wrapped keys were read, so a CMK that was
disabled or destroyed elsewhere stops working here within that time.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from uuid import UUID

from django.db import connection, transaction

from hq.db.context import tenant
from hq.db.sealing import KeyUnavailable, Purpose, Ring
from keys.models import DataKey
from keys.providers import KeyDisabled, KeyState, ProviderError, provider

log = logging.getLogger("hq.keys")
SECONDS = 300.0
LIMIT = 4096
WAIT = 5.0  # for another thread's load; it may itself wait for a database connection that we hold
Key = tuple[int, Purpose] | tuple[int, Purpose, int]


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
        self.unsettled: dict[int, _Unsettled] = {}


class RingCache:
    """Rings by organization, purpose and, for capability keys, environment. Safe for threads and for forking."""

    def __init__(
        self,
        load: Callable[[UUID, Purpose, UUID | None], Ring],
        *,
        limit: int = LIMIT,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._limit, self._seconds, self._clock = load, limit, seconds, clock
        self._reset()
        os.register_at_fork(after_in_child=self._reset)  # a lock held by a thread that the child lacks is never let go

    def _reset(self) -> None:
        self._rings: dict[Key, Ring] = {}
        self._flights: dict[Key, Future[Ring]] = {}
        self._lock = threading.Lock()
        self._local = _Local()

    def ring(self, organization_id: UUID, purpose: Purpose) -> Ring:
        """The ring of one purpose: one dict read when it is there. Raises KeyUnavailable."""
        ring = self._rings.get((organization_id.int, purpose))
        if ring is not None and (moment := self._clock()) < ring.expires:
            ring.used = moment
            return ring
        return self._missing((organization_id.int, purpose), organization_id, purpose, None)

    def environment_ring(self, organization_id: UUID, environment_id: UUID) -> Ring:
        """The capability keys of one environment. Raises KeyUnavailable."""
        key = (organization_id.int, Purpose.CAPABILITY, environment_id.int)
        ring = self._rings.get(key)
        if ring is not None and (moment := self._clock()) < ring.expires:
            ring.used = moment
            return ring
        return self._missing(key, organization_id, Purpose.CAPABILITY, environment_id)

    def renewed(self, organization_id: UUID, purpose: Purpose) -> Ring:
        """The ring as it is in the database now: something names a version that the remembered one lacks."""
        self.forget(organization_id)
        return self.ring(organization_id, purpose)

    def forget(self, organization_id: UUID | None = None) -> None:
        """Drop one organization's keys, or all. A load that is under way is not kept either."""
        with self._lock:
            for key in list(self._rings):
                if organization_id is None or key[0] == organization_id.int:
                    del self._rings[key]
            for key in list(self._flights):
                if organization_id is None or key[0] == organization_id.int:
                    del self._flights[key]
        for number, unsettled in self._local.unsettled.items():
            if organization_id is None or number == organization_id.int:
                unsettled.rings.clear()

    def unsettle(self, organization_id: UUID) -> None:
        """Say that the open transaction makes data keys: until it commits, only this thread's look-ups use them."""
        unsettled = _Unsettled(self, organization_id)
        self._local.unsettled[organization_id.int] = unsettled
        transaction.on_commit(unsettled)

    def _missing(self, key: Key, organization_id: UUID, purpose: Purpose, environment_id: UUID | None) -> Ring:
        unsettled = self._local.unsettled.get(key[0])
        if unsettled is not None and not unsettled.pending:
            del self._local.unsettled[key[0]]
            unsettled = None
        if unsettled is None:
            return self._shared(key, lambda: self._loaded(organization_id, purpose, environment_id))
        ring = unsettled.rings.get(key)
        if ring is None or ring.expires <= self._clock():
            ring = unsettled.rings[key] = self._loaded(organization_id, purpose, environment_id)
        return ring

    def _loaded(self, organization_id: UUID, purpose: Purpose, environment_id: UUID | None) -> Ring:
        began = self._clock()
        ring = self._load(organization_id, purpose, environment_id)
        ring.used, ring.expires = began, began + self._seconds
        return ring

    def _shared(self, key: Key, load: Callable[[], Ring]) -> Ring:
        """One thread loads; who asks meanwhile gets its ring, or its refusal."""
        mine: Future[Ring] = Future()
        with self._lock:
            flight = self._flights.setdefault(key, mine)
        if flight is not mine:
            try:
                return flight.result(timeout=WAIT)
            except TimeoutError:
                return load()
        try:
            ring = load()
        except BaseException as error:
            self._land(key, flight, None)
            flight.set_exception(error)
            raise
        self._land(key, flight, ring)
        flight.set_result(ring)
        return ring

    def _land(self, key: Key, flight: "Future[Ring]", ring: Ring | None) -> None:
        """Keep the ring, unless `forget` was called since the load began."""
        with self._lock:
            if self._flights.get(key) is not flight:
                return
            del self._flights[key]
            if ring is not None:
                self._rings[key] = ring
                self._make_room()

    def _make_room(self) -> None:
        """Over the limit the least recently used eighth goes, so that this is rarely done."""
        if len(self._rings) > self._limit:
            by_use = sorted(self._rings, key=lambda key: self._rings[key].used)
            for key in by_use[: max(len(by_use) - self._limit, self._limit // 8)]:
                del self._rings[key]


def load(organization_id: UUID, purpose: Purpose, environment_id: UUID | None) -> Ring:
    """Read and unwrap every version of one data key. Raises KeyUnavailable if the current one cannot be used."""
    with tenant(organization_id):
        found = DataKey.objects.filter(organization_id=organization_id, purpose=purpose, environment_id=environment_id)
        rows = list(found.select_related("cmk"))
    current = next((row.version for row in rows if row.retired_at is None), None)
    if current is None:
        raise KeyUnavailable("This organization has no encryption key for this yet.")
    keys = {row.version: plain for row in rows if (plain := _unwrapped(row)) is not None}
    return Ring(organization_id, current=current, keys=keys)


def _unwrapped(row: DataKey) -> bytes | None:
    """The plain key; None for a retired one that cannot be had: what is under it is lost, the rest is not."""
    try:
        if row.cmk.state != KeyState.ENABLED:
            raise KeyDisabled(f"The CMK is {row.cmk.state}.")
        return provider(row.cmk.provider).decrypt(row.cmk.ref, bytes(row.wrapped), row.context)
    except ProviderError as error:
        whose = {
            "organization_id": str(row.organization_id),
            "cmk": str(row.cmk),
            "data_key": str(row),
            "why": error.code,
        }
        log.error("data key cannot be unwrapped", extra=whose)  # noqa: TRY400 - the trace would say nothing more
        if row.retired_at is None:
            raise KeyUnavailable(
                f"The encryption key cannot be used, so nothing under it is readable. {error}"
            ) from error
        return None


cache = RingCache(load)


def forget(organization_id: UUID | None = None) -> None:
    """Drop unwrapped keys from this process: of one organization, or all."""
    cache.forget(organization_id)
