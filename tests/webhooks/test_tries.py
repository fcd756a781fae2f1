"""How long something is tried, what a receiver may ask for, and what becomes of one that takes nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from django.core import mail

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from tests.factories import Place, make_member
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
from webhooks.actions import Made, sending
from webhooks.actions import deliveries as trying
from webhooks.actions.events import note_event
from webhooks.models import Delivery, Endpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made(place: Place, receiver: Receiver) -> Made:
    """One that hears only of files; the tests say when."""
    return hook(place, receiver.url, "key:rotated")


def happen(place: Place, made: Made) -> Delivery:
    """Something that the webhook asked for."""
    with tenant(place.id):
        event = AuditEvent.objects.filter(tag="webhook:created").order_by("-pk")[0]
        event.tag = "key:rotated"
        note_event(event, {})
    return deliveries(place, made)[-1]


def told_by_mail() -> list[str]:
    return [str(message.subject) for message in mail.outbox]


def switchings(place: Place) -> list[Any]:
    with tenant(place.id):
        events = AuditEvent.objects.filter(tag="webhook:disabled").order_by("pk")
        return [(event.actor_kind, event.detail["after"]) for event in events]


def pass_time(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A clock for the tries, to be moved on."""
    clock = {"now": now()}
    monkeypatch.setattr(trying, "now", lambda: clock["now"])
    return clock


def test_ten_tries_within_about_75_hours(
    place: Place, made: Made, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = pass_time(monkeypatch)
    began = clock["now"]
    receiver.then = (500, {}, b"")
    delivery = happen(place, made)
    waits = []
    while (delivery := try_again(delivery)).state == "PENDING":
        assert delivery.next_at is not None
        waits.append((delivery.next_at - clock["now"]).total_seconds())
        clock["now"] = delivery.next_at
    assert (delivery.state, len(receiver.got), delivery.next_at) == ("FAILED", 10, None)
    hours = [5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24]
    assert all(0.9 <= wait / 3600 / wanted <= 1.1 for wait, wanted in zip(waits, hours, strict=True))
    assert timedelta(hours=67) < clock["now"] - began < timedelta(hours=84)


def test_no_two_wait_for_as_long() -> None:
    assert len({trying.next_at(4, timedelta()) - now() for _ in range(20)}) > 1
    assert {round((trying.next_at(9, timedelta()) - now()).total_seconds() / 86400, 3) for _ in range(50)} != {1.0}


@pytest.fixture
def asked_to_wait(
    place: Place, made: Made, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int, str], float]:
    """How many seconds it waits, where it would be five; however long the test takes."""
    clock = pass_time(monkeypatch)

    def ask(status: int, after: str) -> float:
        receiver.answer(status, Retry_After=after)
        delivery = try_again(happen(place, made))
        assert delivery.next_at is not None
        return float((delivery.next_at - clock["now"]).total_seconds())

    return ask


@pytest.mark.parametrize(
    ("status", "after", "least", "most"),
    [
        (429, "3600", 3590, 3600),
        (503, "3600", 3590, 3600),
        (429, "1", 3, 5.5),  # it cannot hurry us
        (429, "999999999999", 86390, 86400),  # a day at most
        (500, "3600", 3, 5.5),
        (429, "soon", 3, 5.5),
        (429, "-5", 3, 5.5),
        (429, "", 3, 5.5),
    ],
)
def test_a_busy_receiver_can_only_put_it_off(
    asked_to_wait: Callable[[int, str], float], status: int, after: str, least: float, most: float
) -> None:
    assert least <= asked_to_wait(status, after) <= most


@pytest.mark.parametrize(
    ("moment", "least", "most"),
    [
        (timedelta(hours=2), 7190, 7200),
        (timedelta(days=400), 86390, 86400),
        (timedelta(hours=-2), 3, 5.5),
    ],
)
def test_it_may_name_a_moment(
    asked_to_wait: Callable[[int, str], float], moment: timedelta, least: float, most: float
) -> None:
    after = format_datetime(datetime.now(UTC) + moment, usegmt=True)
    assert least - 1 <= asked_to_wait(503, after) <= most


def test_one_that_is_gone_is_switched_off_at_once(
    place: Place, made: Made, receiver: Receiver, mailoutbox: Any
) -> None:
    admin = make_member(place, Role.ADMIN)
    make_member(place, Role.ANALYST)
    mail.outbox.clear()
    waiting = happen(place, made)
    receiver.then = (410, {}, b"")
    assert try_again(waiting).state == "FAILED"
    endpoint = endpoint_of(made)
    assert (endpoint.state, endpoint.disabled_reason) == ("DISABLED", "GONE")
    assert switchings(place) == [("system", {"reason": "gone", "cancelled": 0})]
    assert told_by_mail() == [f"HQ: The webhook Claims intake was switched off ({place.organization.name})"] * 2
    assert {address for message in mail.outbox for address in message.to} == {place.owner.email, admin.email}
    assert f"/o/{place.slug}/live/webhooks/{endpoint.id}" in str(mail.outbox[0].body)


