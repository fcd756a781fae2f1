"""Rows read, written and deleted while a rotation goes through them; workers that lose their lease (KEY-2)."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections, transaction

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.db.sealing import Purpose, header
from hq.lib.clock import now
from hq.lib.ids import new_id
from jobs import actions as jobs
from jobs.models import Job
from keys import actions, columns, registry, rings
from keys.actions import reencryption
from keys.models import Cmk, Rotation
from sharing import actions as sharing
from sharing.models import ShareLink
from tenants.models import Invitation
from tests.factories import Place, make_place, run_jobs
from tests.jobs.support import until
from tests.keys.support import new_data_key, sealed_email, settle, statement_of
from vault import actions as vault

pytestmark = pytest.mark.django_db(transaction=True)
HOLDER = "tenants_invitation.metadata"


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reencryption, "BATCH", 20)
    monkeypatch.setattr(columns, "ROWS", 10)
    monkeypatch.setattr(columns, "PART", 3)


def invite(place: Place, count: int) -> list[UUID]:
    """Invitations as they stand in the table, in the order of their ids."""
    with tenant(place.id):
        rows = [
            Invitation(
                organization_id=place.id,
                email=f"invited{number}@example.com",
                email_index=new_id().bytes,
                role=Role.ANALYST,
                token_digest=new_id().bytes,
                invited_by_id=place.owner.pk,
                invited_by_label="Olive",
                expires_at=now() + timedelta(days=1),
            )
            for number in range(count)
        ]
        return sorted(row.id for row in Invitation.objects.bulk_create(rows))


def ask(place: Place) -> None:
    with tenant(place.id):
        key = Cmk.objects.get(organization_id=place.id, retired_at=None)
        actions.rotate_key(actor=place.actor(), key_id=key.id)


def email_of(place: Place, row_id: UUID) -> str:
    with tenant(place.id):
        return Invitation.objects.get(id=row_id).email


def write(place: Place, row_id: UUID, email: str) -> None:
    with tenant(place.id):
        row = Invitation.objects.get(id=row_id)
        row.email = email
        row.save(update_fields=["email"])


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # a transaction sees what it saw first
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


class Beside(threading.Thread):
    """Work in another connection. What it raises is raised where it is waited for."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self.work = work
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.work()
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            self.error = error
        finally:
            connections.close_all()

    def wait(self) -> None:
        self.join()
        if self.error is not None:
            raise self.error


