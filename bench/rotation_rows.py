"""Many sealed rows of one organization, which a rotation and a plain UPDATE go through.

They are visits to one share link: the table with one sealed column, so that the plain UPDATE is as cheap as any. Each
of its statements finds the next rows by their primary key and gives every value back as it was, one byte taken out and
put in again: nothing leaves the server, and it computes next to nothing.
"""
# ruff: noqa: S608 - the table's name is our own model's; every value is a parameter

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection

from bench.figures import forget_peak, peak, seconds
from bench.hands import together
from hq.db.context import tenant
from hq.db.sealing import HEADER_BYTES, Purpose
from hq.embedded.postgres import SUPERUSER
from hq.lib.ids import new_id
from jobs import actions as jobs
from keys import rings
from keys.actions import reencryption, rotate_key
from keys.columns import ROWS
from keys.models import Cmk, Rotation
from sharing.actions import create_share
from sharing.models import ShareAttempt, ShareLink
from tests.factories import Place
from vault.actions import put_object

TABLE = ShareAttempt._meta.db_table  # noqa: SLF001 - Django's documented name
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SLICE_SECONDS = 3.0
INSERT = f"""
INSERT INTO {TABLE} (id, organization_id, link_id, at, kind, reason, user_agent, request_id, path)
SELECT row.id, %s, %s, now(), 'looked', '', row.sealed, '', '' FROM unnest(%s::uuid[], %s::bytea[]) AS row (id, sealed)
"""
PLAIN = f"""
WITH batch AS (SELECT id FROM {TABLE} WHERE organization_id = %s AND id > %s ORDER BY id LIMIT %s)
UPDATE {TABLE} AS row SET user_agent = set_byte(user_agent, {HEADER_BYTES}, get_byte(user_agent, {HEADER_BYTES}))
FROM batch WHERE row.id = batch.id
"""


@dataclass
class Rows:
    """`ids` holds the rows' ids in order, 16 bytes each."""

    place: Place
    ids: bytes

    def __len__(self) -> int:
        return len(self.ids) // 16

    def at(self, number: int) -> UUID:
        return UUID(bytes=self.ids[16 * number : 16 * number + 16])


@dataclass
class Race:
    """What one rotation took, slice by slice, and a plain UPDATE of the rows of each slice."""

    rows: int = 0
    ours: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    rested: float = 0.0
    memory: int = 0
    growth: int = 0

    @property
    def ratio(self) -> float:
        return sum(self.plain) / sum(self.ours)


def make_rows(place: Place, count: int) -> Rows:
    """Properly sealed, by the running role. Then what autovacuum would have done by the time anybody rotates.

    Another process does it: what this one's memory held once would hide what a rotation needs.
    """
    link_id, file = _link(place), Path(settings.DATA_DIR) / "bench-ids"

    def fill() -> None:
        ids = sorted(new_id().bytes for _ in range(count))
        for start in range(0, count, ROWS):
            some = [UUID(bytes=row_id) for row_id in ids[start : start + ROWS]]
            sealed = [_seal(place.id, row_id) for row_id in some]
            with tenant(place.id), connection.cursor() as cursor:
                cursor.execute(INSERT, [place.id, link_id, some, sealed])
        file.write_bytes(b"".join(ids))

    together(1, lambda _number: fill())
    administrator = connection.get_connection_params() | {"user": SUPERUSER, "autocommit": True, "context": None}
    with psycopg.connect(**administrator) as admin:
        admin.execute(f"VACUUM ANALYZE {TABLE}")
    return Rows(place, file.read_bytes())


def _seal(organization_id: UUID, row_id: UUID) -> bytes:
    column = ShareAttempt._meta.get_field("user_agent")  # noqa: SLF001 - Django's documented name
    ring = rings.cache.ring(organization_id, Purpose.METADATA)
    place: bytes = column.place
    return ring.head + ring.seal(BROWSER.encode(), place + organization_id.bytes + row_id.bytes)


def _link(place: Place) -> UUID:
    put_object(actor=place.actor(), path="claims/register.csv", chunks=[b"claim,amount\n1,250\n"])
    with tenant(place.id):
        create_share(actor=place.actor(), paths=["claims/register.csv"], permission="read", ttl_seconds=3600)
        return ShareLink.objects.get().id


def ask(place: Place) -> None:
    """Ask for a rotation, as its owner."""
    with tenant(place.id):
        key = Cmk.objects.get(organization_id=place.id, retired_at=None)
        rotate_key(actor=place.actor(), key_id=key.id)


def rotation_of(place: Place) -> Rotation:
    """The newest."""
    with tenant(place.id):
        rotation = Rotation.objects.filter(organization_id=place.id).order_by("-id").first()
    if rotation is None:
        raise AssertionError("No rotation was asked for.")
    return rotation


def race(rows: Rows) -> Race:
    """Do the work of a rotation that was asked for, until nothing is left; after each slice the plain UPDATE.

    Every second time the plain UPDATE goes first, over the rows that will be next: whoever comes second finds the pages
    in memory, and dead rows in them.
    """
    found, place, done = Race(), rows.place, 0
    idle, early = forget_peak(), 0
    expected = ROWS
    with _slices() as rested:
        while rotation_of(place).state != Rotation.State.SETTLING:
            start, goes_first = done, len(found.ours) % 2 == 1
            guess = min(expected, len(rows) - start)
            plain = _plain(rows, start, start + guess) if goes_first and guess else 0.0
            found.ours.append(seconds(lambda: jobs.run_one("bench")))
            done = done_rows(place)
            early = early or (peak() if done >= len(rows) / 10 else 0)
            expected = done - start
            found.plain.append(plain * expected / guess if plain else _plain(rows, start, done))
    found.rows, found.rested = done, rested[0]
    found.memory, found.growth = peak() - idle, peak() - early
    return found


def work_through(place: Place) -> None:
    """Do the work of a rotation that was asked for, until nothing is left."""
    while rotation_of(place).state != Rotation.State.SETTLING:
        jobs.run_one("bench")


def done_rows(place: Place) -> int:
    return int(rotation_of(place).cursors.get(f"{TABLE}.{Purpose.METADATA}", {}).get("done", 0))


def _plain(rows: Rows, start: int, stop: int) -> float:
    """Seconds for an UPDATE of these rows, in batches as large as a rotation's, each committed."""

    def update() -> None:
        for number in range(start, stop, ROWS):
            after = rows.at(number - 1) if number else UUID(int=0)
            with tenant(rows.place.id), connection.cursor() as cursor:
                cursor.execute(PLAIN, [rows.place.id, after, min(ROWS, stop - number)])

    return seconds(update)


@contextmanager
def _slices() -> Iterator[list[float]]:
    """Short ones, so that both meet the same weather. Gives the seconds that the work rested."""
    rested, real, here = [0.0], time.sleep, threading.get_ident()

    def sleep(length: float) -> None:
        if threading.get_ident() == here:
            rested[0] += length
        real(length)

    with patch.object(reencryption, "SLICE_SECONDS", SLICE_SECONDS), patch.object(time, "sleep", sleep):
        yield rested
