"""An event reaches whoever asked for it, signed so that the official libraries say it is ours."""

import json
from datetime import timedelta
from typing import Any

import pytest

from hq.crypto.webhooks import signed_content
from hq.db.context import tenant
from hq.lib.clock import now
from tests.factories import Place
from tests.webhooks import verifiers
from tests.webhooks.support import (
    Receiver,
    attempts,
    deliveries,
    endpoint_of,
    hook,
    send_all,
    try_again,
)
from webhooks import actions, selectors
from webhooks.actions import Made
from webhooks.models import Secret

pytestmark = pytest.mark.django_db
LIBRARIES = pytest.mark.parametrize("library", [verifiers.python, verifiers.javascript])


@pytest.fixture
def made(place: Place, receiver: Receiver) -> Made:
    """A webhook that asked for everything: its own making is the first thing it hears of."""
    return hook(place, receiver.url)


@LIBRARIES
def test_the_official_libraries_verify_what_arrives(library: Any, made: Made, receiver: Receiver) -> None:
    send_all()
    [message] = receiver.got
    [document] = library(made.secret, message)
    assert (document["type"], document["data"]["target"]["label"]) == ("webhook:created", "Claims intake")
    assert verifiers.signed_by(made.public, message)


def test_it_goes_out_as_json_by_hq(made: Made, receiver: Receiver, place: Place, settings: Any) -> None:
    send_all()
    [message], [delivery] = receiver.got, deliveries(place)
    assert message.headers["content-type"] == "application/json"
    assert message.headers["user-agent"] == f"HQ/{settings.VERSION}"
    assert message.headers["webhook-id"] == str(delivery.message_id)
    assert message.body == delivery.message.body


@LIBRARIES
def test_during_a_rotation_both_secrets_verify_and_after_it_one(
    library: Any, made: Made, receiver: Receiver, place: Place
) -> None:
    with tenant(place.id):
        renewed = actions.rotate_secret(actor=place.actor(), endpoint_id=made.endpoint.id, grace_hours=1)
    send_all()
    for message in receiver.got:
        assert library(renewed.secret, message) == library(made.secret, message) == [json.loads(message.body)]
        assert verifiers.signed_by(made.public, message)
        assert verifiers.signed_by(renewed.public, message)
    with tenant(place.id):
        Secret.objects.filter(expires_at__isnull=False).update(expires_at=now() - timedelta(seconds=1))
        actions.disable_endpoint(actor=place.actor(), endpoint_id=made.endpoint.id)
        actions.enable_endpoint(actor=place.actor(), endpoint_id=made.endpoint.id)
    send_all()
    assert library(renewed.secret, receiver.got[-1]) == [json.loads(receiver.got[-1].body)]
    assert library(made.secret, receiver.got[-1]) == ["No matching signature found"]


def test_without_a_grace_the_former_secret_ends_at_once(made: Made, receiver: Receiver, place: Place) -> None:
    with tenant(place.id):
        actions.rotate_secret(actor=place.actor(), endpoint_id=made.endpoint.id, grace_hours=0)
    send_all()
    assert {str(each) for message in receiver.got for each in verifiers.python(made.secret, message)} == {
        "No matching signature found"
    }


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_answer_of_the_200s_is_arrival(status: int, made: Made, receiver: Receiver, place: Place) -> None:
    receiver.then = (status, {}, b"" if status == 204 else b"thanks")
    send_all()
    [delivery] = deliveries(place)
    [attempt] = attempts(delivery)
    assert (delivery.state, delivery.attempts, delivery.next_at) == ("DELIVERED", 1, None)
    assert (attempt.status, attempt.fault, attempt.answer) == (status, "", receiver.then[2].decode())
    assert endpoint_of(made).delivered_at is not None


@pytest.mark.parametrize("status", [301, 302, 304, 307, 400, 404, 429, 500, 503])
def test_any_other_answer_is_tried_again(status: int, made: Made, receiver: Receiver, place: Place) -> None:
    receiver.then = (status, {"Location": receiver.url} if status < 400 else {}, b"")
    send_all()
    [delivery] = deliveries(place)
    assert (delivery.state, [attempt.status for attempt in attempts(delivery)]) == ("PENDING", [status])
    assert delivery.next_at is not None
    assert timedelta(seconds=3) < delivery.next_at - now() < timedelta(seconds=5.5)
    assert len(receiver.got) == 1
    receiver.then = (200, {}, b"")
    assert try_again(delivery).state == "DELIVERED"


def test_each_try_is_the_same_message_with_a_time_of_its_own(
    made: Made, receiver: Receiver, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answer(500)
    send_all()
    later = now() + timedelta(minutes=5)
    monkeypatch.setattr("webhooks.actions.deliveries.now", lambda: later)
    try_again(deliveries(place)[0])
    first, second = receiver.got
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) == int(later.timestamp())


def test_the_log_shows_what_was_sent_to_the_byte(made: Made, receiver: Receiver, place: Place) -> None:
    receiver.answer(500, b"sorry")
    receiver.answer(200, b"thanks")
    send_all()
    try_again(deliveries(place)[0])
    with tenant(place.id):
        sent = selectors.get_delivery(place.actor(), made.endpoint.id, deliveries(place)[0].id)
    last = receiver.got[-1]
    assert sent.body == last.body
    assert sent.headers.items() <= last.headers.items()
    timestamp = int(last.headers["webhook-timestamp"])
    assert sent.base.encode() == signed_content(last.headers["webhook-id"], timestamp, last.body.encode())
    assert [attempt.answer for attempt in sent.attempts] == ["sorry", "thanks"]
    assert sent.delivery.state == "DELIVERED"


def test_of_a_long_answer_the_beginning_is_kept(made: Made, receiver: Receiver, place: Place) -> None:
    receiver.then = (200, {}, "é".encode() + b"x" * 200_000)
    send_all()
    [attempt] = attempts(deliveries(place)[0])
    assert attempt.status == 200
    assert attempt.answer == "é" + "x" * 1022