def beside_the_lock(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> list[Beside]:
    """Once, when the first rows are read and not yet written, begin `work`, and go on when it waits or is done."""
    begun: list[Beside] = []
    real = columns.SealedColumns._forward

    def forward(self: columns.SealedColumns, *arguments: Any) -> int:
        if self.name == HOLDER and not begun:
            begun.append(Beside(work))
            until(lambda: waits_for_a_lock() or not begun[0].is_alive())
        return real(self, *arguments)

    monkeypatch.setattr(columns.SealedColumns, "_forward", forward)
    return begun


def test_what_is_written_between_reading_and_writing_a_row_is_not_put_back(place, monkeypatch):
    first, *_ = invite(place, 5)
    begun = beside_the_lock(monkeypatch, lambda: write(place, first, "written@example.com"))
    ask(place)
    run_jobs()
    begun[0].wait()
    assert email_of(place, first) == "written@example.com"
    assert settle(place.id).state == Rotation.State.DONE
    assert email_of(place, first) == "written@example.com"


def test_a_row_that_is_deleted_meanwhile_stays_deleted(place, monkeypatch):
    first, *others = invite(place, 5)

    def delete() -> None:
        with tenant(place.id):
            Invitation.objects.get(id=first).delete()

    begun = beside_the_lock(monkeypatch, delete)
    ask(place)
    run_jobs()
    begun[0].wait()
    assert settle(place.id).state == Rotation.State.DONE
    with tenant(place.id):
        assert sorted(Invitation.objects.values_list("id", flat=True)) == others


@contextmanager
def held(work: Callable[[], object]) -> Iterator[None]:
    """Another connection's transaction that has done `work` and commits at the end of the block."""
    done, go = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            work()
        finally:
            done.set()
        assert go.wait(30)

    thread = Beside(lambda: _in_one(hold))
    assert done.wait(30)
    try:
        yield
    finally:
        go.set()
        thread.wait()


def _in_one(work: Callable[[], object]) -> None:
    with transaction.atomic():
        work()


def test_a_row_that_somebody_is_changing_is_passed_by_and_done_in_the_next_round(place):
    first, *others = invite(place, 30)
    ask(place)
    with held(lambda: write(place, first, "slow@example.com")):
        run_jobs()  # comes back: it does not wait for the row
        assert sealed_email(first, place.id).startswith(header(1))
        assert all(sealed_email(row_id, place.id).startswith(header(2)) for row_id in others)
        with tenant(place.id):
            rotation = Rotation.objects.get()
            assert (rotation.state, rotation.cursors[HOLDER]["finished"]) == (Rotation.State.REENCRYPTING, False)
            assert Job.objects.get(key=str(rotation.id)).state == "QUEUED"
    assert settle(place.id).state == Rotation.State.DONE
    assert sealed_email(first, place.id).startswith(header(2))
    assert email_of(place, first) == "slow@example.com"


def test_readers_writers_and_deleters_beside_it_see_nothing_of_it(place):
    """A value names its row and counts up. Each writer has rows of its own, everybody reads all."""
    ids = invite(place, 120)
    kept, doomed = ids[:90], ids[90:]
    counts, stop = dict.fromkeys(kept, 0), threading.Event()

    def hand(number: int) -> None:
        chance = random.Random(number)
        seen: dict[UUID, int] = {}
        while not stop.is_set():
            row_id = chance.choice(kept)
            name, _, count = email_of(place, row_id).removesuffix("@example.com").partition(".")
            if count:
                assert name == row_id.hex
            assert int(count or 0) >= seen.get(row_id, 0)
            seen[row_id] = int(count or 0)
            mine = chance.choice(kept[number::2])
            write(place, mine, f"{mine.hex}.{counts[mine] + 1}@example.com")
            counts[mine] += 1

    def remove() -> None:
        for row_id in doomed:
            with tenant(place.id):
                assert Invitation.objects.get(id=row_id).delete()[0] == 1

    beside = [Beside(partial(hand, 0)), Beside(partial(hand, 1)), Beside(remove)]
    for _ in range(3):
        ask(place)
        run_jobs()
        settle(place.id)
    stop.set()
    for thread in beside:
        thread.wait()
    rotation = settle(place.id)
    assert (rotation.state, rotation.to_version) == (Rotation.State.DONE, 4)
    assert sum(counts.values()) > 0
    with tenant(place.id):
        found = {row.id: row.email for row in Invitation.objects.all()}
    assert set(found) == set(kept)
    for row_id, count in counts.items():
        if count:
            assert found[row_id] == f"{row_id.hex}.{count}@example.com"


def test_what_another_process_still_writes_under_the_old_version_is_brought_forward(place):
    [row_id] = invite(place, 1)
    ask(place)
    run_jobs()
    with tenant(place.id), connection.cursor() as cursor:
        field: Any = Invitation._meta.get_field("email")
        ring = rings.load(place.id, Purpose.METADATA, None)
        older = ring.cipher(header(1))
        assert older
        late = header(1) + older.seal(b"late@example.com", field.place + place.id.bytes + row_id.bytes)
        cursor.execute("UPDATE tenants_invitation SET email = %s", [late])
    assert settle(place.id).state == Rotation.State.DONE
    assert sealed_email(row_id, place.id).startswith(header(2))


# ---- the columns of one table


def columns_of(place: Place, name: str) -> columns.SealedColumns:
    [found] = [holder for holder in registry.holders(place.id) if holder.name == name]
    assert isinstance(found, columns.SealedColumns)
    return found


def test_empty_columns_stay_empty(place):
    vault.put_object(actor=place.actor(), path="a", chunks=[b"x"])
    with tenant(place.id):
        sharing.create_share(actor=place.actor(), paths=["a"], permission="read", ttl_seconds=900, purpose="Audit")
    version = new_data_key(place.id, Purpose.METADATA)
    holder = columns_of(place, "sharing_sharelink.metadata")
    assert holder.reseal(lambda: tenant(place.id), place.id, version, None, 100).resealed == 1
    with tenant(place.id):
        link = ShareLink.objects.get()
        assert (link.purpose, link.created_by_label, link.revoked_by_label) == ("Audit", place.owner.label, None)
        assert holder.left(place.id, version) == 0


@pytest.mark.parametrize("limit", [1, 3, 10, 11, 25, 26, 1000])
def test_whatever_the_size_of_a_batch_each_row_is_done_once(place, limit):
    ids = invite(place, 25)
    version = new_data_key(place.id, Purpose.METADATA)
    holder, after, done = columns_of(place, HOLDER), None, 0
    while True:
        batch = holder.reseal(lambda: tenant(place.id), place.id, version, after, limit)
        assert batch.resealed <= limit
        done, after = done + batch.resealed, batch.last
        if after is None:
            break
        assert after in ids
    assert done == 25
    with tenant(place.id):
        assert holder.left(place.id, version) == 0


def test_a_process_that_does_not_know_the_newest_version_looks_again(place):
    [row_id] = invite(place, 1)
    stale = rings.load(place.id, Purpose.METADATA, None)
    version = new_data_key(place.id, Purpose.METADATA)
    stale.expires = rings.cache._clock() + 300
    rings.cache._shelves[Purpose.METADATA][place.id.int] = stale
    columns_of(place, HOLDER).reseal(lambda: tenant(place.id), place.id, version, None, 100)
    assert sealed_email(row_id, place.id).startswith(header(version))


# ---- two workers with the same job


def expire_lease(place: Place) -> None:
    with tenant(place.id):
        Job.objects.filter(state="RUNNING").update(lease_until=now() - timedelta(seconds=1))
    jobs.reap()
    with tenant(place.id):
        Job.objects.filter(state="QUEUED").update(run_at=now())


def test_a_worker_that_lost_its_lease_changes_nothing_any_more(place, monkeypatch):
    ids = invite(place, 45)
    ask(place)
    real, slow, go = columns.SealedColumns.reseal, threading.Event(), threading.Event()

    def reseal(self: columns.SealedColumns, *arguments: Any) -> columns.Batch:
        if threading.current_thread().name == "slow" and self.name == HOLDER:
            slow.set()
            assert go.wait(30)
        return real(self, *arguments)

    def work() -> None:
        threading.current_thread().name = "slow"
        jobs.run_one("slow")

    monkeypatch.setattr(columns.SealedColumns, "reseal", reseal)
    worker = Beside(work)
    assert slow.wait(30)
    expire_lease(place)
    jobs.run_one("other")
    with tenant(place.id):
        before = Rotation.objects.get()
        write_down = (before.state, before.cursors)
    assert before.state == Rotation.State.SETTLING
    go.set()
    worker.wait()
    with tenant(place.id):
        after = Rotation.objects.get()
        assert (after.state, after.cursors) == write_down
        assert after.cursors[HOLDER]["done"] == after.cursors[HOLDER]["total"] == 45
    rotation = settle(place.id)
    assert rotation.state == Rotation.State.DONE
    assert statement_of(rotation)
    assert [email_of(place, row_id) for row_id in ids] == [f"invited{number}@example.com" for number in range(45)]


def test_a_worker_that_is_among_its_rows_keeps_its_job(place, monkeypatch):
    """Its transaction holds the job's row, which the reaper leaves alone: nobody else can be among them too."""
    invite(place, 5)
    taken: list[tuple[int, bool]] = []
    real = columns.SealedColumns.reseal

    def reseal(self: columns.SealedColumns, *arguments: Any) -> columns.Batch:
        with tenant(place.id):
            Job.objects.filter(state="RUNNING").update(lease_until=now() - timedelta(seconds=1))
        return real(self, *arguments)

    def take() -> None:
        taken.append((jobs.reap(), jobs.run_one("other")))

    monkeypatch.setattr(columns.SealedColumns, "reseal", reseal)
    begun = beside_the_lock(monkeypatch, take)
    ask(place)
    run_jobs()
    begun[0].wait()
    assert taken == [(0, False)]
    assert settle(place.id).state == Rotation.State.DONE
