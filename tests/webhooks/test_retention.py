"""What was sent is forgotten after 30 days; without the organization's key nothing is sent, but kept for a while."""

from datetime import timedelta

import pytest

from hq.db import sealing
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from keys import rings
from tests.factories import Place, make_place, run_jobs
from tests.webhooks.support import Receiver, again, attempts, deliveries, hook, send_all, try_again
from webhooks.actions import retention, send_test
from webhooks.models import Attempt, Delivery, Message
from webhooks.tasks import sweep

pytestmark = pytest.mark.django_db


def age(place: Place, days: float) -> None:
    """Everything that was sent so far, as if it were of long ago."""
    with tenant(place.id):
        at = now() - timedelta(days=days)
        Message.objects.update(at=at)
        Delivery.objects.update(at=at)


def left(place: Place) -> tuple[int, int, int]:
    with tenant(place.id):
        return Message.objects.count(), Delivery.objects.count(), Attempt.objects.count()


@pytest.mark.parametrize("batch", [1, 500])
def test_after_30_days_nothing_of_it_is_left(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(retention, "BATCH", batch)
    hook(place, receiver.url)
    hook(place, receiver.url)
    send_all()
    age(place, 30.1)
    hook(place, receiver.url, "webhook:created")
    other = make_place()
    hook(other, receiver.url)
    send_all()
    sweep()
    run_jobs()
    assert left(place) == (1, 3, 3)
    assert left(other) == (1, 1, 1)


def test_for_30_days_all_of_it_is_kept(place: Place, receiver: Receiver) -> None:
    hook(place, receiver.url)
    send_all()
    age(place, 29.9)
    sweep()
    run_jobs()
    assert left(place) == (1, 1, 1)


def test_without_the_key_it_waits_and_counts_no_try(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook(place, receiver.url)
    with monkeypatch.context() as patched:
        rings.forget()
        patched.setattr(sealing, "_source", sealing._NoSource())
        send_all()
        [delivery] = deliveries(place)
        assert (delivery.state, delivery.attempts, receiver.got) == ("PENDING", 0, [])
        with tenant(place.id):
            job = Job.objects.get(kind="webhooks.deliver")
        assert (job.state, job.attempts) == ("QUEUED", 0)
        assert timedelta(minutes=4) < job.run_at - now() <= timedelta(minutes=5)
    assert try_again(delivery).state == "DELIVERED"


def test_without_the_key_a_test_waits_too(place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    made = hook(place, receiver.url, "share:created")
    with tenant(place.id):
        delivery = send_test(actor=place.actor(), endpoint_id=made.endpoint.id)
    with monkeypatch.context() as patched:
        rings.forget()
        patched.setattr(sealing, "_source", sealing._NoSource())
        send_all()
        with tenant(place.id):
            job = Job.objects.get(kind="webhooks.send_once")
        assert (again(delivery).state, job.state, job.attempts) == ("PENDING", "QUEUED", 0)
        with tenant(place.id):
            Job.objects.filter(pk=job.pk).update(run_at=now())
    send_all()
    assert again(delivery).state == "DELIVERED"


def test_without_the_key_for_days_it_is_given_up(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook(place, receiver.url)
    age(place, 3.1)
    with monkeypatch.context() as patched:
        rings.forget()
        patched.setattr(sealing, "_source", sealing._NoSource())
        send_all()
    [delivery] = deliveries(place)
    assert (again(delivery).state, attempts(delivery)) == ("FAILED", [])
