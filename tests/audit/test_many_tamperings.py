"""Many of each kind of change to a trail in the database, by its master: each is found, and at its place.

The verifier without HQ has a thousand of each (tests/verify/test_tampering.py); by hand HQ_KILLS=1000 does so here too.
"""

import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from audit import actions, recorder
from audit.models import AuditEvent
from audit.recorder import Target
from audit.tags import Tag
from audit.verify import walk
from hq.db.context import tenant
from tests.database import as_superuser
from tests.factories import Place, make_place

pytestmark = pytest.mark.django_db(transaction=True)
TIMES, SEED, LENGTH = int(os.environ.get("HQ_KILLS", "15")), 20261123, 24
LATE = "('f' || substr(gen_random_uuid()::text, 2))::uuid"  # of no month that was made
TABLES = ("audit_auditevent", "audit_chainhead", "audit_loghead", "audit_tile")


class Master:
    """Whoever may do anything with the rows of one trail, and puts them back as they were."""

    def __init__(self, database: psycopg.Connection, place: Place, other: Place) -> None:
        self.database, self.place, self.other = database, place, other
        database.execute("SET session_replication_role = replica")
        for table in TABLES:
            database.execute(f"CREATE TEMP TABLE kept_{table} AS SELECT * FROM {table}")
        with tenant(place.id):
            self.events = list(AuditEvent.objects.filter(environment_id=place.live_id).order_by("index"))

    def __call__(self, statement: str, *values: Any) -> None:
        done = self.database.execute(statement.replace("IN_IT", "environment_id = %s"), [*values])
        assert done.rowcount > 0, statement

    def undo(self) -> None:
        for table in TABLES:
            self.database.execute(f"DELETE FROM {table}")
            self.database.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")

    def rehash(self, first: int, last: int) -> None:
        """Hash what stands there now anew, each after the one before it."""
        with tenant(self.place.id):
            rows = AuditEvent.objects.filter(environment_id=self.place.live_id, index__range=(first, last))
            previous = None
            for event in rows.order_by("index"):
                event.previous = previous or event.previous
                previous = event.computed_hash()
                self.change(event.index, "previous = %s, hash = %s", event.previous, previous)

    def change(self, index: int, what: str, *values: Any) -> None:
        self(f"UPDATE audit_auditevent SET {what} WHERE IN_IT AND index = %s", *values, self.place.live_id, index)


@pytest.fixture
def master() -> Iterator[Master]:
    place, other = make_place(), make_place()
    for each in (place, other):
        with tenant(each.id):
            for number in range(LENGTH - 2):
                target = Target("share", each.id, f"link {number}")
                recorder.record(each.actor(), Tag.SHARE_CREATED, target=target, before={"n": number}, after={"n": 0})
        actions.grow(each.id, each.live_id)
    with as_superuser() as database:
        yield Master(database, place, other)


def edit(master: Master, chance: random.Random) -> int:
    at = chance.randint(1, LENGTH)
    changes = (
        "tag = 'key:destroyed'",
        "ip = '198.51.100.1'",
        "at = at - interval '1 us'",
        "request_id = 'req_x'",
        "actor_id = gen_random_uuid()",
        "target_id = target_id || 'x'",
        "method = 'other'",
        "commitment = sha256(commitment)",
    )
    master.change(at, chance.choice(changes))
    return at


def edit_and_hash(master: Master, chance: random.Random) -> int:
    at = chance.randint(1, LENGTH)
    master.change(at, "tag = 'key:destroyed'")
    master.rehash(at, at)
    return at


def delete(master: Master, chance: random.Random) -> int:
    at = chance.randint(1, LENGTH)
    master("DELETE FROM audit_auditevent WHERE IN_IT AND index = %s", master.place.live_id, at)
    return at


def swap(master: Master, chance: random.Random) -> int:
    one, other = sorted(chance.sample(range(1, LENGTH + 1), 2))
    master.change(one, "index = 1000")
    master.change(other, "index = %s", one)
    master.change(1000, "index = %s", other)
    return one


def insert(master: Master, chance: random.Random) -> int:
    """One more at a place that is taken, or behind the end: in another month, where no rule of the table refuses it."""
    at, source = chance.randint(1, LENGTH + 9), master.events[0]
    columns = ", ".join(str(field.column) for field in AuditEvent._meta.concrete_fields)
    values = columns.replace("id,", f"{LATE},", 1).replace(" index,", f" {at},").replace(" tag,", " 'x',")
    master(f"INSERT INTO audit_auditevent ({columns}) SELECT {values} FROM audit_auditevent WHERE id = %s", source.pk)
    return at


def cut_the_tail(master: Master, chance: random.Random) -> int:
    left = chance.randint(1, LENGTH - 1)
    master("DELETE FROM audit_auditevent WHERE IN_IT AND index > %s", master.place.live_id, left)
    if chance.random() < 0.5:
        newest = bytes(master.events[left - 1].hash)
        master("UPDATE audit_chainhead SET length = %s, hash = %s WHERE IN_IT", left, newest, master.place.live_id)
    return left + 1


def rewrite(master: Master, chance: random.Random) -> int:
    at = chance.randint(1, LENGTH)
    master.change(at, "tag = 'key:destroyed'")
    master.rehash(at, LENGTH)
    newest = "(SELECT hash FROM audit_auditevent WHERE IN_IT AND index = %s)"
    here = master.place.live_id
    master(f"UPDATE audit_chainhead SET hash = {newest} WHERE IN_IT", here, LENGTH, here)
    return at


def move_between_tenants(master: Master, chance: random.Random) -> int:
    at = chance.randint(1, LENGTH)
    master("DELETE FROM audit_auditevent WHERE IN_IT AND index = %s", master.place.live_id, at)
    moved = "UPDATE audit_auditevent SET organization_id = %s, environment_id = %s WHERE IN_IT AND index = %s"
    master(moved, master.place.id, master.place.live_id, master.other.live_id, at)
    return at


def change_before_or_after(master: Master, chance: random.Random) -> int:
    """Bytes of the sealed detail, one of another event, or one that says that its key is no more."""
    at, other = chance.sample(range(1, LENGTH + 1), 2)
    byte = chance.randrange(len(bytes(master.events[at - 1].__dict__["detail"].data)))
    choices = (
        (f"detail = set_byte(detail, {byte}, 255 - get_byte(detail, {byte}))",),
        ("detail = %s", bytes(master.events[other - 1].__dict__["detail"].data)),
        ("detail = set_byte(detail, 4, 200)",),
        ("detail = substr(detail, 1, 3)",),
    )
    what, *values = chance.choice(choices)
    master.change(at, what, *values)
    return at


KINDS = [
    edit,
    edit_and_hash,
    delete,
    swap,
    insert,
    cut_the_tail,
    rewrite,
    move_between_tenants,
    change_before_or_after,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_is_found_at_its_place(master: Master, kind: Callable[[Master, random.Random], int]) -> None:
    chance, place = random.Random(f"{SEED} {kind.__name__}"), master.place
    for _ in range(TIMES):
        index = kind(master, chance)
        found = walk(place.id, place.live_id)
        assert found.first_bad == index, found.reason
        master.undo()
    assert walk(place.id, place.live_id).ok
