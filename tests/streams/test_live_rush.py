"""Many at once and nonsense, at a live process over TCP: the cap holds, and nobody brings it down."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from hq.authz.roles import Role
from tests.factories import Place, make_member, make_place, sign_in
from tests.streams.live import Process, cookie_of, listen, listening, live_process, run
from tests.streams.support import length, make_events

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(transactional_db: None) -> Place:
    return make_place()


@pytest.fixture
def live(place: Place) -> Iterator[Process]:
    with live_process() as process:
        yield process


def test_forty_at_the_same_moment_get_six_places_of_the_one_and_six_of_the_other(place: Place, live: Process) -> None:
    cookies = [cookie_of(sign_in(person)) for person in (place.owner, make_member(place, Role.ADMIN))]
    at = f"/live/{place.slug}/live"

    async def rush() -> None:
        opened = await asyncio.gather(*(listen(live.port, at, cookie=cookies[turn % 2]) for turn in range(80)))
        for own in (opened[0::2], opened[1::2]):
            assert Counter(each.status for each in own) == {200: 6, 429: 34}
        assert {each.headers["retry-after"] for each in opened if each.status == 429} == {"30"}
        for each in opened:
            each.writer.close()

    run(rush())


NONSENSE = [
    ("GET", {"last_event_id": "\x7f" * 50}, "", 400),
    ("GET", {"last_event_id": "é" * 50}, "", 200),
    ("GET", {"last_event_id": "9" * 5000}, "", 200),
    ("GET", {"last_event_id": "1.1.not-an-id"}, "", 200),
    ("GET", {"last_event_id": "-1.-1.-1"}, "", 200),
    ("GET", {}, "?after=%00%0d%0aid:1&after=2", 200),
    ("GET", {}, "?after=" + "1." * 2000, 200),
    ("POST", {"content_length": "0"}, "", 404),
    ("HEAD", {}, "", 404),
    ("DELETE", {}, "", 404),
    ("GET", {"origin": "http://localhost\tx"}, "", 403),
]


def test_nonsense_is_answered_and_leaves_the_process_as_it_was(place: Place, live: Process) -> None:
    cookie, at = cookie_of(sign_in(place.owner)), f"/live/{place.slug}/live"

    async def ask() -> None:
        for method, headers, query, status in NONSENSE:
            async with listening(live.port, at + query, cookie=cookie, method=method, **headers) as found:
                assert found.status == status, (method, headers, query[:40])
                if status == 200:
                    assert (await found.next())[0] == "hello"
                    await asyncio.to_thread(make_events, place, 1)
                    assert (await found.next("trail"))[1]["index"] == length(place)
        for cookies in ("=", "hq-session", "hq-session=", "x" * 4000, 'hq-session="\\0"; hq-session=a:b'):
            async with listening(live.port, at, cookie=cookies) as nobody:
                assert nobody.status == 401

    run(ask())
