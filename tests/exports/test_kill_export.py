"""Workers killed while they make an export, at each point and at any time: it ends, opens, and has everything once."""

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from audit.models import AuditEvent
from exports.models import Entry, Export, Volume
from exports.registry import Scope
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from tests.crashing import Crasher, is_killed, running
from tests.exports.export_crasher import POINTS
from tests.exports.support import Pair, ask, fresh, opened
from tests.factories import Place, make_place, run_jobs
from tests.keys.test_kill_rotation import find_dead
from vault import actions as vault
from vault.models import Blob, ObjectVersion
from vault.tasks import sweep

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.age]
FILES, SEED, TIMES = 24, 20261122, 10


@pytest.fixture(scope="module")
def crasher(django_db_setup: None) -> Iterator[Crasher]:
    with running("tests.exports.export_crasher") as child:
        yield child


@pytest.fixture
def place(transactional_db: None) -> Place:
    place = make_place()
    for number in range(FILES):
        vault.put_object(actor=place.actor(), path=f"files/{number:02}", chunks=[content_of(number)])
    return place


def content_of(number: int) -> bytes:
    return random.Random(number).randbytes(9_000)


def look(place: Place, export: Export, pair: Pair, folder: Path) -> None:
    """It ends with one event, everything once, and no file in the bucket that nothing refers to."""
    with tenant(place.id):
        Blob.objects.filter(state="PENDING").update(lease_until=now() - timedelta(seconds=1))
    sweep()
    run_jobs()
    whole = opened(place, fresh(export), pair, folder)
    assert {name: whole.members[name] for name in whole.files} == {
        f"files/live/files/{number:02}": content_of(number) for number in range(FILES)
    }
    with tenant(place.id):
        used = set(ObjectVersion.objects.values_list("blob_id", flat=True)) | set(
            Volume.objects.values_list("blob_id", flat=True)
        )
        assert set(Blob.objects.values_list("id", flat=True)) == used
        assert AuditEvent.objects.filter(tag="export:completed").count() == 1
        assert not Entry.objects.exists()
        assert not Job.objects.filter(state="DEAD").exists()


def test_killed_at_every_point_it_goes_on_from_there(place: Place, crasher: Crasher, tmp_path: Path) -> None:
    pair = Pair()
    export = ask(place.actor(), Scope.ORGANIZATION, pair.lock)
    for number, point in enumerate(POINTS):
        nth = 1 + number % 3 if point.startswith("volume: a piece") else 1
        assert is_killed(crasher, f"{point} {nth}"), point
        find_dead(place)
    look(place, export, pair, tmp_path)


def test_killed_at_any_time_it_ends(place: Place, crasher: Crasher, tmp_path: Path) -> None:
    pair, chance = Pair(), random.Random(SEED)
    export = ask(place.actor(), Scope.ORGANIZATION, pair.lock)
    killed = []
    for _ in range(TIMES):
        killed.append(is_killed(crasher, f" {chance.random() / 4:.3f}"))
        find_dead(place)
    assert any(killed)
    run_jobs()
    look(place, export, pair, tmp_path)


def test_a_finished_volume_stays(place: Place, crasher: Crasher) -> None:
    ask(place.actor(), Scope.ORGANIZATION, Pair().lock)
    assert is_killed(crasher, "volume: before the commit 3")
    with tenant(place.id):
        kept = list(Volume.objects.order_by("number").values_list("number", "blob_id"))
    assert [number for number, _ in kept] == [1, 2]
    find_dead(place)
    run_jobs()
    with tenant(place.id):
        assert list(Volume.objects.order_by("number").values_list("number", "blob_id"))[:2] == kept
