"""Real processes killed at each step of bringing files under a new key: nothing unreadable, nothing left over."""

import os
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
from tests.factories import Place, run_jobs
from tests.vault.reseal_crasher import STEPS
from tests.vault.support import assert_nothing_is_left_over, get, new_content_key, reseal
from vault import actions, tasks
from vault.actions import StoredFiles
from vault.models import Blob

ROOT = Path(__file__).resolve().parents[2]
FIRST, SECOND = b"first " * 50_000, b"second" * 50_000


def crash(place: Place, step: str, version: int) -> None:
    database = connection.settings_dict
    done = subprocess.run(
        [sys.executable, "-m", "tests.vault.reseal_crasher", step, str(place.id), str(version)],
        cwd=ROOT,
        env=os.environ
        | {
            "HQ_DATABASE_URL": f"postgresql:///{database['NAME']}?host={database['HOST']}",
            "HQ_DATA_DIR": str(settings.DATA_DIR),
        },
        stdout=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout


def assert_readable(place: Place) -> None:
    actor = place.actor()
    assert [get(actor, "a", number) for number in (1, 2, 3)] == [FIRST, SECOND, FIRST]
    assert get(actor, "a") == FIRST


def collect(place: Place) -> None:
    with tenant(place.id):
        Blob.objects.filter(state="PENDING").update(lease_until=now() - timedelta(seconds=1))
    tasks.sweep()
    run_jobs()


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_every_version_reads_and_nothing_is_left(committed_place: Place, step: str) -> None:
    place = committed_place
    for content in (FIRST, SECOND):
        actions.put_object(actor=place.actor(), path="a", chunks=[content])
    actions.restore_object(actor=place.actor(), path="a", version=1)
    version = new_content_key(place)
    crash(place, step, version)
    assert_readable(place)
    collect(place)
    assert_readable(place)
    assert_nothing_is_left_over(place)
    reseal(place, version)
    with tenant(place.id):
        assert StoredFiles().left(place.id, version) == 0
    assert_readable(place)
    assert_nothing_is_left_over(place)


def test_killed_again_and_again_it_still_gets_done(committed_place: Place) -> None:
    place = committed_place
    for number in range(3):
        actions.put_object(actor=place.actor(), path=str(number), chunks=[FIRST])
    version = new_content_key(place)
    rounds = 0
    with tenant(place.id):
        remaining = StoredFiles().left(place.id, version)
    while remaining:
        crash(place, "place: committed", version)
        with tenant(place.id):
            now_left = StoredFiles().left(place.id, version)
        assert now_left == remaining - 1
        remaining, rounds = now_left, rounds + 1
    assert rounds == 3
    collect(place)
    assert [get(place.actor(), str(number)) for number in range(3)] == [FIRST] * 3
    assert_nothing_is_left_over(place)
