"""Workers that are lost or race, and receivers that are slow: each message arrives, and holds up no other."""

import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from hq.db.context import tenant
from jobs import actions as jobs
from jobs.models import Job
from tests.crashing import ROOT, own_database
from tests.factories import Place, make_place
from tests.jobs.support import until
from tests.webhooks.support import NETWORK, Receiver, again, attempts, deliveries, hook, send_all
from webhooks import actions
from webhooks.actions import deliveries as trying
from webhooks.actions import sending

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = """
import django
django.setup()
from datetime import timedelta
from ipaddress import ip_network
from django.conf import settings
from jobs import actions
settings.OUTBOUND_NETWORKS = [ip_network("127.0.0.0/8")]
actions.run_one("to be lost", lease=timedelta(seconds=0.2), lane="network")
"""


def ids(receiver: Receiver) -> Counter[str]:
    return Counter(message.headers["webhook-id"] for message in receiver.got)


def test_a_worker_lost_between_sending_and_noting_sends_it_again_under_its_id(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BACKOFF_BASE", timedelta(milliseconds=1))
    hook(place, receiver.url)
    receiver.open.clear()
    with subprocess.Popen([sys.executable, "-c", WORKER], cwd=ROOT, env=own_database()) as worker:
        until(lambda: len(receiver.got) == 1 or worker.poll() is not None)
        worker.kill()
    receiver.open.set()
    [delivery] = deliveries(place)
    assert (delivery.state, attempts(delivery)) == ("PENDING", [])
    until(lambda: bool(jobs.reap() or jobs.run_one("w", lane=NETWORK)) and again(delivery).state == "DELIVERED")
    assert ids(receiver) == {str(delivery.message_id): 2}
    assert receiver.got[0].body == receiver.got[1].body
    assert len(attempts(delivery)) == again(delivery).attempts == 1


def test_one_that_goes_on_after_its_lease_notes_nothing(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was stopped for longer than its lease while it sent; meanwhile another has sent it too."""
    monkeypatch.setattr(jobs, "BACKOFF_BASE", timedelta())
    hook(place, receiver.url)
    real = sending.send

    def send(letter: Any) -> Any:
        outcome = real(letter)
        if len(receiver.got) == 1:
            with tenant(place.id):
                Job.objects.filter(kind="webhooks.deliver").update(lease_until=again(place.organization).created_at)
            assert jobs.reap() == 1
            assert jobs.run_one("another", lane=NETWORK)
        return outcome

    monkeypatch.setattr(trying, "send", send)
    send_all()
    [delivery] = deliveries(place)
    assert (delivery.state, delivery.attempts, len(receiver.got)) == ("DELIVERED", 1, 2)


def in_threads(count: int, work: Any) -> None:
    def body() -> None:
        try:
            work()
        finally:
            connection.close()

    threads = [Thread(target=body) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_workers_send_each_once(place: Place, receiver: Receiver) -> None:
    for _ in range(6):
        hook(place, receiver.url, "webhook:created", "webhook:tested")
    together = Barrier(2)

    def work() -> None:
        together.wait()
        send_all()

    in_threads(2, work)
    rows = deliveries(place)
    assert {row.state for row in rows} == {"DELIVERED"}
    assert ids(receiver) == Counter(str(row.message_id) for row in rows)
    assert len(rows) == 21


def test_slow_receivers_of_one_organization_leave_threads_for_another(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ring", lambda lane: None)
    other = make_place()
    made = [hook(place, receiver.url, "webhook:created") for _ in range(4)]
    receiver.open.clear()
    assert len(deliveries(place)) == 10
    began = time.monotonic()
    slow = [Thread(target=_worker) for _ in range(6)]
    for thread in slow:
        thread.start()
    until(lambda: _waiting(place.id) == 6 and len(receiver.got) >= 4)
    assert len(receiver.got) == 4
    quick = hook(other, "https://127.0.0.1:1/")
    in_threads(1, send_all)
    [theirs] = deliveries(other, quick)
    assert theirs.attempts == 1
    receiver.open.set()
    for thread in slow:
        thread.join()
    send_all()
    assert {row.state for each in made for row in deliveries(place, each)} == {"DELIVERED"}
    assert time.monotonic() - began < 60


def _worker() -> None:
    try:
        send_all()
    finally:
        connection.close()


def _waiting(organization_id: UUID) -> int:
    with tenant(organization_id):
        return Job.objects.filter(kind="webhooks.deliver", message=jobs.WAITING).count()


def test_removing_one_while_events_happen_waits_for_nobody_for_ever(place: Place, receiver: Receiver) -> None:
    """Whoever records an event for it holds the chain, and whoever removes it the row: neither waits for the other."""
    together = Barrier(2)
    faults: list[BaseException] = []

    def remove() -> None:
        for made in ours:
            together.wait(30)
            with tenant(place.id):
                actions.remove_endpoint(actor=place.actor(), endpoint_id=made.endpoint.id)

    def happen() -> None:
        for _ in ours:
            together.wait(30)
            hook(place, receiver.url, "key:rotated")

    def noting(work: Any) -> None:
        try:
            work()
        except BaseException as fault:  # noqa: BLE001 - shown to the test, which is another thread
            faults.append(fault)
            together.abort()
        finally:
            connection.close()

    ours = [hook(place, receiver.url) for _ in range(8)]
    threads = [Thread(target=noting, args=[work]) for work in (remove, happen)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
