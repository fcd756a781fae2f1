"""A transfer that is under way ends with the right to it: with the person, the session, the key or the rule."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from hq.authz.levels import Level
from hq.db.context import tenant
from hq.web import transfer
from tenants.models import ApiKey
from tests.factories import Place, sign_in
from tests.vault.http import assert_nothing_is_there
from tests.vault.limited import Member, let_rules_decide, member
from vault import actions as vault

MEBIBYTE = 1024 * 1024
LARGE = 16 * MEBIBYTE  # more than the two sockets hold between them
TOKEN = "x" * 32


@pytest.fixture
def ann(committed_place: Place, address: str) -> Member:
    """Writes in one folder, by a rule."""
    let_rules_decide(committed_place)
    found = member(committed_place)
    found.give("ann/", Level.WRITE)
    return found


@pytest.fixture
def at_each_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "ASKED_EVERY", 0.0)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Set once the first piece of an upload is there."""
    event, ask = Event(), transfer.Asking.now_and_then

    def tell(asking: transfer.Asking) -> None:
        event.set()
        ask(asking)

    monkeypatch.setattr(transfer.Asking, "now_and_then", tell)
    return event


def by_key(ann: Member) -> tuple[str, dict[str, str]]:
    api = ann.api()
    return f"{api.base}/objects/ann/large", {"Authorization": api.client.defaults["HTTP_AUTHORIZATION"]}


def by_session(ann: Member) -> tuple[str, dict[str, str]]:
    cookie = sign_in(ann.person).cookies[settings.SESSION_COOKIE_NAME].value
    cookies = f"{settings.SESSION_COOKIE_NAME}={cookie}; {settings.CSRF_COOKIE_NAME}={TOKEN}"
    return f"/o/{ann.place.slug}/live/files/objects/ann/large", {"Cookie": cookies, "X-CSRFToken": TOKEN}


def removed(ann: Member) -> None:
    ann.leave()


def without_the_rule(ann: Member) -> None:
    ann.withdraw("ann/")


def with_a_revoked_key(ann: Member) -> None:
    with tenant(ann.place.id):
        ApiKey.objects.filter(name="tests").update(revoked_at=timezone.now())


def signed_out(ann: Member) -> None:
    Session.objects.all().delete()


Door = Callable[[Member], tuple[str, dict[str, str]]]
End = Callable[[Member], None]
WAYS = [
    *((by_key, end) for end in (removed, without_the_rule, with_a_revoked_key)),
    *((by_session, end) for end in (removed, without_the_rule, signed_out)),
]


@contextmanager
def slow(verb: str, path: str, headers: Mapping[str, str], length: int | None = None) -> Iterator[HTTPConnection]:
    """A request from a machine that takes in little at a time; its body is yet to be sent."""
    base = urlsplit(settings.BASE_URL)
    connection = HTTPConnection(str(base.hostname), int(base.port or 0))
    with closing(connection):
        connection.sock = socket.create_connection((connection.host, connection.port), timeout=30)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        connection.putrequest(verb, path)
        named = {**headers, "Connection": "close"} | ({} if length is None else {"Content-Length": str(length)})
        for name, value in named.items():
            connection.putheader(name, value)
        connection.endheaders()
        yield connection


def rest_of(answer: HTTPResponse) -> int:
    """How many bytes came after what was read."""
    try:
        return len(answer.read())
    except IncompleteRead as cut:
        return len(cut.partial)


def stored(place: Place, size: int) -> None:
    piece = bytes(MEBIBYTE)
    vault.put_object(actor=place.actor(), path="ann/large", chunks=(piece for _ in range(size // MEBIBYTE)))


@pytest.mark.parametrize(("door", "end"), WAYS)
def test_a_download_breaks_off(ann: Member, at_each_piece: None, door: Door, end: End) -> None:
    stored(ann.place, LARGE)
    path, headers = door(ann)
    with slow("GET", path, headers) as connection:
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(LARGE))
        first = len(answer.read(64 * 1024))
        end(ann)
        assert first + rest_of(answer) < LARGE


@pytest.mark.parametrize("door", [by_key, by_session])
def test_nothing_breaks_off_for_those_who_may_still(ann: Member, at_each_piece: None, door: Door) -> None:
    stored(ann.place, 2 * MEBIBYTE)
    path, headers = door(ann)
    with slow("GET", path, headers) as connection:
        assert rest_of(connection.getresponse()) == 2 * MEBIBYTE


@pytest.mark.parametrize(("door", "end"), WAYS)
def test_an_upload_that_is_finished_afterwards_is_not_stored(ann: Member, begun: Event, door: Door, end: End) -> None:
    path, headers = door(ann)
    with slow("PUT", path, headers, length=MEBIBYTE) as connection:
        connection.send(bytes(MEBIBYTE // 2))
        assert begun.wait(30)
        end(ann)
        connection.send(bytes(MEBIBYTE // 2))
        # 400 is Django's own word for a session that went while it was in use.
        assert connection.getresponse().status in {400, 403}
    assert_nothing_is_there(ann.place)


def test_an_upload_is_asked_about_while_it_comes(ann: Member, at_each_piece: None, begun: Event) -> None:
    """What is still to come need not be waited for."""
    path, headers = by_key(ann)
    with slow("PUT", path, headers, length=LARGE) as connection:
        connection.send(bytes(transfer.READ_BYTES))
        assert begun.wait(30)
        ann.leave()
        connection.send(bytes(transfer.READ_BYTES))
        assert connection.getresponse().status == 403
    assert_nothing_is_there(ann.place)


def test_it_is_asked_every_few_seconds_and_not_for_each_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    clock = [100.0]
    monkeypatch.setattr(transfer, "monotonic", lambda: clock[0])

    def allowed() -> bool:
        asked.append(clock[0])
        return True

    asking: Any = transfer.Asking(allowed)
    for _ in range(10):
        asking.now_and_then()
        clock[0] += 0.5
    assert asked == [102.0, 104.0]
