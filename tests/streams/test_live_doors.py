"""Whom the live process takes a session for, asked as an open stream is asked: before anything is written to it."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event as Flag
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.sessions.models import Session

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, NotFound, Problem, Unauthenticated
from streams.live import feed
from streams.live import hub as hubs
from streams.live.events import Position
from streams.live.hub import Hub, TooManyOpen
from streams.live.people import Asked, Viewer, look_up
from tenants.models import Membership, Organization
from tests.factories import Place, make_member, make_place, session_of, sign_in
from tests.streams.live import run

HOME = "203.0.113.7"


def policy(**asked: Any) -> Callable[[Place, Any], None]:
    return lambda place, _: set_policy(place, asked)


def set_policy(place: Place, asked: dict[str, Any]) -> None:
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(**asked)


def in_session(**values: Any) -> Callable[[Place, Any], None]:
    def change(_: Place, client: Any) -> None:
        session = session_of(client)
        session.update(values)
        session.save()

    return change


def both(*changes: Callable[[Place, Any], None]) -> Callable[[Place, Any], None]:
    def change_all(place: Place, client: Any) -> None:
        for change in changes:
            change(place, client)

    return change_all


def expired(_: Place, client: Any) -> None:
    past = now() - timedelta(seconds=1)
    Session.objects.filter(pk=session_of(client).session_key).update(expire_date=past)


def ended(_: Place, client: Any) -> None:
    Session.objects.filter(pk=session_of(client).session_key).delete()


def switched_off(place: Place, _: Any) -> None:
    place.owner.is_active = False
    place.owner.save()


def removed(place: Place, _: Any) -> None:
    with tenant(place.id):
        Membership.objects.all().delete()


OVER = {
    "it was ended everywhere": (ended, Unauthenticated),
    "it expired": (expired, Unauthenticated),
    "its account was switched off": (switched_off, Unauthenticated),
    "they are no member any more": (removed, NotFound),
    "the organization was suspended": (policy(state="SUSPENDED"), NotFound),
    "the organization is being erased": (policy(state="ERASING"), NotFound),
    "a stolen cookie from elsewhere": (policy(networks=["198.51.100.0/24"]), Denied),
    "a second factor is asked for now": (policy(mfa_required=True), Denied),
    "nobody used it": (
        both(policy(idle_minutes=10), in_session(**{"hq.active": int(time.time()) - 3600})),
        Denied,
    ),
    "it is too old": (
        both(policy(lifetime_minutes=60), in_session(**{"hq.signed_in_at": int(time.time()) - 7200})),
        Denied,
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("what", OVER)
def test_who_may_not_go_on_is_nobody_at_once(what: str) -> None:
    place, (change, refusal) = make_place(), OVER[what]
    client = sign_in(place.owner)
    asked = Asked(str(session_of(client).session_key), place.slug, "live", HOME)
    assert look_up(asked) == Viewer(place.owner.pk, place.id, place.live_id, reads_trail=True)
    change(place, client)
    with pytest.raises(Problem) as found:
        look_up(asked)
    assert isinstance(found.value, refusal)


@pytest.mark.django_db
def test_a_channel_is_of_the_place_in_its_address_and_of_nobody_elses() -> None:
    place, other = make_place(), make_place()
    key = str(session_of(sign_in(place.owner)).session_key)
    for slug in (other.slug, "nobody", "", "platform"):
        with pytest.raises(NotFound):
            look_up(Asked(key, slug, "live", HOME))
    assert look_up(Asked(key, place.slug, "test", HOME)).environment_id == place.test_id


@pytest.mark.django_db
def test_one_who_was_demoted_is_another_viewer() -> None:
    place = make_place()
    person = make_member(place, Role.ADMIN)
    asked = Asked(str(session_of(sign_in(person)).session_key), place.slug, "live", HOME)
    before = look_up(asked)
    with tenant(place.id):
        Membership.objects.filter(user=person).update(role=Role.ANALYST)
    assert (before.reads_trail, look_up(asked).reads_trail) == (True, False)


ASKED = Asked("key", "acme", "live", None)


def test_an_answer_that_is_being_read_is_not_for_who_asks_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been read before they lost their right: nothing that came after that is told by it."""
    reading, go_on, viewers = Flag(), Flag(), [Viewer(uuid4(), uuid4(), uuid4(), reads_trail=True) for _ in range(2)]
    answers = iter(viewers)

    def slow(_: Asked) -> Viewer:
        answer = next(answers)
        if answer is viewers[0]:
            reading.set()
            assert go_on.wait(20)
        return answer

    monkeypatch.setattr(hubs, "look_up", slow)

    async def ask() -> None:
        hub = Hub()
        first = asyncio.ensure_future(hub.viewer_of(ASKED))
        await asyncio.to_thread(reading.wait, 20)
        second = asyncio.ensure_future(hub.viewer_of(ASKED))
        assert await second is viewers[1]
        go_on.set()
        assert await first is viewers[0]
        assert hub._asking == {}

    run(ask())


def test_those_who_ask_before_it_is_read_ask_once(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[Asked] = []

    def count(asked: Asked) -> Viewer:
        times.append(asked)
        return Viewer(uuid4(), uuid4(), uuid4(), reads_trail=True)

    monkeypatch.setattr(hubs, "look_up", count)

    async def ask() -> None:
        hub, free = Hub(), Flag()
        hub._threads = ThreadPoolExecutor(1)
        busy = hub._threads.submit(free.wait, 20)
        asking = [asyncio.ensure_future(hub.viewer_of(ASKED)) for _ in range(5)]
        await asyncio.sleep(0)  # each has asked
        free.set()
        assert len(set(await asyncio.gather(*asking))) == 1
        assert busy.result()

    run(ask())
    assert len(times) == 1


def test_no_race_past_the_cap_and_none_of_the_places_is_lost(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.LIVE_PER_PERSON = 6
    viewer = Viewer(uuid4(), uuid4(), uuid4(), reads_trail=True)
    monkeypatch.setattr(feed, "lengths", lambda places: dict.fromkeys(places, (0, 0)))
    monkeypatch.setattr(feed, "newest", lambda _: dict[UUID, UUID]())

    async def rush() -> None:
        hub = Hub()
        for _ in range(3):
            came = await asyncio.gather(*(hub.join(ASKED, viewer, None) for _ in range(50)), return_exceptions=True)
            joined = [each for each in came if isinstance(each, hubs.Connection)]
            assert len(joined) == len(hub.connections) == hub.of_person[viewer.person_id] == 6
            assert {type(each) for each in came if each not in joined} == {TooManyOpen}
            for each in joined:
                hub.leave(each)
            assert (hub.of_person, hub.opening, hub.places, hub.people) == ({}, 0, {}, {})

    run(rush())


@pytest.mark.parametrize("told", ["9.9.ffffffffffffffffffffffffffffffff", "999999999.999999999", "9" * 79])
def test_a_place_that_does_not_exist_yet_hides_nothing_that_comes(told: str) -> None:
    now_at, position = Position(3, 2, uuid4()), Position.read(told)
    assert position is not None
    assert hubs._began(position, now_at) in {now_at, Position(3, 2, now_at.account)}
