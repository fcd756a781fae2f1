"""What the database has that is new: one question a second for everybody who watches, however many they are."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

from audit import selectors as trail
from audit.selectors.events import newest_of_people
from audit.tags import Log
from hq.db import lookups
from hq.db.context import tenant
from streams.live.events import ACCOUNT, REQUESTS, TRAIL, Event, of_document

KEPT = 200  # events of each place that are kept for those who come back; who missed more is told how many
Place = tuple[UUID, UUID]
_NOTHING = UUID(int=0)


@dataclass(slots=True)
class Watched:
    """One environment, or one person's account: how far it was read, and the last of what was found there."""

    admin: int = 0
    access: int = 0
    account: UUID = _NOTHING
    recent: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT))
    watchers: int = 0


def lengths(places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
    """How long both logs of each environment are."""
    rows = lookups.call("streams_lengths", [environment for _, environment in places])
    return {(row["organization_id"], row["environment_id"]): (row["admin"], row["access"]) for row in rows}


def newest(people: Iterable[UUID]) -> dict[UUID, UUID]:
    """The last event of each account that has one."""
    return newest_of_people(list(people))


def read_place(place: Place, admin: int, access: int, *, after: int, requests_after: int) -> list[Event]:
    """What came to an environment behind those places, up to what is named; of events the last few alone."""
    organization_id, environment_id = place
    found: list[Event] = []
    if admin > after:
        with tenant(organization_id):
            start = max(after, admin - KEPT)
            rows = trail.sealed_page(organization_id, environment_id, Log.ADMIN, after=start, limit=KEPT)
        found = [Event(TRAIL, of_document(row.document), *place, None, row.index) for row in rows if row.index <= admin]
    if access > requests_after >= 0:
        found.append(Event(REQUESTS, {"length": access}, *place, None, access))
    return found


def read_account(person_id: UUID, *, after: UUID) -> list[Event]:
    """What came to an account behind an event, oldest first."""
    rows = trail.page_person_events(person_id, tags=None, before=None, limit=20)
    return [
        Event(ACCOUNT, {"at": row.at.isoformat(), "tag": row.tag}, None, None, person_id, 0, row.id)
        for row in reversed(rows)
        if row.id > after
    ]


def release() -> None:
    """Give the thread's connection back to the pool: nobody holds one between two questions."""
    if not connection.in_atomic_block:
        connection.close()
