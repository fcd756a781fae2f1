"""Killed at any step, a deployment is not there, and the reaper removes what was begun."""

import os
import pickle
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection

from artifacts.models import Artifact, Deployment
from hq.db.context import tenant
from hq.lib.clock import now
from jobs import actions as jobs
from tests.artifacts.conftest import deploy, make_artifact
from tests.artifacts.crasher import STEPS
from tests.factories import make_place, run_jobs
from tests.vault.support import files
from vault.models import Blob


@pytest.mark.django_db(transaction=True)
def test_a_killed_worker_leaves_what_was_shown_and_nothing_else():
    place = make_place()
    artifact = make_artifact(place)
    kept = deploy(place, artifact).blob_id
    asked = pickle.dumps((place.actor(), artifact.id))
    database = connection.settings_dict
    environment = os.environ | {
        "HQ_DATABASE_URL": f"postgresql:///{database['NAME']}?host={database['HOST']}",
        "HQ_DATA_DIR": str(settings.DATA_DIR),
    }

    for step in STEPS:
        command = [sys.executable, "-m", "tests.artifacts.crasher", step]
        done = subprocess.run(command, input=asked, capture_output=True, check=False, timeout=60, env=environment)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        with tenant(place.id):
            assert [(row.number, row.blob_id) for row in Deployment.objects.all()] == [(1, kept)], step
            assert Artifact.objects.get().current == 1
            Blob.objects.filter(state="PENDING").update(lease_until=now() - timedelta(seconds=1))
            jobs.enqueue("vault.collect_orphans", organization_id=place.id, payload={})
        run_jobs()
        with tenant(place.id):
            assert list(Blob.objects.values_list("id", flat=True)) == [kept], step
        assert len(files(place)) == 1, step
    assert deploy(place, artifact).number == 2
