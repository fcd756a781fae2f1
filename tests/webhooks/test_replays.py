"""Sending again by hand, and trying out: once, under the same id, and without a word about health."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from audit.models import AuditEvent
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Invalid, NotFound
from jobs import actions as jobs
from jobs.models import Job
from tests.factories import Place, make_place, run_jobs
from tests.webhooks import verifiers
from tests.webhooks.support import (
    Receiver,
    again,
    attempts,
    deliveries,
    endpoint_of,
    hook,
    make_due,
    send_all,
    try_again,
)
from webhooks import actions
from webhooks.actions import Made
from webhooks.actions import replays as room
from webhooks.actions.replays import AlreadyReplaying
from webhooks.models import Delivery, Message

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(place: Place, receiver: Receiver) -> Made:
    return hook(place, receiver.url)


def replay(place: Place, made: Made, delivery: Delivery) -> Delivery:
    with tenant(place.id):
        return actions.replay_delivery(actor=place.actor(), endpoint_id=made.endpoint.id, delivery_id=delivery.id)


def switch_off(place: Place, made: Made) -> None:
    with tenant(place.id):
        actions.disable_endpoint(actor=place.actor(), endpoint_id=made.endpoint.id)


def health(made: Made) -> Any:
    endpoint = endpoint_of(made)
    return (endpoint.state, endpoint.failing_since, endpoint.delivered_at, endpoint.warned_at)


def test_it_is_the_same_message_signed_with_the_secret_of_now(place: Place, made: Made, receiver: Receiver) -> None:
    send_all()
    [delivery] = deliveries(place)
    with tenant(place.id):
        renewed = actions.rotate_secret(actor=place.actor(), endpoint_id=made.endpoint.id, grace_hours=0)
    replay(place, made, delivery)
    send_all()
    first, second = (each for each in receiver.got if each.headers["webhook-id"] == str(delivery.message_id))
    assert first.body == second.body
    assert verifiers.python(made.secret, first) == verifiers.python(renewed.secret, second)
    assert [(attempt.number, attempt.replay) for attempt in attempts(delivery)] == [(1, False), (2, True)]


def test_one_attempt_and_no_more(place: Place, made: Made, receiver: Receiver) -> None:
    send_all()
    receiver.then = (500, {}, b"")
    switch_off(place, made)
    before = health(made)
    [delivery] = [each for each in deliveries(place) if each.state == "DELIVERED"]
    replay(place, made, delivery)
    send_all()
    try_again(delivery, 3)
    assert len([each for each in receiver.got if each.headers["webhook-id"] == str(delivery.message_id)]) == 2
    assert again(delivery).state == "DELIVERED"
    assert health(made) == before


@pytest.mark.parametrize("status", [410, 500])
def test_it_works_on_one_that_is_off_and_leaves_it_off(
    place: Place, made: Made, receiver: Receiver, status: int
) -> None:
    switch_off(place, made)
    [delivery] = [each for each in deliveries(place) if each.tag == "webhook:created"]
    assert delivery.state == "CANCELLED"
    before = health(made)
    receiver.answer(status)
    replay(place, made, delivery)
    send_all()
    assert (again(delivery).state, health(made)) == ("CANCELLED", before)
    replay(place, made, delivery)
    send_all()
    assert (again(delivery).state, health(made)) == ("DELIVERED", before)


def test_what_arrives_by_hand_is_not_tried_any_more(place: Place, receiver: Receiver) -> None:
    quiet = hook(place, receiver.url, "webhook:created")
    receiver.answer(500)
    send_all()
    [delivery] = deliveries(place)
    failing = health(quiet)
    replay(place, quiet, delivery)
    send_all()
    assert (again(delivery).state, health(quiet)) == ("DELIVERED", failing)
    make_due(delivery)
    send_all()
    assert len(receiver.got) == len(attempts(delivery)) == 2


def test_twice_asked_before_it_went_out_is_sent_once(place: Place, made: Made, receiver: Receiver) -> None:
    send_all()
    [delivery] = deliveries(place)
    for _ in range(2):
        replay(place, made, delivery)
    send_all()
    assert len(attempts(delivery)) == 2


def test_the_trail_says_who_sent_it_again(place: Place, made: Made) -> None:
    [delivery] = deliveries(place)
    replay(place, made, delivery)
    with tenant(place.id):
        event = AuditEvent.objects.get(tag="webhook:replayed")
    assert event.detail["after"] == {"delivery": str(delivery.id), "tag": "webhook:created"}
    assert event.target_id == str(made.endpoint.id)


def test_another_tenants_delivery_is_not_there(place: Place, made: Made, receiver: Receiver) -> None:
    stranger = make_place()
    theirs = hook(stranger, receiver.url)
    other = hook(place, receiver.url)
    [mine], [foreign] = deliveries(place, made)[:1], deliveries(stranger)
    with tenant(place.id):
        for endpoint_id, delivery_id in (
            (theirs.endpoint.id, foreign.id),
            (made.endpoint.id, foreign.id),
            (other.endpoint.id, mine.id),
        ):
            with pytest.raises(NotFound):
                actions.replay_delivery(actor=place.actor(), endpoint_id=endpoint_id, delivery_id=delivery_id)
        with pytest.raises(NotFound):
            actions.send_test(actor=place.actor(environment_id=place.test_id), endpoint_id=made.endpoint.id)


# ---- a range


def replay_range(place: Place, made: Made, *, failed_only: bool = False, **named: Any) -> Job:
    asked = {"since": now() - timedelta(days=1), "until": now() + timedelta(seconds=1)} | named
    with tenant(place.id):
        return actions.replay_range(actor=place.actor(), endpoint_id=made.endpoint.id, failed_only=failed_only, **asked)


@pytest.fixture
def five(place: Place, made: Made, receiver: Receiver) -> list[Delivery]:
    """Five that were sent: three arrived, two did not."""
    with tenant(place.id):
        first = Delivery.objects.select_related("message").get()
        for number in range(4):
            message = Message.objects.create(
                organization_id=place.id,
                environment_id=place.live_id,
                event_id=first.message.event_id,
                tag="key:rotated",
                body=f'{{"n":{number}}}',
            )
            Delivery.objects.create(
                organization_id=place.id, endpoint_id=made.endpoint.id, message=message, tag="key:rotated"
            )
        Delivery.objects.update(state="DELIVERED", finished_at=now())
        bad = list(Delivery.objects.order_by("-pk").values_list("pk", flat=True)[:2])
        Delivery.objects.filter(pk__in=bad).update(state="FAILED")
        return list(Delivery.objects.order_by("pk"))


def sent_again(five: list[Delivery]) -> list[int]:
    return [len(attempts(delivery)) for delivery in five]


@pytest.mark.parametrize(("failed_only", "sent"), [(False, [1, 1, 1, 1, 1]), (True, [0, 0, 0, 1, 1])])
@pytest.mark.parametrize("batch", [2, 100])
def test_a_range_is_sent_again_in_batches(
    place: Place,
    made: Made,
    five: list[Delivery],
    monkeypatch: pytest.MonkeyPatch,
    *,
    batch: int,
    failed_only: bool,
    sent: list[int],
) -> None:
    monkeypatch.setattr(room, "BATCH", batch)
    job = replay_range(place, made, failed_only=failed_only)
    run_jobs()
    send_all()
    assert sent_again(five) == sent
    done = again(job)
    assert (done.state, done.result, done.done, done.total) == ("DONE", {"replayed": sum(sent)}, sum(sent), sum(sent))


def test_it_takes_only_what_happened_within(place: Place, made: Made, five: list[Delivery]) -> None:
    with tenant(place.id):
        for hours, delivery in enumerate(reversed(five)):
            Delivery.objects.filter(pk=delivery.pk).update(at=now() - timedelta(hours=hours))
    replay_range(place, made, since=now() - timedelta(hours=3, minutes=1), until=now() - timedelta(minutes=30))
    run_jobs()
    send_all()
    assert sent_again(five) == [0, 1, 1, 1, 0]


def test_whoever_takes_it_over_goes_on_where_it_was(
    place: Place, made: Made, five: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first worker is lost after the first batch."""
    monkeypatch.setattr(room, "BATCH", 2)
    replay_range(place, made)
    put_in, real = [], room._send_again

    def send_again(delivery: Delivery, endpoint: Any) -> None:
        put_in.append(delivery.id)
        if len(put_in) == 4:
            raise ZeroDivisionError
        real(delivery, endpoint)

    monkeypatch.setattr(room, "_send_again", send_again)
    monkeypatch.setattr("jobs.actions.BACKOFF_BASE", timedelta())
    run_jobs()
    ids = [delivery.id for delivery in five]
    assert put_in == [*ids[:4], *ids[2:]]
    send_all()
    assert sent_again(five) == [1, 1, 1, 1, 1]


