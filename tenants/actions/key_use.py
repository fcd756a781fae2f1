"""What API keys are used for: counted in this process, and put down now and then (ACC-3).

At once where a key is used for the first time in a while or from a network that this process has not seen it come from;
everything else by a thread, once a minute. A process that is killed loses the counts of that minute.
"""

import logging
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from ipaddress import ip_network
from multiprocessing.util import Finalize
from threading import Lock, Thread
from time import sleep
from uuid import UUID

from django.db import connection

from hq.authz.actor import Actor
from hq.db.context import tenant
from hq.db.prepared import prepared
from hq.lib.clock import now
from hq.lib.ids import new_id
from tenants.actions.key_alerts import note_new_network
from tenants.models import ApiKey

log = logging.getLogger("hq.tenants")
EVERY = 60.0  # seconds
NETWORK_BITS = {4: 24, 6: 48}


@lru_cache(maxsize=4096)
def network_around(ip: str) -> str:
    """The network that an address is told apart by: its first 24 bits, of IPv6 its first 48."""
    alone = ip_network(ip)
    mapped = getattr(alone.network_address, "ipv4_mapped", None)
    found = ip_network(mapped) if mapped else alone
    return str(found.supernet(new_prefix=NETWORK_BITS[found.version]))


@dataclass(slots=True)
class Use:
    """What one key was used for since that was last put down: by day, and who came last, of all and by network."""

    organization_id: UUID
    key_id: UUID
    last: tuple[datetime, Actor] | None = None
    requests: Counter[date] = field(default_factory=Counter)
    refused: Counter[date] = field(default_factory=Counter)
    seen: dict[str, tuple[datetime, Actor]] = field(default_factory=dict)

    def add(self, later: "Use") -> None:
        """What came after this."""
        self.last = later.last or self.last
        self.requests += later.requests
        self.refused += later.refused
        self.seen |= later.seen


@dataclass(slots=True)
class _Kept:
    waiting: Use | None = None
    networks: set[str] = field(default_factory=set)

    def taken(self) -> Use | None:
        use, self.waiting = self.waiting, None
        return use


class Uses:
    """Counts of this process. Safe for threads. After a fork the child begins anew; the parent puts down its own."""

    def __init__(self, put_down: Callable[[Use], None], *, every: float = EVERY) -> None:
        self._put_down, self._every = put_down, every
        self.forget()

    def forget(self) -> None:
        """Begin anew. A lock held by a thread that a forked child lacks would never be let go."""
        self._lock = Lock()
        self._keys: dict[UUID, _Kept] = {}
        self._thread: Thread | None = None

    def note(self, actor: Actor, *, refused: bool = False) -> None:
        """One request with a key. A refused one tells nothing of where the key is used."""
        at, on = (moment := now()), moment.date()
        network = network_around(actor.origin.ip) if actor.origin.ip and not refused else ""
        with self._lock:
            known = self._keys.get(actor.id)
            kept = known or self._keys.setdefault(actor.id, _Kept())
            use = kept.waiting = kept.waiting or Use(actor.organization_id, actor.id)
            if refused:
                use.refused[on] += 1
            else:
                use.requests[on] += 1
                use.last = (at, actor)
            if network:
                use.seen[network] = (at, actor)
            due = None
            if known is None or (network and network not in kept.networks):
                kept.networks.add(network)
                due = kept.taken()
            self._wake()
        if due is not None:
            self._try(due)

    def sweep(self) -> bool:
        """Put down what waits, and forget keys that nobody used since the last time. False when none is left."""
        with self._lock:
            self._keys = {key_id: kept for key_id, kept in self._keys.items() if kept.waiting is not None}
            due = [kept.taken() for kept in self._keys.values()]
            if not due:
                self._thread = None
        for use in due:
            if use is not None:
                self._try(use)
        return bool(due)

    def _try(self, use: Use) -> None:
        try:
            self._put_down(use)
        except Exception as error:  # noqa: BLE001 - whatever keeps the database away, no request is refused for it
            log.warning("uses of API keys are not put down yet", extra={"error": type(error).__name__})
            with self._lock:
                kept = self._keys.setdefault(use.key_id, _Kept())
                if kept.waiting is not None:
                    use.add(kept.waiting)
                kept.waiting = use

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._run, name="hq-key-use", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        going = True
        while going:
            sleep(self._every)
            going = self.sweep()
            connection.close()


def put_down(use: Use) -> None:
    """Add to the key's row, its days and its networks. Of a key that has gone nothing is kept."""
    with tenant(use.organization_id):
        # First of all the key's row, as everything else that changes a key does: two never wait for each other.
        rows = ApiKey.objects.filter(organization_id=use.organization_id, pk=use.key_id)
        key = rows.select_for_update(no_key=True).first()
        if key is None:
            return
        if use.last is not None:
            _touch(key, *use.last)
        for on in sorted(use.requests.keys() | use.refused.keys()):
            _count(use, on)
        for network, (at, actor) in use.seen.items():
            if _is_new(use, network, at):
                note_new_network(actor, network)


def _touch(key: ApiKey, at: datetime, actor: Actor) -> None:
    if key.last_used_at is None or key.last_used_at < at:
        key.last_used_at, key.last_used_ip = at, actor.origin.ip
        key.last_used_agent = actor.origin.user_agent
        key.save(update_fields=["last_used_at", "last_used_ip", "last_used_agent"])


_COUNT = """
    INSERT INTO tenants_apikeyday AS day (id, organization_id, key_id, "on", requests, refused)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (organization_id, key_id, "on") DO UPDATE
    SET requests = day.requests + excluded.requests, refused = day.refused + excluded.refused
"""
_SEE = """
    INSERT INTO tenants_apikeynetwork AS seen (id, organization_id, key_id, network, first_at, last_at)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (organization_id, key_id, network) DO UPDATE SET last_at = greatest(seen.last_at, excluded.last_at)
    RETURNING seen.id
"""


def _count(use: Use, on: date) -> None:
    with prepared() as cursor:
        cursor.execute(_COUNT, [new_id(), use.organization_id, use.key_id, on, use.requests[on], use.refused[on]])


def _is_new(use: Use, network: str, at: datetime) -> bool:
    """Keep that the key came from there. True if it never did before."""
    row_id = new_id()
    with prepared() as cursor:
        cursor.execute(_SEE, [row_id, use.organization_id, use.key_id, network, at, at])
        found = cursor.fetchone()
    return found is not None and found[0] == row_id


uses = Uses(put_down)
note_key_use = uses.note
os.register_at_fork(after_in_child=uses.forget)
# Unlike atexit, also in the processes of the web server.
Finalize(None, uses.sweep, exitpriority=10)
