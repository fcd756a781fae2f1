"""Workers killed while they archive, two at once, and a place that refuses: nothing is lost, and nothing twice."""

import os
import random
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.db import connection

from archive import actions
from archive.actions import plan, sound_alarm
from archive.models import Digest, File, Progress
from audit.tags import Log
from hq.crypto import chain
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from tests.archive import support
from tests.archive.archive_crasher import POINTS
from tests.archive.test_folder import disk_of
from tests.crashing import Crasher, is_killed, running
from tests.database import as_superuser
from tests.factories import Place
from tests.keys.test_kill_rotation import find_dead
from tests.operators import make_operator

pytestmark = pytest.mark.django_db(transaction=True)
# By hand HQ_KILLS=200, for as many as the trail promises to survive.
SEED, TIMES = 20261122, int(os.environ.get("HQ_KILLS", "20"))


@pytest.fixture
def place(archived_place: Place) -> Place:
    support.act(archived_place, 24)
    support.grow(archived_place)
    return archived_place


@pytest.fixture
def crasher(place: Place) -> Iterator[Crasher]:
    with running("tests.archive.archive_crasher", str(support.folder())) as child:
        yield child


def is_whole(place: Place, log: Log) -> None:
    """Every entry once and in order, every digest on the one before, and no file that no digest names."""
    row, previous = support.progress(place, log), chain.GENESIS.hex()
    lines = support.rows(place.live_id, log)
    assert [line["document"]["index"] for line in lines] == list(range(1, row.archived + 1))
    for line in lines:
        assert line["previous"] == previous
        previous = line["hash"]
    digests = support.digests(place.live_id, log)
    assert [digest["number"] for digest in digests] == list(range(1, len(digests) + 1))
    listed = [file["name"] for digest in digests for file in digest["files"]]
    assert sorted(listed) == support.files(f"audit/{log}/{place.live_id}/**/*")
    assert not support.files("**/*~*")
    with tenant(place.id):
        assert not File.objects.filter(file_hash=None).exists()
        assert not Digest.objects.filter(written_at=None).exists()


def order(place: Place) -> None:
    for log in Log:
        actions.enqueue_write(place.id, place.live_id, log)


def test_killed_at_every_point_it_goes_on_from_there(place: Place, crasher: Crasher) -> None:
    order(place)
    for number, point in enumerate(POINTS):
        assert is_killed(crasher, f"{point} {1 + number % 2 if point.startswith('file') else 1}"), point
        find_dead(place)
        support.due_now(place)
    support.work()
    for log in Log:
        is_whole(place, log)
        assert support.progress(place, log).archived >= 24


def test_killed_at_any_time_it_ends_whole(place: Place, crasher: Crasher) -> None:
    chance, killed = random.Random(SEED), []
    for _ in range(TIMES):
        support.act(place, 1)
        support.grow(place)
        order(place)
        killed.append(is_killed(crasher, f" {chance.random() / 8:.4f}"))
        find_dead(place)
        support.due_now(place)
    assert sum(killed) > TIMES / 4
    order(place)
    support.work()
    for log in Log:
        is_whole(place, log)
        assert support.progress(place, log).archived >= 24 + TIMES


def test_two_archivers_at_once_write_everything_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MOST_ENTRIES", 3)
    tomorrow = now().date() + timedelta(days=1)
    for before in (None, tomorrow):
        actions.enqueue_write(place.id, place.live_id, Log.ADMIN, before=before)

    def worker() -> None:
        try:
            support.work()
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    is_whole(place, Log.ADMIN)
    with tenant(place.id):
        assert not Job.objects.exclude(state="DONE").exists()


def test_a_full_disk_drops_nothing_and_the_next_try_goes_on(place: Place) -> None:
    order(place)
    with disk_of(2000):
        support.work()
    row = support.progress(place)
    assert (row.archived, row.failure) == (0, "ArchiveFull")
    since = row.failing_since
    assert since is not None
    with disk_of(2000):
        support.due_now(place)
        support.work()
    assert support.progress(place).failing_since == since
    support.due_now(place)
    support.work()
    assert support.progress(place).failing_since is None
    is_whole(place, Log.ADMIN)


def test_after_a_day_of_refusals_the_operators_are_told_once_a_day(place: Place, settings, tmp_path: Path) -> None:
    make_operator()
    (tmp_path / "file").write_bytes(b"")
    settings.ARCHIVE_DIR = tmp_path / "file"  # in the place of a folder
    order(place)
    support.work()
    assert support.progress(place).failure == "ArchiveFault"
    assert not sound_alarm()
    with as_superuser() as database:
        database.execute("UPDATE archive_progress SET failing_since = now() - interval '25 hours'")
    mail.outbox.clear()
    assert sound_alarm()
    assert not sound_alarm()
    (told,) = mail.outbox
    assert "not being archived" in told.subject
    assert "2 logs" in told.body
    with tenant(place.id):
        assert Progress.objects.filter(archived=0).count() == 2


@pytest.mark.parametrize("rows", ["index = 1", "index = 12", "index >= 20", "true"])
def test_entries_that_are_missing_stop_it_and_the_operators_hear(place: Place, rows: str) -> None:
    """Nothing is written over the gap, wherever it lies: the archive would pass for whole."""
    make_operator()
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute(f"DELETE FROM audit_auditevent WHERE environment_id = '{place.live_id}' AND {rows}")
    order(place)
    support.work()
    row = support.progress(place)
    assert (row.archived, row.failure) == (0, "MissingEntries")
    assert support.digests(place.live_id) == []
    with as_superuser() as database:
        database.execute("UPDATE archive_progress SET failing_since = now() - interval '25 hours' WHERE log = 'admin'")
    mail.outbox.clear()
    assert sound_alarm()
    assert "1 log of" in mail.outbox[0].body


def test_a_tree_that_cannot_be_read_is_told_of_too(place: Place) -> None:
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute("DELETE FROM audit_tile")
    order(place)
    support.work()
    row = support.progress(place)
    assert (row.archived, row.failing_since is not None) == (0, True)


def test_something_else_under_its_name_stops_it_and_stays(place: Place) -> None:
    order(place)
    with disk_of(0):
        support.work()
    with tenant(place.id):
        planned = File.objects.get(log=Log.ADMIN)
    path = support.folder() / planned.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"not ours")
    support.due_now(place)
    support.work()
    assert support.progress(place).failure == "Conflict"
    assert path.read_bytes() == b"not ours"
