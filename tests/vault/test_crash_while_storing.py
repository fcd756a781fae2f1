"""Real processes killed at each step of a put: never half an object, and nothing left once the reaper has run."""

import os
import pickle
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import NotFound
from jobs.models import Job
from tests.factories import Place, run_jobs
from tests.vault.crasher import PIECES, STEPS
from tests.vault.support import files, get
from vault import actions, selectors, tasks
from vault.models import Blob
from vault.store import store_for

ROOT = Path(__file__).resolve().parents[2]


def crash(place: Place, step: str, path: str = "claims/a") -> None:
    database = connection.settings_dict
    done = subprocess.run(
        [sys.executable, "-m", "tests.vault.crasher", step, path],
        cwd=ROOT,
        input=pickle.dumps(place.actor()),
        env=os.environ
        | {
            "HQ_DATABASE_URL": f"postgresql:///{database['NAME']}?host={database['HOST']}",
            "HQ_DATA_DIR": str(settings.DATA_DIR),
        },
        stdout=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout


def let_the_leases_end(place: Place) -> None:
    with tenant(place.id):
        Blob.objects.filter(state="PENDING").update(lease_until=now() - timedelta(seconds=1))


def collect() -> None:
    tasks.sweep()
    run_jobs()


def assert_clean(place: Place, versions: int) -> None:
    """A row for each file, a file for each row, and none that no version needs."""
    with tenant(place.id):
        blobs = list(Blob.objects.all())
        assert [blob.state for blob in blobs] == ["STORED"] * versions
    assert sorted(file.name for file in files(place)) == sorted(blob.id.hex for blob in blobs)


@pytest.mark.parametrize("step", STEPS)
def test_a_first_put_killed_at_any_step_shows_nothing_and_leaves_nothing(committed_place: Place, step: str) -> None:
    place = committed_place
    crash(place, step)
    with pytest.raises(NotFound):
        get(place.actor(), "claims/a")
    with tenant(place.id):
        assert selectors.list_objects(place.actor()) == []
    let_the_leases_end(place)
    collect()
    assert_clean(place, 0)


@pytest.mark.parametrize("step", STEPS)
def test_a_put_over_an_object_killed_at_any_step_leaves_the_former_version(committed_place: Place, step: str) -> None:
    place = committed_place
    actions.put_object(actor=place.actor(), path="claims/a", chunks=[b"former"])
    crash(place, step)
    assert get(place.actor(), "claims/a") == b"former"
    let_the_leases_end(place)
    collect()
    assert_clean(place, 1)
    assert get(place.actor(), "claims/a") == b"former"
    made = actions.put_object(actor=place.actor(), path="claims/a", chunks=PIECES)
    assert made.version.number == 2
    assert get(place.actor(), "claims/a") == b"".join(PIECES)


def test_a_live_upload_is_left_alone(committed_place: Place) -> None:
    place = committed_place
    crash(place, "4 in the middle")
    crash(place, "4 in the middle")
    with tenant(place.id):
        lively = Blob.objects.order_by("id").first()
        assert lively is not None
        Blob.objects.exclude(id=lively.id).update(lease_until=now() - timedelta(seconds=1))
    collect()
    assert [file.name for file in files(place)] == [lively.id.hex]


@pytest.mark.parametrize("at", ["before the files", "after the files"])
def test_the_reaper_itself_may_be_stopped_anywhere(
    committed_place: Place, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    place = committed_place
    for _ in range(2):
        crash(place, "7 after the rename")
    let_the_leases_end(place)
    kind = type(store_for("embedded"))
    delete = kind.delete

    def stopped(self: object, bucket: str, key: str) -> None:
        if at == "after the files":
            delete(self, bucket, key)  # type: ignore[arg-type]  # the unbound method
        raise ConnectionError

    monkeypatch.setattr(kind, "delete", stopped)
    collect()
    monkeypatch.undo()
    with tenant(place.id):
        assert Blob.objects.filter(state="DOOMED").count() == 2
        Job.objects.filter(kind="vault.collect_orphans").update(run_at=now())
    run_jobs()
    assert_clean(place, 0)


def test_a_draft_that_has_no_row_is_removed_too(committed_place: Place) -> None:
    place = committed_place
    crash(place, "4 in the middle")
    with tenant(place.id):
        row = Blob.objects.get()
        folder = Path(settings.DATA_DIR) / "objects" / row.bucket.name / "unfinished"
    # As a writer leaves it that was stopped for a whole lease between its row and its file, then killed.
    (folder / ("0" * 32)).write_bytes(b"sealed")
    let_the_leases_end(place)
    collect()
    assert files(place) == []


def test_the_sweep_makes_one_job_for_each_organization_that_needs_one(committed_place: Place) -> None:
    place = committed_place
    tasks.sweep()
    with tenant(place.id):
        assert not Job.objects.filter(kind="vault.collect_orphans").exists()
    crash(place, "2 row is there")
    let_the_leases_end(place)
    tasks.sweep()
    tasks.sweep()
    with tenant(place.id):
        assert Job.objects.filter(kind="vault.collect_orphans").count() == 1
