"""Receivers that answer so as to break whoever asked, and addresses that are no longer taken."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from hq.db.context import tenant
from tests.factories import Place, make_place
from tests.webhooks.pages import Portal
from tests.webhooks.support import Receiver, attempts, deliveries, hook, send_all
from webhooks import actions

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "said",
    [
        "Mon, 01 Jan 2026 00:00:00 +99999999999999999999",
        "Mon, 01 Jan 99999999999999 00:00:00 GMT",
        "-1",
        "1e9",
        "nan",
        "9" * 5000,
        "Fri, 31 Dec 9999 23:59:59 -2359",
    ],
)
def test_a_wait_that_nobody_can_read_or_keep_is_noted_and_tried_again(
    place: Place, receiver: Receiver, said: str
) -> None:
    receiver.then = (503, {"Retry-After": said}, b"")
    hook(place, receiver.url)
    send_all()
    [delivery] = deliveries(place)
    assert [attempt.status for attempt in attempts(delivery)] == [503]
    assert delivery.state == "PENDING"


@pytest.mark.parametrize("place_to_go", ["https://[::1", "\xff\xfe", "https://x:99999999/", "//", ""])
def test_a_redirect_to_nowhere_is_an_answer_like_others(place: Place, receiver: Receiver, place_to_go: str) -> None:
    receiver.then = (302, {"Location": place_to_go}, b"")
    hook(place, receiver.url)
    send_all()
    [attempt] = attempts(deliveries(place)[0])
    assert attempt.status == 302


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Encoding": "gzip, gzip, gzip, gzip, gzip, gzip, gzip"},
        {"Content-Encoding": "gzip"},
        {"Content-Type": 'text/html; charset="\x80'},
        {"Set-Cookie": "a=b; expires=never; max-age=x; domain=.."},
        {"Transfer-Encoding": "chunked"},
        {"Link": "<" * 500},
    ],
)
def test_whatever_the_head_says_the_attempt_is_noted(place: Place, receiver: Receiver, headers: dict[str, str]) -> None:
    receiver.then = (500, headers, b"\x00not what the head says\xff\xd8")
    hook(place, receiver.url)
    send_all()
    assert len(attempts(deliveries(place)[0])) == 1


@pytest.mark.parametrize("moved", [False, True])
def test_one_at_an_address_that_is_no_longer_taken_can_be_moved_and_removed(
    place: Place, receiver: Receiver, settings: Settings, *, moved: bool
) -> None:
    made = hook(place, receiver.url)
    settings.PRODUCTION = True
    with tenant(place.id):
        of: dict[str, Any] = {"actor": place.actor(), "endpoint_id": made.endpoint.id}
        if moved:
            actions.change_endpoint(**of, name="Moved", url="https://receiver.example/", events=["*"])
        actions.remove_endpoint(**of)
    assert deliveries(place) == []


def test_a_type_of_event_that_no_text_can_be_is_refused() -> None:
    portal = Portal(make_place())
    made = portal.made()
    assert portal.get(f"{made.endpoint.id}?event=%00").status_code == 400
    assert portal.get(f"{made.endpoint.id}?event=none:such").status_code == 200
