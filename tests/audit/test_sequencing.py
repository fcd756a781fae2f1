"""Requests get their places in batches: each once, in an order that nothing can get between, whatever clocks say."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import psycopg
import pytest
from django.db import connection

from audit import actions, recorder, selectors, sequencing, tasks
from audit.models import AccessLink, LogHead
from audit.recorder import Target
from audit.tags import Log, Tag
from hq.crypto import merkle
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.embedded.postgres import SUPERUSER
from hq.lib import ids
from hq.lib.errors import NotFound
from tests.audit.support import entries, request, whole
from tests.database import as_superuser, cluster
from tests.factories import Place, make_place, run_jobs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place() -> Place:
    return make_place()


def grow(place: Place) -> None:
    actions.grow(place.id, place.live_id)


def test_lines_get_places_links_and_leaves_that_prove_them(place: Place) -> None:
    for number in range(300):
        request(place, number)
    grow(place)
    assert whole(place) == list(range(300))
    whole(place, Log.ADMIN)
    of = place.id, place.live_id, Log.ACCESS
    leaves = [merkle.leaf_hash(entry.document) for entry in entries(place)]
    with tenant(place.id):
        root = selectors.tree_of(*of).root
        for index in (0, 255, 256, 299):
            merkle.check_inclusion(leaves[index], index, 300, selectors.inclusion(*of, index, 300), root)
        merkle.check_range(10, leaves[10:280], 300, selectors.beside(*of, 10, 280, 300), root)
        path = selectors.consistency(*of, 257, 300)
        merkle.check_consistency(257, 300, merkle.root_of(leaves[:257]), root, path)
        with pytest.raises(NotFound):
            selectors.inclusion(*of, 0, 301)
        assert selectors.logs_of(place.id) == [(place.live_id, Log.ACCESS, 300), (place.live_id, Log.ADMIN, 2)]


def test_batches_that_are_full_go_on_where_they_were(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with tenant(place.id):  # all of one transaction: nothing but their ids tells them apart
        for number in range(25):
            request(place, number)
    monkeypatch.setattr(sequencing.sequence, "__defaults__", (10,))
    assert list(actions.grow_in_batches(place.id, place.live_id))[:4] == [0, 10, 10, 5]
    assert whole(place) == list(range(25))


def test_the_sweep_finds_what_waits_and_nothing_twice(place: Place) -> None:
    request(place)
    run_all()
    assert whole(place) == [0]
    assert selectors.find_waiting() == []
    with tenant(place.id):
        recorder.record(place.actor(), Tag.SHARE_CREATED, target=Target("share", place.id))
    assert selectors.find_waiting() == [(place.id, place.live_id)]
    run_all()
    whole(place, Log.ADMIN)
    assert selectors.find_waiting() == []


def run_all() -> None:
    tasks.sweep_logs()
    run_jobs()


def test_what_nobody_known_asked_for_is_in_the_log_of_the_deployment_itself() -> None:
    request(make_place(), organization_id=PLATFORM_ID, actor=None)
    run_all()
    with tenant(PLATFORM_ID):
        found = selectors.page_log(PLATFORM_ID, PLATFORM_ID, Log.ACCESS, after=0, limit=10)
        assert [entry.index for entry in found] == [1]


def test_a_clock_that_goes_back_changes_no_order(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [ids.new_id() for _ in range(9)]
    backwards: Iterator[Any] = iter(made[::-1])
    monkeypatch.setattr(recorder, "new_id", lambda: next(backwards))
    for number in range(3):
        request(place, number)
    grow(place)
    for number in range(3, 9):
        request(place, number)
    grow(place)
    assert whole(place) == list(range(9))


def test_what_is_still_under_way_is_waited_for_and_never_got_in_between(place: Place) -> None:
    """An earlier transaction commits after a later one was there to be sequenced."""
    begun, go_on = Event(), Event()

    def slow() -> None:
        with tenant(place.id):
            request(place, 1)
            begun.set()
            assert go_on.wait(30)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(slow)
        assert begun.wait(30)
        request(place, 2)
        grow(place)
        assert entries(place) == []
        go_on.set()
        under_way.result()
    grow(place)
    assert whole(place) == [1, 2]


def test_it_is_said_that_a_transaction_holds_places_up(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with as_superuser() as database, database.transaction():
        database.execute("SELECT pg_current_xact_id()")
        request(place)
        run_all()
        assert "wait for their places" not in caplog.text  # nor for long
        monkeypatch.setattr(tasks, "HELD_MOST", -timedelta(minutes=1))
        run_all()
    assert "wait for their places" in caplog.text
    assert entries(place) == []
    run_all()
    caplog.clear()
    tasks.sweep_logs()
    assert "wait for their places" not in caplog.text
    assert whole(place) == [0]


def test_another_database_of_the_cluster_holds_nothing_up(place: Place) -> None:
    with psycopg.connect(host=str(cluster().postgres_sockets), user=SUPERUSER, dbname="postgres") as elsewhere:
        elsewhere.execute("SELECT pg_current_xact_id()")
        request(place)
        grow(place)
        assert whole(place) == [0]


def test_writers_readers_and_workers_at_once(place: Place) -> None:
    """Each line once; and a reader never sees a gap, a place that changes, or a tree that is not over what is there."""
    writers, lines = 4, 150
    over = Event()

    def write(first: int) -> None:
        for number in range(first, first + lines):
            request(place, number)
        connection.close()

    def work() -> None:
        while not over.is_set():
            grow(place)
        connection.close()

    def read() -> int:
        known: list[bytes] = []
        while not over.is_set():
            with tenant(place.id):
                tree = selectors.tree_of(place.id, place.live_id, Log.ACCESS)
            seen = [entry.hash for entry in entries(place)]
            assert seen[: len(known)] == known
            assert len(seen) >= tree.size
            leaves = [merkle.leaf_hash(entry.document) for entry in entries(place)[: tree.size]]
            assert merkle.root_of(leaves) == tree.root
            known = seen
        connection.close()
        return len(known)

    with ThreadPoolExecutor(writers + 3) as pool:
        workers, reader = [pool.submit(work) for _ in range(2)], pool.submit(read)
        for done in [pool.submit(write, writer * lines) for writer in range(writers)]:
            done.result()
        over.set()
        reader.result()
        for worker in workers:
            worker.result()
    grow(place)
    assert sorted(whole(place)) == list(range(writers * lines))


def test_two_workers_that_come_first_at_once_share_one_head(place: Place) -> None:
    for number in range(50):
        request(place, number)

    def work(_: int) -> None:
        grow(place)
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert whole(place) == list(range(50))
    with tenant(place.id):
        assert LogHead.objects.filter(log=Log.ACCESS).count() == 1


def test_a_tenant_sees_only_its_own(place: Place) -> None:
    other = make_place()
    request(place, 1)
    request(other, 2)
    grow(place)
    grow(other)
    assert (whole(place), whole(other)) == ([1], [2])
    with tenant(other.id):
        assert selectors.page_log(place.id, place.live_id, Log.ACCESS, after=0, limit=9) == []
        assert selectors.tree_of(place.id, place.live_id, Log.ACCESS).size == 0
        assert AccessLink.objects.count() == 1


def restored(place: Place) -> None:
    """As after a logical restore into a new cluster: rows carry numbers of transactions that are far from coming."""
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute("UPDATE audit_accessentry SET xid = xid + 1000000000000")
        database.execute("UPDATE audit_loghead SET xid = xid + 1000000000000, cluster = 1 WHERE log = 'access'")
        database.execute("UPDATE audit_sweepmark SET xid = xid + 1000000000000, cluster = 1")


def test_after_a_restore_what_waited_and_what_is_new_get_their_places(place: Place) -> None:
    for number in range(5):
        request(place, number)
    run_all()
    for number in range(5, 8):
        request(place, number)
    restored(place)
    for number in range(8, 10):
        request(place, number)
    run_all()
    assert whole(place) == list(range(10))
    request(place, 10)
    run_all()
    assert whole(place) == list(range(11))
    assert selectors.find_waiting() == []


def test_the_tree_is_never_grown_over_events_that_do_not_follow(place: Place) -> None:
    grow(place)
    with tenant(place.id):
        for _ in range(3):
            recorder.record(place.actor(), Tag.SHARE_CREATED, target=Target("share", place.id))
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute("UPDATE audit_auditevent SET tag = 'share:revoked' WHERE index = 4")
    with pytest.raises(sequencing.TrailBroken):
        grow(place)
    with tenant(place.id):
        assert selectors.tree_of(place.id, place.live_id, Log.ADMIN).size == 2


def test_lines_from_before_commitments_commit_to_their_sealed_bytes(place: Place) -> None:
    request(place, 1)
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute("UPDATE audit_accessentry SET commitment = NULL, xid = 0")
    grow(place)
    (entry,) = entries(place)
    assert (entry.detail, entry.salt) == (None, None)
    with tenant(place.id):
        assert actions.verify_chain(actor=place.actor(), log=Log.ACCESS).ok
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute("UPDATE audit_accessentry SET detail = set_byte(detail, 30, get_byte(detail, 30) # 1)")
    with tenant(place.id):
        assert actions.verify_chain(actor=place.actor(), log=Log.ACCESS).first_bad == 1
