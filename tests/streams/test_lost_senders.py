"""Senders that are killed anywhere, or race: nothing is lost, the order holds, twice is only what is a whole batch."""

import os
import random
import subprocess
import sys
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection

from hq.db.context import tenant
from jobs import actions as jobs
from jobs.models import Job
from streams import actions
from streams.actions import sending
from streams.tasks import sweep
from tests.crashing import ROOT, own_database
from tests.factories import Place, run_jobs
from tests.jobs.support import until
from tests.streams.support import NETWORK, Siem, length, make_events, position_of, send_all, stream_to

pytestmark = pytest.mark.django_db(transaction=True)

# One process for all kills: it forks a sender for each line it reads, and kills that after so many seconds.
NURSERY = """
import os, signal, sys, time
import django
django.setup()
from datetime import timedelta
from ipaddress import ip_network
from django.conf import settings
from django.db import connection
from jobs import actions
from streams.actions import sending
settings.OUTBOUND_NETWORKS = [ip_network("127.0.0.0/8")]
sending.ENTRIES = 2
for line in sys.stdin:
    connection.close()
    child = os.fork()
    if not child:
        while actions.run_one("to be lost", lease=timedelta(seconds=0.1), lane="network"):
            pass
        os._exit(0)
    time.sleep(float(line))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", flush=True)
"""
# By hand HQ_KILLS=200, for as many as the trail promises to survive.
KILLS = int(os.environ.get("HQ_KILLS", "20"))


def in_order(siem: Siem, last: int) -> None:
    """No batch begins further than behind the one before it, and one that begins at the same place is the same."""
    ends, position = dict[tuple[int, str], int](), 0
    for headers in siem.headers:
        first, end = int(headers["hq-first"]), int(headers["hq-last"])
        assert first <= position + 1
        assert ends.setdefault((first, headers["webhook-id"].rpartition("_")[2]), end) == end
        position = max(position, end)
    assert position == last
    assert sorted(set(siem.indexes)) == list(range(1, last + 1))


def test_killed_at_random_points_nothing_is_lost(place: Place, siem: Siem) -> None:
    made = stream_to(place, siem.url)
    make_events(place, 40)
    chance = random.Random(7)
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        cwd=ROOT,
        env=own_database(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as nursery:
        assert nursery.stdin
        assert nursery.stdout
        amid = 0
        for _ in range(KILLS):
            make_events(place, 2)  # so that there is something to be killed at, to the last
            sweep()
            with tenant(place.id):
                Job.objects.filter(kind=actions.SEND, state="QUEUED").update(run_at="2020-01-01T00:00:00Z", attempts=0)
            nursery.stdin.write(f"{chance.uniform(0.01, 0.15)}\n")
            nursery.stdin.flush()
            assert nursery.stdout.readline() == "killed\n"
            amid += _running(place)
            until(lambda: bool(jobs.reap()) or not _running(place))
        nursery.stdin.close()
    assert amid > KILLS / 4
    until(lambda: _sent(place, made))
    in_order(siem, length(place))


def _running(place: Place) -> bool:
    with tenant(place.id):
        return Job.objects.filter(kind=actions.SEND, state="RUNNING").exists()


def _sent(place: Place, made: actions.Made) -> bool:
    jobs.reap()
    sweep()
    with tenant(place.id):
        Job.objects.filter(kind=actions.SEND, state="QUEUED").update(run_at="2020-01-01T00:00:00Z")
    run_jobs(NETWORK)
    return position_of(made).acknowledged == length(place)


def test_two_senders_at_once_keep_the_order(place: Place, siem: Siem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "ENTRIES", 3)
    made = stream_to(place, siem.url)
    make_events(place, 20)
    together = Barrier(2)

    def work() -> None:
        try:
            together.wait(20)
            send_all()
        finally:
            connection.close()

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    send_all()
    assert siem.indexes == list(range(1, length(place) + 1))
    assert position_of(made).acknowledged == length(place)


def test_one_that_goes_on_after_its_lease_moves_nothing(
    place: Place, siem: Siem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was stopped while it sent; meanwhile another sent the same batch, and somebody began again from the start."""
    monkeypatch.setattr(jobs, "BACKOFF_BASE", jobs.BACKOFF_BASE * 0)
    made = stream_to(place, siem.url)
    real = sending._note

    def note(*given: Any) -> bool:
        monkeypatch.setattr(sending, "_note", real)
        with tenant(place.id):
            Job.objects.filter(kind=actions.SEND).update(lease_until="2020-01-01T00:00:00Z")
        assert jobs.reap() == 1
        run_jobs(NETWORK)
        with tenant(place.id):
            actions.replay_stream(actor=place.actor(), stream_id=made.stream.id, log="admin", index=1)
        return real(*given)

    monkeypatch.setattr(sending, "_note", note)
    send_all()
    assert position_of(made).acknowledged == 0 or siem.indexes.count(1) == 3
    send_all()
    assert position_of(made).acknowledged == length(place)
    in_order(siem, length(place))
