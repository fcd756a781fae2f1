"""Live updates, by a process of its own: whom it lets in, what it tells them, and when it stops."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session

from audit import recorder
from audit.tags import PersonTag
from hq.authz.roles import Role
from hq.db.context import tenant
from tenants.models import Membership
from tests.factories import ORIGIN, Place, make_member, make_place, session_of, sign_in
from tests.streams.live import DEADLINE, Process, cookie_of, listen, listening, live_process, memory_of, run
from tests.streams.support import length, make_events

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(transactional_db: None) -> Place:
    return make_place()


@pytest.fixture
def live(place: Place) -> Iterator[Process]:
    with live_process() as process:
        yield process


def at(place: Place, environment: str = "live") -> str:
    return f"/live/{place.slug}/{environment}"


def test_what_happens_is_told_within_seconds_and_to_those_who_may_see_it_alone(place: Place, live: Process) -> None:
    """One journey for all that is told: another tenant, another environment, no right, one's own account."""
    other = make_place()
    owner, stranger = sign_in(place.owner), sign_in(other.owner)
    billing = sign_in(make_member(place, Role.ANALYST))
    before = length(place)

    async def watch() -> None:
        async with (
            listening(live.port, at(place), cookie=cookie_of(owner)) as mine,
            listening(live.port, at(place, "test"), cookie=cookie_of(owner)) as test,
            listening(live.port, at(other), cookie=cookie_of(stranger)) as theirs,
            listening(live.port, at(place), cookie=cookie_of(billing)) as blind,
        ):
            assert [each.status for each in (mine, test, theirs, blind)] == [200] * 4
            assert mine.headers["content-type"].startswith("text/event-stream")
            assert mine.headers["access-control-allow-origin"] == settings.BASE_URL
            assert mine.headers["cache-control"] == "no-store"
            for each in (mine, test, theirs, blind):
                assert (await each.next())[0] == "hello"
            await asyncio.to_thread(make_events, place, 2)
            for number in (1, 2):
                _, data, position = await mine.next("trail")
                assert (data["index"], data["tag"]) == (before + number, "key:rotated")
                assert position.startswith(f"{before + number}.")
            assert "Key" not in str(mine.told)  # what is sealed stays sealed
            await asyncio.to_thread(_account, place)
            assert (await mine.next("account"))[1]["tag"] == "password:changed"
            assert (await test.next("account"))[1]["tag"] == "password:changed"
            await asyncio.to_thread(make_events, other, 1)
            assert (await theirs.next("trail"))[1]["index"] == length(other)
            assert [kind for kind, _, _ in theirs.told] == ["hello", "trail"]
            assert [kind for kind, _, _ in test.told] == ["hello", "account"]
            assert blind.told == [blind.told[0]]

    run(watch())


def _account(place: Place) -> None:
    recorder.record_person(PersonTag.PASSWORD_CHANGED, person_id=place.owner.pk, origin=ORIGIN)


def test_who_may_not_come_in_is_refused_in_words(place: Place, live: Process) -> None:
    other = make_place()
    cookie, foreign = cookie_of(sign_in(place.owner)), cookie_of(sign_in(other.owner))
    key, _, signature = cookie.partition("=")[2].rpartition(":")
    asked: list[tuple[int, dict[str, str]]] = [
        (401, {}),
        (401, {"cookie": "hq-session=made-up"}),
        (401, {"cookie": f"hq-session={key}:{signature[::-1]}"}),
        (404, {"cookie": foreign}),
        (403, {"cookie": cookie, "origin": "https://evil.example"}),
        (403, {"cookie": cookie, "origin": "none", "sec_fetch_site": "cross-site"}),
        (403, {"cookie": cookie, "origin": "null"}),
    ]

    async def ask() -> None:
        for status, headers in asked:
            async with listening(live.port, at(place), **headers) as refused:
                assert refused.status == status, headers
                assert refused.headers["content-type"] == "application/problem+json"
                document = await refused.body()
                assert (document["status"], bool(document["detail"])) == (status, True)
                assert ("access-control-allow-origin" in refused.headers) is ("origin" not in headers)
        for path in ("/live/x/live", "/live/x", "/", f"{at(place)}/../x", "/live/" + "x" * 5000 + "/live"):
            async with listening(live.port, path, cookie=cookie) as nothing:
                assert nothing.status == 404
        async with listening(live.port, at(place), cookie=cookie, origin="none", sec_fetch_site="same-origin") as same:
            assert same.status == 200

    run(ask())


def _expire(client: Any) -> None:
    Session.objects.filter(pk=session_of(client).session_key).delete()


def _remove(place: Place, person: Any) -> None:
    with tenant(place.id):
        Membership.objects.filter(user=person).delete()


