"""Where a delivery may lead: by what is typed, and by where the name leads when it is sent."""

import logging
import socket
import time
from typing import Any

import pytest

from hq.lib.errors import Invalid
from tests.factories import Place
from tests.lib.loopback import pouring, serving, silent
from tests.webhooks.support import Receiver, attempts, deliveries, hook, send_all
from webhooks.actions import sending
from webhooks.actions.endpoints import TooManyEndpoints
from webhooks.actions.sending import Outcome
from webhooks.models import Attempt

pytestmark = pytest.mark.django_db
PRIVATE = "The address leads into a private network"


def only_try(place: Place) -> Attempt:
    """What came of the one that was sent."""
    send_all()
    [delivery] = deliveries(place)
    assert delivery.state == "PENDING"
    [attempt] = attempts(delivery)
    assert attempt.status is None
    return attempt


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example/hook",
        "ftp://receiver.example/",
        "receiver.example",
        "https://",
        "https://user:word@receiver.example/",
        "https://receiver.example/#part",
        "https://receiver.example:99999/",
        "javascript:alert(1)",
        "https://receiver.example/" + "a" * 2000,
        "https://receiver.example/\r\nx-other: y",
        "",
    ],
)
def test_what_cannot_be_fetched_is_refused_when_it_is_typed(place: Place, url: str, settings: Any) -> None:
    settings.PRODUCTION = True
    with pytest.raises(Invalid) as refused:
        hook(place, url)
    assert [error["pointer"] for error in refused.value.errors] == ["/url"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "2130706433", "0x7f.1"])
def test_nothing_goes_into_a_private_network(place: Place, host: str) -> None:
    with serving(silent) as server:
        hook(place, f"https://{host}:{server.port}/")
        assert only_try(place).fault == PRIVATE
        assert server.connections == 0


def test_a_name_that_leads_elsewhere_when_it_is_sent_is_judged_then(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was public when it was entered: DNS rebinding."""
    asked, found = socket.getaddrinfo, ["203.0.113.9"]

    def resolve(host: Any, *args: Any, **named: Any) -> Any:
        return asked(found[0] if host == "rebound.example" else host, *args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with serving(silent) as server:
        hook(place, f"https://rebound.example:{server.port}/")
        found[0] = "127.0.0.1"
        assert only_try(place).fault == PRIVATE
        assert server.connections == 0


def test_a_redirect_is_followed_nowhere(place: Place, receiver: Receiver) -> None:
    with serving(silent) as inside:
        receiver.then = (307, {"Location": f"http://127.0.0.1:{inside.port}/"}, b"")
        hook(place, receiver.url)
        send_all()
        [attempt] = attempts(deliveries(place)[0])
        assert attempt.status == 307
        assert (len(receiver.got), inside.connections) == (1, 0)


def test_plain_http_goes_nowhere_in_production(place: Place, receiver: Receiver, settings: Any) -> None:
    hook(place, receiver.url)
    settings.PRODUCTION = True
    assert only_try(place).fault == "The address has to begin with https://"
    assert receiver.got == []


def slow(place: Place, url: str, monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(sending, "SECONDS", 0.3)
    hook(place, url)
    began = time.monotonic()
    assert only_try(place).fault == "The server takes too long to answer"
    return time.monotonic() - began


@pytest.mark.usefixtures("receiver")
def test_one_that_says_nothing_is_left_after_15_seconds(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sending.SECONDS == 15
    with serving(silent) as server:
        assert slow(place, f"http://127.0.0.1:{server.port}/", monkeypatch) < 5


@pytest.mark.usefixtures("receiver")
def test_one_that_drips_is_left_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    drops = pouring(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b"x", pause=0.02, until=10)
    with serving(drops) as server:
        assert slow(place, f"http://127.0.0.1:{server.port}/", monkeypatch) < 5


@pytest.mark.usefixtures("receiver")
def test_one_that_pours_is_read_for_64_kib(place: Place) -> None:
    with serving(pouring(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536)) as server:
        hook(place, f"http://127.0.0.1:{server.port}/")
        send_all()
    [delivery] = deliveries(place)
    assert (delivery.state, attempts(delivery)[0].answer) == ("DELIVERED", "x" * 1024)


@pytest.mark.parametrize(
    ("port", "host", "fault"),
    [
        (1, "127.0.0.1", "The server does not answer, or breaks off its answer"),
        (1, "nobody.invalid", "No server is known by the name in the address"),
    ],
)
@pytest.mark.usefixtures("receiver")
def test_the_log_says_in_words_what_went_wrong(place: Place, port: int, host: str, fault: str) -> None:
    hook(place, f"http://{host}:{port}/")
    assert only_try(place).fault == fault


def test_every_fault_fits_its_column() -> None:
    longest = Attempt._meta.get_field("fault").max_length
    assert longest is not None
    assert max(len(words) for words in (*sending.FAULTS.values(), sending.OTHERWISE)) <= longest
    assert not Outcome(milliseconds=0, status=None, fault="x").arrived


def test_no_log_line_carries_a_secret_or_an_address(
    place: Place, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = hook(place, receiver.url)
    receiver.answer(500, b"what-the-receiver-said")
    send_all()
    hook(place, "http://127.0.0.1:1/?token=of-the-receiver")
    send_all()
    lines = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    for secret in ("of-the-receiver", made.secret, made.secret[6:], "what-the-receiver-said", "whsk_"):
        assert secret not in lines


def test_no_line_of_the_trail_carries_a_secret_or_an_address(place: Place, receiver: Receiver) -> None:
    made = hook(place, receiver.url)
    bodies = " ".join(each.message.body for each in deliveries(place))
    assert "Claims intake" in bodies
    assert "of-the-receiver" not in bodies
    assert made.secret not in bodies


def test_an_environment_has_twenty_at_most(place: Place) -> None:
    for _ in range(20):
        hook(place, "https://receiver.example/", "key:rotated")
    with pytest.raises(TooManyEndpoints):
        hook(place, "https://receiver.example/", "key:rotated")
    assert hook(place, "https://receiver.example/", "key:rotated", environment_id=place.test_id)