def test_its_people_are_told_once_before_and_when_it_is_switched_off(
    place: Place, made: Made, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "PAUSES", (timedelta(hours=1),) * 9)  # none comes by itself while this runs
    receiver.then = (500, {}, b"")
    pair = [happen(place, made) for _ in range(2)]
    send_all()
    mail.outbox.clear()
    for _ in range(4):
        pair = [try_again(delivery) for delivery in pair]
    assert told_by_mail() == []
    pair = [try_again(delivery) for delivery in pair]
    assert told_by_mail() == [f"HQ: The webhook Claims intake takes nothing ({place.organization.name})"]
    first = try_again(pair[0], 4)
    assert told_by_mail()[1:] == [f"HQ: The webhook Claims intake was switched off ({place.organization.name})"]
    assert (first.state, again(pair[1]).state) == ("FAILED", "CANCELLED")
    assert endpoint_of(made).disabled_reason == "FAILING"
    assert switchings(place) == [("system", {"reason": "failing", "cancelled": 1})]
    make_due(pair[1])
    before = len(receiver.got)
    send_all()
    assert len(receiver.got) == before


def test_one_message_that_is_refused_switches_nothing_off(place: Place, made: Made, receiver: Receiver) -> None:
    refused = happen(place, made)
    receiver.answer(400)
    try_again(refused)
    try_again(happen(place, made))
    assert endpoint_of(made).failing_since is None
    receiver.then = (400, {}, b"")
    mail.outbox.clear()
    assert try_again(refused, 9).state == "FAILED"
    assert (endpoint_of(made).state, told_by_mail(), switchings(place)) == ("ENABLED", [], [])
    assert endpoint_of(made).failing_since is not None


def test_what_arrives_ends_the_failing(place: Place, made: Made, receiver: Receiver) -> None:
    receiver.then = (500, {}, b"")
    delivery = try_again(happen(place, made), 6)
    assert endpoint_of(made).failing_since is not None
    assert endpoint_of(made).warned_at is not None
    receiver.then = (200, {}, b"")
    assert try_again(delivery).state == "DELIVERED"
    endpoint = endpoint_of(made)
    assert (endpoint.failing_since, endpoint.warned_at) == (None, None)
    assert endpoint.delivered_at is not None


def test_what_waits_is_cancelled_when_somebody_switches_it_off(place: Place, made: Made, receiver: Receiver) -> None:
    delivery = happen(place, made)
    with tenant(place.id):
        actions.disable_endpoint(actor=place.actor(), endpoint_id=made.endpoint.id)
    assert try_again(delivery).state == "CANCELLED"
    assert receiver.got == []


def test_one_that_came_in_while_it_was_switched_off_is_cancelled(place: Place, made: Made, receiver: Receiver) -> None:
    with tenant(place.id):
        actions.disable_endpoint(actor=place.actor(), endpoint_id=made.endpoint.id)
        # As another process saw it.
        Endpoint.objects.filter(pk=made.endpoint.id).update(state="ENABLED", disabled_at=None, disabled_reason="")
    delivery = happen(place, made)
    with tenant(place.id):
        actions.disable_endpoint(actor=place.actor(), endpoint_id=made.endpoint.id)
        Delivery.objects.filter(pk=delivery.pk).update(state="PENDING", finished_at=None)
    assert try_again(delivery).state == "CANCELLED"
    assert (receiver.got, attempts(delivery)) == ([], [])


@pytest.mark.parametrize("ending", [(500, "CANCELLED"), (410, "CANCELLED"), (204, "DELIVERED")])
def test_one_that_is_switched_off_while_something_is_sent_is_not_tried_again(
    place: Place, made: Made, receiver: Receiver, ending: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, state = ending

    def send(letter: Any) -> Any:
        outcome = sending.send(letter)
        with tenant(place.id):
            actions.disable_endpoint(actor=place.actor(), endpoint_id=made.endpoint.id)
        return outcome

    monkeypatch.setattr(trying, "send", send)
    receiver.then = (status, {}, b"")
    delivery = try_again(happen(place, made))
    assert (delivery.state, delivery.attempts, delivery.next_at) == (state, 1, None)
    assert endpoint_of(made).disabled_reason == "BY_HAND"
    assert len(switchings(place)) == 1


def test_what_waits_goes_to_the_new_address(place: Place, made: Made, receiver: Receiver) -> None:
    receiver.then = (500, {}, b"")
    delivery = try_again(happen(place, made))
    receiver.then = (204, {}, b"")
    with tenant(place.id):
        actions.change_endpoint(
            actor=place.actor(),
            endpoint_id=made.endpoint.id,
            name="Renamed",
            url=f"http://127.0.0.1:{receiver.port}/other",
            events=["*"],
        )
    assert try_again(delivery).state == "DELIVERED"


def test_one_that_is_removed_takes_everything_with_it(place: Place, made: Made, receiver: Receiver) -> None:
    happen(place, made)
    with tenant(place.id):
        actions.remove_endpoint(actor=place.actor(), endpoint_id=made.endpoint.id)
    send_all()
    assert (receiver.got, deliveries(place)) == ([], [])