def test_a_long_range_lets_others_pass(
    place: Place, made: Made, five: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "BATCH", 1)
    monkeypatch.setattr(room, "BATCHES", 2)
    job = replay_range(place, made)
    assert jobs.run_one("w")
    halted = again(job)
    assert (halted.state, halted.attempts, halted.done, halted.total) == ("QUEUED", 0, 2, 5)
    run_jobs()
    send_all()
    assert again(job).result == {"replayed": 5}
    assert sent_again(five) == [1, 1, 1, 1, 1]


def test_one_range_at_a_time(place: Place, made: Made) -> None:
    replay_range(place, made)
    with pytest.raises(AlreadyReplaying):
        replay_range(place, made)


def test_a_range_ends_after_it_begins(place: Place, made: Made) -> None:
    with pytest.raises(Invalid):
        replay_range(place, made, until=now() - timedelta(days=1))


# ---- a test


def send_test(place: Place, made: Made) -> Delivery:
    with tenant(place.id):
        return actions.send_test(actor=place.actor(), endpoint_id=made.endpoint.id)


def test_a_test_goes_to_that_one_alone(place: Place, receiver: Receiver) -> None:
    one, other = hook(place, receiver.url, "key:rotated"), hook(place, receiver.url, "*")
    delivery = send_test(place, one)
    assert delivery.tag == "webhook:tested"
    assert [each.tag for each in deliveries(place, other)] == ["webhook:created"]
    send_all()
    assert again(delivery).state == "DELIVERED"
    [document] = [
        verified
        for message in receiver.got
        if message.headers["webhook-id"] == str(delivery.message_id)
        for verified in verifiers.javascript(one.secret, message)
    ]
    assert document["type"] == "webhook:tested"


def test_a_test_is_sent_once_to_one_that_is_off_too(place: Place, made: Made, receiver: Receiver) -> None:
    receiver.then = (500, {}, b"")
    switch_off(place, made)
    before = health(made)
    delivery = send_test(place, made)
    send_all()
    assert try_again(delivery, 2).state == "FAILED"
    assert len(receiver.got) == len(attempts(delivery)) == 1
    assert health(made) == before


def test_a_test_of_another_tenants_is_not_there(place: Place, made: Made) -> None:
    stranger = make_place()
    with tenant(stranger.id), pytest.raises(NotFound):
        actions.send_test(actor=stranger.actor(), endpoint_id=UUID(str(made.endpoint.id)))
