"""Clients that read nothing, headers that come twice, and sessions of an older secret, at the live process."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session

from streams.live import app
from streams.live.app import Live
from streams.live.events import Position
from streams.live.hub import Connection
from streams.live.people import Asked, Viewer, look_up
from tests.factories import make_place, session_of, sign_in
from tests.streams.live import run


def test_a_client_that_takes_nothing_loses_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "UNREAD", 0.05)
    viewer = Viewer(uuid4(), uuid4(), uuid4(), reads_trail=True)

    async def hold() -> None:
        live, written = Live(), list[Any]()

        async def receive() -> dict[str, Any]:
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]  # it never comes

        async def send(message: dict[str, Any]) -> None:
            written.append(message)
            if len(written) > 1:  # the head is taken, and nothing after it
                await asyncio.get_running_loop().create_future()

        own = Connection(Asked("key", "acme", "live", None), viewer, Position())
        async with asyncio.timeout(5):
            await live._stream(own, receive, send, [])  # type: ignore[arg-type]  # plain dictionaries
        assert len(written) == 2

    run(hold())


@pytest.mark.parametrize(
    ("lines", "name", "read"),
    [
        (
            [(b"origin", b"http://ours"), (b"Origin", b"https://evil.example")],
            "origin",
            "http://ours,https://evil.example",
        ),
        (
            [(b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-for", b"10.0.0.1")],
            "x-forwarded-for",
            "203.0.113.9,10.0.0.1",
        ),
        ([(b"cookie", b"a=1"), (b"cookie", b"b=2")], "cookie", "a=1; b=2"),
    ],
)
def test_a_header_of_several_lines_is_one_list(lines: list[tuple[bytes, bytes]], name: str, read: str) -> None:
    """As the portal reads it: which line counts is nobody's choice who sends two."""
    assert app._joined(lines) == {name: read}


@pytest.mark.django_db
def test_a_session_of_an_older_secret_is_left_to_the_portal_to_renew(settings: Any) -> None:
    """A page that is open while the secret changes comes back with the cookie that it has, and is not signed out."""
    place = make_place()
    key = str(session_of(sign_in(place.owner)).session_key)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another secret " * 4
    for _ in range(2):
        assert look_up(Asked(key, place.slug, "live", None)).person_id == place.owner.pk
    assert Session.objects.filter(pk=key).exists()
