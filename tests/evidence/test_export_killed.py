"""Workers killed while they export the trail: the export ends whole, and the bucket holds nothing else."""

import io
import os
import random
import zipfile
from collections.abc import Iterator
from datetime import timedelta

import pytest

from audit.tags import Log
from evidence.actions import exports
from evidence.actions.exports import Range
from evidence.models import TrailExport
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from tests.archive import support
from tests.crashing import Crasher, is_killed, running
from tests.factories import make_place, run_jobs
from tests.keys.test_kill_rotation import find_dead
from vault.models import Blob
from vault.tasks import sweep

pytestmark = pytest.mark.django_db(transaction=True)
# By hand HQ_KILLS=200, for as many as the trail promises to survive.
SEED, TIMES = 20261122, int(os.environ.get("HQ_KILLS", "20"))


@pytest.fixture
def crasher(transactional_db: None) -> Iterator[Crasher]:
    with running("tests.timed_crasher", "evidence.actions.export_zip", "PAGE=3") as child:
        yield child


def test_killed_at_any_time_it_begins_again_and_leaves_nothing(crasher: Crasher) -> None:
    place, chance, killed = make_place(), random.Random(SEED), []
    support.act(place, 30)
    for _ in range(TIMES):
        with tenant(place.id):
            if not TrailExport.objects.filter(made_at=None).exists():
                exports.request_trail_export(actor=place.actor(), wish=Range(log=Log.ADMIN, with_csv=True))
        killed.append(is_killed(crasher, f"{chance.random() / 6:.4f}"))
        find_dead(place)
        with tenant(place.id):
            Job.objects.update(attempts=0)  # many kills in a row are bad luck here, and no reason to give up
    run_jobs()
    with tenant(place.id):
        Blob.objects.filter(state="PENDING").update(lease_until=now() - timedelta(seconds=1))
    sweep()
    run_jobs()
    assert sum(killed) > TIMES / 10
    with tenant(place.id):
        made = list(TrailExport.objects.all())
        assert all(export.made_at for export in made)
        assert {export.blob_id for export in made} == set(Blob.objects.values_list("id", flat=True))
    for export in made:
        given = exports.open_trail_export(actor=place.actor(), export_id=export.id)
        archive = zipfile.ZipFile(io.BytesIO(b"".join(given.read(0, export.size))))
        assert archive.testzip() is None
        assert archive.read("events.jsonl").count(b"\n") == export.entries
