"""The database gives an event its place, its time and its link: the very ones that anybody computes from the row."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier, Event
from unittest import mock
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from audit import actions, recorder
from audit.models import AuditEvent, ChainHead
from audit.recorder import Target
from audit.selectors import Filters, list_events
from audit.tags import Tag
from hq.authz.actor import Actor
from hq.crypto import chain
from hq.db.context import tenant
from hq.lib import clock
from hq.lib.ids import new_id
from tests.database import as_superuser
from tests.factories import Place, make_place
from tests.webhooks.support import deliveries, hook
from webhooks.actions import Made

pytestmark = pytest.mark.django_db(transaction=True)
# What could be mistaken for a part of the document, or be written in two ways.
ODD = [
    "plain",
    '"',
    "\\",
    '\\"index\\":0',
    '"index":0,"at":"',
    '","at":"',
    '\\\\","index":7',
    "%s %% $1",
    "\\000\\x41",
    "é e\u0301 ß",
    "\u2028\u2029\ufeff",
    "\U0001f9fe 漢字",
    "\x01\x1f\x7f\n\t",
    "'; --",
]


@pytest.fixture
def place() -> Place:
    return make_place()


def record(actor: Actor, target: UUID | None = None) -> AuditEvent:
    return recorder.record(actor, Tag.SHARE_CREATED, target=Target("share", target or actor.id))


def events(place: Place, environment_id: UUID) -> list[AuditEvent]:
    with tenant(place.id):
        return list(AuditEvent.objects.filter(environment_id=environment_id).order_by("index"))


def whole(found: list[AuditEvent]) -> bool:
    """Places without gaps, links that follow one another, times that never go back."""
    previous, at = chain.GENESIS, found[0].at
    for index, event in enumerate(found, 1):
        assert (event.index, bytes(event.previous)) == (index, previous)
        assert at <= event.at
        assert bytes(event.hash) == event.computed_hash()
        previous, at = bytes(event.hash), event.at
    return True


def test_whatever_stands_in_an_event_its_link_is_the_one_that_python_computes(place: Place) -> None:
    environment_id = new_id()
    actor = place.actor(environment_id=environment_id)
    made = []
    with tenant(place.id):
        for ip in (None, "203.0.113.9", "2001:db8::7"):
            for text in ODD:
                other = replace(actor, kind=text[:20], origin=replace(actor.origin, ip=ip, request_id=text))
                target = Target(text[:40], text)  # type: ignore[arg-type]  # ids of outside are texts, too
                made.append(recorder.record(other, Tag.SHARE_CREATED, target=target))
    found = events(place, environment_id)
    assert whole(found)
    names = [field.attname for field in AuditEvent._meta.concrete_fields]
    for said, kept in zip(made, found, strict=True):
        # What the caller is given is what is there.
        assert {name: getattr(said, name) for name in names} == {name: getattr(kept, name) for name in names}


def test_the_document_is_parted_at_its_place_only(place: Place) -> None:
    event = events(place, place.live_id)[0]
    for text in ODD:
        event.tag = event.target_id = event.request_id = event.method = text
        before, between, after = event.around_its_place()
        stamp = event.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()
        assert before + stamp + between + str(event.index).encode() + after == event.document()


def test_an_event_is_one_round_trip_and_the_head_is_where_it_is(place: Place) -> None:
    with tenant(place.id), CaptureQueriesContext(connection) as asked:
        event = record(place.actor())
    assert len(asked) == 1
    with tenant(place.id):
        head = ChainHead.objects.get(environment_id=place.live_id)
    assert (head.length, bytes(head.hash), head.at) == (event.index, bytes(event.hash), event.at)
    assert bytes(head.previous or b"") == bytes(event.previous)


def test_those_that_begin_a_chain_at_once_make_one_chain(place: Place) -> None:
    for _ in range(5):
        environment_id, start = new_id(), Barrier(2)

        def act(
            actor: Actor = place.actor(environment_id=environment_id),  # noqa: B008 - as each round has its own
            start: Barrier = start,
        ) -> None:
            try:
                for _ in range(5):
                    start.wait(30)
                    with tenant(place.id):
                        record(actor)
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(act) for _ in range(2)]:
                done.result(30)
        found = events(place, environment_id)
        assert len(found) == 10
        assert whole(found)


def test_a_chain_that_was_begun_by_an_act_that_failed_is_begun_anew(place: Place) -> None:
    environment_id = new_id()
    actor = place.actor(environment_id=environment_id)
    with tenant(place.id):
        record(actor)
        transaction.set_rollback(True)
    assert events(place, environment_id) == []
    with tenant(place.id):
        assert record(actor).index == 1


def waits() -> bool:
    """Whether somebody waits for a row."""
    with as_superuser() as database:
        row = database.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    return bool(row and row[0])


def test_who_waited_comes_after_and_is_sent_to_a_webhook_that_was_made_meanwhile(place: Place) -> None:
    """By the times, too. And what the event before it made is there for it."""
    made, go_on = Event(), Event()

    def first() -> Made:
        try:
            with tenant(place.id):
                endpoint = hook(place, "https://receiver.example/hook", "share:created")
                made.set()
                assert go_on.wait(30)
            return endpoint
        finally:
            connection.close()

    def second() -> AuditEvent:
        try:
            with tenant(place.id):
                return record(place.actor())
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        endpoint = pool.submit(first)
        assert made.wait(30)
        late = pool.submit(second)
        while not waits():
            assert not late.done()
        go_on.set()
        event = late.result(30)
        assert [delivery.tag for delivery in deliveries(place, endpoint.result(30))][-1] == "share:created"
    written = events(place, place.live_id)
    assert whole(written)
    assert written[-1].id == event.id
    assert [one.at for one in written] == sorted(one.at for one in written)
    with tenant(place.id):
        assert actions.verify_chain(actor=place.actor()).ok


def test_a_clock_that_goes_back_takes_no_event_before_the_one_before_it(place: Place) -> None:
    with tenant(place.id):
        first = record(place.actor())
        with mock.patch.object(clock, "datetime", wraps=datetime) as told:
            told.now.return_value = first.at - timedelta(days=1)
            assert record(place.actor()).at == first.at


@pytest.mark.parametrize("column", ["hash", "previous", "commitment"])
def test_nobody_adds_an_event_with_a_hash_of_another_length(place: Place, column: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="audit_hashes_are_sha256"), as_superuser() as link:
        link.execute(
            "INSERT INTO audit_auditevent SELECT (jsonb_populate_record(e, jsonb_build_object(%s::text, '\\x00'))).*"
            " FROM audit_auditevent e LIMIT 1",
            [column],
        )


def test_events_of_one_moment_are_listed_by_place_page_by_page(place: Place) -> None:
    actor = place.actor(environment_id=new_id())
    with tenant(place.id), mock.patch.object(recorder, "now", return_value=clock.now()):
        for _ in range(5):
            record(actor)
    listed: list[int] = []
    with tenant(place.id):
        while page := list_events(actor, Filters(actor_id=actor.id), before=listed[-1] if listed else None, limit=1):
            listed += [event.index for event in page[:1]]
        beyond = list_events(actor, Filters(), before=99, limit=9)
    assert listed == [5, 4, 3, 2, 1]
    assert [event.index for event in beyond] == listed
