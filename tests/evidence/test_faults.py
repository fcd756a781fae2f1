"""Killed anywhere, at once, and in the wrong order: what was signed always fits together."""

import os
import pickle
import subprocess
import sys
from itertools import count, pairwise
from threading import Barrier, Thread

import pytest
from django.conf import settings
from django.db import connection

from audit.selectors import consistency, tree_of
from evidence.actions.checkpoints import make_checkpoints
from evidence.models import Checkpoint, Incident
from hq.crypto.merkle import check_consistency
from hq.db.context import tenant
from tests.evidence.support import ADMIN, act, checked, make
from tests.factories import make_place

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """As if the process ended here."""


@pytest.fixture
def place():
    place = make_place()
    act(place, 3)
    return place


def require_all_fit(place):
    """Each checkpoint goes on from the one before it, and the log from the last."""
    with tenant(place.id):
        rows = list(Checkpoint.objects.filter(log="admin").order_by("size"))
        tree = tree_of(place.id, place.live_id, ADMIN)
        heads = [(row.size, bytes(row.root)) for row in rows] + [(tree.size, tree.root)]
        for (old, before), (new, after) in pairwise(heads):
            check_consistency(old, new, before, after, consistency(place.id, place.live_id, ADMIN, old, new))
        assert not Incident.objects.exists()
    for row in rows:
        assert (checked(row.note, place).size, checked(row.note, place).root) == (row.size, bytes(row.root))
    return rows


def test_ended_before_any_statement_it_has_signed_nothing_or_kept_it(place):
    make(place)
    for point in count(1):
        act(place)
        left = [point]

        def end(execute, *statement, left=left):
            left[0] -= 1
            if not left[0]:
                raise Killed
            return execute(*statement)

        with connection.execute_wrapper(end):
            try:
                make_checkpoints(place.id, place.live_id)
            except Killed:
                connection.close()
            else:
                break
    assert point > 10
    rows = require_all_fit(place)
    with tenant(place.id):
        assert rows[-1].size == tree_of(place.id, place.live_id, ADMIN).size == rows[0].size + point


def test_killed_at_random_it_goes_on_as_before(place):
    database = connection.settings_dict
    environment = os.environ | {
        "HQ_DATABASE_URL": f"postgresql:///{database['NAME']}?host={database['HOST']}",
        "HQ_DATA_DIR": str(settings.DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "hq.settings",
    }
    times = int(os.environ.get("HQ_KILLS", "20"))
    command = [sys.executable, "-m", "tests.evidence.crasher", str(times), "7"]
    asked = pickle.dumps(place.actor())
    done = subprocess.run(command, input=asked, capture_output=True, check=False, timeout=280, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    act(place)
    make_checkpoints(place.id, place.live_id)
    assert len(require_all_fit(place)) > times


def test_several_at_once_take_turns(place):
    start, made = Barrier(4), []

    def work():
        start.wait()
        for _ in range(4):
            act(place)
            made.append(make(place).size)
        connection.close()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 16
    assert require_all_fit(place)[-1].size == max(made)
