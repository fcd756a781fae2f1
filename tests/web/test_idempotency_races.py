"""The same key at once, and processes that die on the way: the act is there once, and so is its answer."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from time import monotonic

import pytest
from django.conf import settings
from django.db import connection, transaction

from hq.db.context import tenant
from sharing import selectors as shares
from tenants.models import Group
from tests.web.crasher import STEPS
from tests.web.idempotent import Room, new_key
from vault import actions as vault

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
SHARE = {"paths": ["a/b"]}


@pytest.fixture
def room():
    """Links are made in it: nothing but the key keeps two of them from being there."""
    room = Room()
    vault.put_object(actor=room.place.actor(), path="a/b", chunks=[b"content"])
    return room


def url(room):
    return f"/v1/environments/{room.place.live_id}/shares"


def share(room, key):
    try:
        return room.post(url(room), SHARE, key)
    finally:
        connection.close()


def count(room):
    with tenant(room.place.id):
        return len(shares.list_shares(room.place.actor(), limit=50))


def test_of_twenty_at_once_one_is_done(room):
    key, together = new_key(), Barrier(20)

    def send(_):
        together.wait()
        return share(room, key)

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(send, range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert [answer.status_code for answer in answers if "Idempotency-Replayed" not in answer].count(201) == 1
    assert (count(room), len(room.answers)) == (1, 1)
    assert share(room, key)["Idempotency-Replayed"] == "true"


def wait_for_a_lock():
    """Until some connection waits for a lock."""
    deadline = monotonic() + 20
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            assert monotonic() < deadline, "nobody waits"


def test_while_it_is_being_done_the_same_key_is_told_to_come_back(room):
    key = new_key()

    def make_group():
        try:
            return room.make_group("Readers", key)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        with tenant(room.place.id):
            # A group of this name that is not there yet, and never will be: the first stops before it can know.
            Group.objects.create(organization_id=room.place.id, name="Readers")
            first = threads.submit(make_group)
            wait_for_a_lock()
            second = threads.submit(make_group).result(timeout=20)
            transaction.set_rollback(True)
        assert (second.status_code, second["Retry-After"]) == (409, "1")
        assert json.loads(second.content)["type"].endswith("/problems/request-in-flight")
        assert first.result().status_code == 201
    assert make_group()["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("step", STEPS)
def test_a_process_that_dies_leaves_the_act_and_its_answer_or_neither(room, step):
    key, database = new_key(), connection.settings_dict
    headers = {"authorization": f"Bearer {room.secret}", "idempotency-key": key, "host": "localhost"}
    dead = subprocess.run(
        [sys.executable, "-m", "tests.web.crasher", step],
        cwd=ROOT,
        input=json.dumps({"url": url(room), "body": json.dumps(SHARE), "headers": headers}).encode(),
        env=os.environ
        | {
            "HQ_DATABASE_URL": f"postgresql:///{database['NAME']}?host={database['HOST']}",
            "HQ_DATA_DIR": str(settings.DATA_DIR),
        },
        stdout=subprocess.PIPE,
        check=False,
    )
    assert dead.returncode == -signal.SIGKILL, dead.stdout
    committed = step == STEPS[2]
    answer, deadline = share(room, key), monotonic() + 20
    while answer.status_code == 409 and monotonic() < deadline:  # until the database has seen that nobody is there
        answer = share(room, key)
    assert (answer.status_code, "Idempotency-Replayed" in answer) == (201, committed)
    assert (count(room), len(room.answers)) == (1, 1)