def _demote(place: Place, person: Any) -> None:
    with tenant(place.id):
        Membership.objects.filter(user=person).update(role=Role.ANALYST)


def test_a_stream_ends_with_its_session_its_membership_or_its_right(place: Place, live: Process) -> None:
    """Before anything more is written: what happens next is not told to any of them."""
    people = {what: make_member(place, Role.ADMIN) for what in ("session", "member", "role")}
    clients = {what: sign_in(person) for what, person in people.items()}

    async def watch() -> None:
        streams = {
            what: await listen(live.port, at(place), cookie=cookie_of(client)) for what, client in clients.items()
        }
        for each in streams.values():
            assert (await each.next())[0] == "hello"
        await asyncio.to_thread(_expire, clients["session"])
        await asyncio.to_thread(_remove, place, people["member"])
        await asyncio.to_thread(_demote, place, people["role"])
        await asyncio.to_thread(make_events, place, 1)
        for what, each in streams.items():
            kind, data, _ = await each.next()
            assert (kind, data["reason"]) == ("end", "changed" if what == "role" else "ended")
            assert data["said"]
            with pytest.raises(EOFError):
                await each.next()
            each.writer.close()

    run(watch())


def test_one_who_comes_back_is_told_what_they_missed_and_no_more(place: Place, live: Process) -> None:
    client = sign_in(place.owner)

    async def watch() -> None:
        async with listening(live.port, at(place), cookie=cookie_of(client)) as first:
            position = (await first.next())[2]
        await asyncio.to_thread(make_events, place, 3)
        expected = [length(place) - 2, length(place) - 1, length(place)]
        for query, header in (("", position), (f"?after={position}", ""), (f"?after={position.split('.')[0]}", "")):
            path = at(place) + query
            async with listening(live.port, path, cookie=cookie_of(client), last_event_id=header) as again:
                assert [(await again.next("trail"))[1]["index"] for _ in range(3)] == expected
        async with listening(live.port, at(place), cookie=cookie_of(client), last_event_id="999999") as beyond:
            await asyncio.to_thread(make_events, place, 1)
            assert (await beyond.next("trail"))[1]["index"] == length(place)
        await asyncio.to_thread(make_events, place, 205)
        async with listening(live.port, at(place), cookie=cookie_of(client), last_event_id=position) as late:
            kind, data, _ = await late.next("missed")
            assert (kind, data["from"]) == ("missed", expected[0])
            assert (await late.next("trail"))[1]["index"] == data["to"] + 1 == length(place) - 199

    run(watch())


def test_one_person_holds_six_and_is_told_so_and_gets_the_place_back(place: Place, live: Process) -> None:
    cookie = cookie_of(sign_in(place.owner))

    async def fill() -> None:
        held = [await listen(live.port, at(place), cookie=cookie) for _ in range(6)]
        assert [each.status for each in held] == [200] * 6
        async with listening(live.port, at(place), cookie=cookie) as seventh:
            assert seventh.status == 429
            assert int(seventh.headers["retry-after"]) > 0
            assert "as one person may have" in (await seventh.body())["detail"]
        other = cookie_of(await asyncio.to_thread(sign_in, await asyncio.to_thread(make_member, place, Role.ADMIN)))
        async with listening(live.port, at(place), cookie=other) as another:
            assert another.status == 200
        held[0].writer.close()
        async with asyncio.timeout(DEADLINE):
            status = 429
            while status == 429:  # until it is noticed that the first has gone
                async with listening(live.port, at(place), cookie=cookie) as again:
                    status = again.status
        assert status == 200

    run(fill())


# By hand LIVE_STREAMS=10000, for as many as a process takes if nobody says otherwise.
IDLE = int(os.environ.get("LIVE_STREAMS", "1000"))


def test_a_thousand_idle_streams_cost_little_and_end_with_the_server(place: Place) -> None:
    cookie, count = cookie_of(sign_in(place.owner)), IDLE
    with live_process(HQ_LIVE_PER_PERSON=str(IDLE + 100), HQ_LIVE_MOST=str(count)) as process:
        before = memory_of(process.child.pid)

        async def fill() -> None:
            held = []
            for _ in range(count // 100):
                held += await asyncio.gather(*(listen(process.port, at(place), cookie=cookie) for _ in range(100)))
            assert {each.status for each in held} == {200}
            assert (memory_of(process.child.pid) - before) / count < 64 * 1024
            async with listening(process.port, at(place), cookie=cookie) as full:
                assert (full.status, full.headers["retry-after"]) == (503, "30")
            await asyncio.to_thread(make_events, place, 1)
            assert {(await each.next("trail"))[1]["index"] for each in held} == {length(place)}
            await asyncio.to_thread(process.stop)
            assert {(await each.next())[1]["reason"] for each in held} == {"stopping"}

        run(fill())
