"""Workers killed at random points while they put an upload together: one version, the right bytes, nothing left."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from hq.db.context import tenant
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.models import Job
from tests.factories import Place, run_jobs
from tests.vault.support import assert_nothing_is_left_over, get
from tests.vault.uploads import SMALL, begin, content, incoming, send, small_parts
from vault import actions, tasks
from vault.actions import assemble
from vault.models import Blob, ObjectVersion, Upload

__all__ = ["small_parts"]

ROOT = Path(__file__).resolve().parents[2]
KILLED, SEED = 30, 6


def crash(count: int) -> int:
    """How many of so many workers were killed."""
    database = connection.settings_dict
    done = subprocess.run(
        [sys.executable, "-m", "tests.vault.upload_crasher", str(count), str(SEED)],
        cwd=ROOT,
        env=os.environ
        | {
            "HQ_DATABASE_URL": f"postgresql:///{database['NAME']}?host={database['HOST']}",
            "HQ_DATA_DIR": str(settings.DATA_DIR),
        },
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return int(done.stdout.split()[-1])


def let_time_pass(place: Place) -> None:
    """The leases of the dead run out, and whoever waited for their turn has it."""
    with tenant(place.id):
        Job.objects.filter(state="RUNNING").update(lease_until=now() - timedelta(seconds=1))
        Blob.objects.filter(state="PENDING").update(lease_until=now() - timedelta(seconds=1))
    jobs.reap()
    with tenant(place.id):
        Job.objects.filter(state="QUEUED").update(run_at=now())
    run_jobs()


@pytest.mark.usefixtures("small_parts")
def test_of_each_upload_there_is_one_version_wherever_its_worker_was_killed(
    committed_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "AT_ONCE", 0)
    place, actor = committed_place, committed_place.actor()
    files = {f"claims/{number}": content(2 * SMALL + number) for number in range(KILLED + 1)}
    for path, data in files.items():
        upload = begin(actor, data, path)
        send(actor, upload, data)
        actions.complete_upload(actor=actor, upload_id=upload.id)
    connection.close()
    assert crash(KILLED) == KILLED
    let_time_pass(place)
    with tenant(place.id):
        assert set(Upload.objects.values_list("state", flat=True)) == {"DONE"}
        assert ObjectVersion.objects.count() == len(files)
    for path, data in files.items():
        assert get(actor, path) == data
    tasks.sweep()
    let_time_pass(place)
    assert incoming(place) == []
    assert_nothing_is_left_over(place)
