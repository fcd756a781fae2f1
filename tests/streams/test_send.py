"""The trail reaches whoever asked for it: every entry, in its order, and what comes twice comes as a whole batch."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from pytest_django.fixtures import Settings

from audit.actions import grow
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Invalid
from streams import actions, selectors
from streams.actions import Made, sending
from streams.models import Stream
from streams.targets import https
from tests.audit.support import request
from tests.factories import Place, make_place, sign_in
from tests.lib.loopback import Authority, authority
from tests.streams.support import (
    Siem,
    batches_of,
    collecting,
    length,
    make_due,
    make_events,
    position_of,
    send_all,
    sequence,
    stream_of,
    stream_to,
)
from tests.webhooks.verifiers import Received, python, signed_by

__all__ = ["authority"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(place: Place, siem: Siem) -> Made:
    return stream_to(place, siem.url)


def test_every_entry_arrives_once_in_its_order(made: Made, siem: Siem, place: Place) -> None:
    make_events(place, 5)
    send_all()
    assert siem.indexes == list(range(1, length(place) + 1))
    assert position_of(made).acknowledged == length(place)
    make_events(place, 2)
    send_all()
    assert siem.indexes == list(range(1, length(place) + 1))
    last = siem.entries[-1]
    assert (last["log"], last["document"]["tag"], last["detail"]["target"]) == ("admin", "key:rotated", "Key 1")
    assert last["hash"] != last["previous"] == siem.entries[-2]["hash"]


def test_a_batch_is_signed_as_webhooks_are_and_has_the_header_that_was_asked_for(made: Made, siem: Siem) -> None:
    send_all()
    headers = siem.headers[0]
    message = Received(siem.bodies[0].decode(), headers)
    assert signed_by(made.public, message)
    assert headers["authorization"] == "Bearer of-the-siem"
    assert headers["content-type"] == "application/x-ndjson"
    assert (headers["hq-log"], headers["hq-first"]) == ("admin", "1")
    assert headers["webhook-id"] == f"{made.stream.id}_admin_1_{headers['hq-last']}_0"


def test_as_an_array_the_official_library_verifies_it(place: Place, siem: Siem) -> None:
    made = stream_to(place, siem.url, format="array")
    send_all()
    message = Received(siem.bodies[0].decode(), siem.headers[0])
    assert python(made.secret, message) == [json.loads(message.body)]


def test_over_tls_the_certificate_has_to_be_trusted(
    place: Place, authority: Authority, monkeypatch: pytest.MonkeyPatch, settings: Settings, siem: Siem
) -> None:
    with collecting(authority.server_context("localhost")) as secure:
        made = stream_to(place, secure.url)
        send_all()
        assert secure.bodies == []
        assert "is not trusted" in stream_of(made).said
        monkeypatch.setattr(https, "TRUSTED", str(authority.path))
        make_due(made)
        send_all()
        assert secure.indexes == list(range(1, length(place) + 1))


def test_an_address_in_a_private_network_is_not_asked(made: Made, siem: Siem, settings: Settings) -> None:
    settings.OUTBOUND_NETWORKS = []
    send_all()
    assert siem.bodies == []
    assert stream_of(made).failing_since is not None


def test_both_logs_come_and_neither_holds_up_the_other(place: Place, siem: Siem) -> None:
    sign_in(place.owner).get(f"/o/{place.slug}/live/")
    made = stream_to(place, siem.url, "admin", "access")
    sequence(place)
    assert length(place, "access") > 0
    send_all()
    for log in ("admin", "access"):
        found = [entry["index"] for entry in siem.entries if entry["log"] == log]
        assert found == list(range(1, length(place, log) + 1))
        assert position_of(made, log).acknowledged == length(place, log)
    assert {entry["document"].get("log", "admin") for entry in siem.entries} == {"admin", "access"}


def test_requests_of_no_environment_come_with_live(place: Place, siem: Siem) -> None:
    nowhere = replace(place.actor(), environment_id=None)
    for _ in range(2):
        request(place, actor=nowhere)
    made = stream_to(place, siem.url, "organization")
    grow(place.id, place.id)
    send_all()
    assert [(entry["log"], entry["index"]) for entry in siem.entries] == [("organization", 1), ("organization", 2)]
    assert {entry["document"]["environment"] for entry in siem.entries} == {str(place.id)}
    assert siem.headers[0]["hq-log"] == "organization"
    assert position_of(made, "organization").acknowledged == length(place, "organization") == 2


def test_what_is_of_the_whole_organization_goes_with_live_alone(place: Place, siem: Siem) -> None:
    wish: dict[str, Any] = {"name": "SIEM", "kind": "https", "target": {"url": siem.url}, "secret": {}}
    with tenant(place.id):
        of_test = place.actor(environment_id=place.test_id)
        with pytest.raises(Invalid):
            actions.create_stream(actor=of_test, logs=["organization"], **wish)
        everything = [
            [position.log for position in selectors.list_positions(actions.create_stream(actor=actor, **wish).stream)]
            for actor in (of_test, place.actor())
        ]
    assert everything == [["access", "admin"], ["access", "admin", "organization"]]


def test_what_failed_is_sent_again_as_the_same_batch(made: Made, siem: Siem, place: Place) -> None:
    siem.answers = [500]
    send_all()
    row = stream_of(made)
    assert (row.failures, row.said) == (1, "The server answers 500.")
    assert row.next_at is not None
    assert timedelta(seconds=1) < row.next_at - now() < timedelta(seconds=2.5)
    make_events(place, 3)
    send_all()
    assert len(siem.bodies) == 1
    make_due(made)
    send_all()
    assert siem.bodies[0] == siem.bodies[1]
    assert siem.headers[0]["webhook-id"] == siem.headers[1]["webhook-id"]
    assert siem.indexes[-1] == length(place)
    row = stream_of(made)
    assert (row.failing_since, row.failures, row.said, row.next_at) == (None, 0, "", None)
    assert [batch.arrived for batch in batches_of(made)] == [False, True, True]


def test_the_pause_grows_and_ends_at_ten_minutes() -> None:
    pauses = [(sending.next_at(failures, timedelta()) - now()).total_seconds() for failures in (1, 2, 5, 50)]
    assert [
        low < found < high for found, (low, high) in zip(pauses, [(1, 3), (3, 5), (25, 39), (479, 721)], strict=True)
    ]
    assert sending.next_at(1, timedelta(hours=1)) - now() > timedelta(minutes=59)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410])
def test_a_target_that_refuses_is_paused_and_its_people_hear(
    status: int, made: Made, siem: Siem, place: Place, django_capture_on_commit_callbacks: Any
) -> None:
    siem.then = status
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        send_all()
    row = stream_of(made)
    assert (row.state, row.paused_reason) == ("PAUSED", "REFUSED")
    assert str(status) in row.said
    assert "paused" in mail.outbox[0].subject
    make_due(made)
    send_all()
    assert len(siem.bodies) == 1
    siem.then = 204
    with tenant(place.id):
        actions.resume_stream(actor=place.actor(), stream_id=made.stream.id)
    send_all()
    assert siem.indexes[len(siem.entries) - length(place) :] == list(range(1, length(place) + 1))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_what_passes_by_itself_pauses_nothing(status: int, made: Made, siem: Siem) -> None:
    siem.then = status
    send_all()
    assert stream_of(made).state == "ACTIVE"


def test_neither_a_replay_nor_a_pause_by_hand_hurries_a_target_that_fails(made: Made, siem: Siem, place: Place) -> None:
    siem.then = 503
    send_all()
    waits_until = stream_of(made).next_at
    with tenant(place.id):
        actions.replay_stream(actor=place.actor(), stream_id=made.stream.id, log="admin", index=1)
        actions.pause_stream(actor=place.actor(), stream_id=made.stream.id)
        actions.resume_stream(actor=place.actor(), stream_id=made.stream.id)
    send_all()
    assert len(siem.bodies) == 1
    row = stream_of(made)
    assert (row.next_at, row.failures, row.said) == (waits_until, 1, "The server answers 503.")
    siem.then = 204
    make_due(made)
    send_all()
    assert siem.indexes[-1] == length(place)


def test_after_a_day_of_failing_its_people_hear_once(
    made: Made, siem: Siem, django_capture_on_commit_callbacks: Any
) -> None:
    siem.then = 500
    send_all()
    with tenant(made.stream.organization_id):
        Stream.objects.update(failing_since=now() - timedelta(hours=25))
    mail.outbox.clear()
    for _ in range(2):
        make_due(made)
        with django_capture_on_commit_callbacks(execute=True):
            send_all()
    assert ["brought nothing for a day" in letter.subject for letter in mail.outbox] == [True]


def test_a_batch_that_is_too_large_is_sent_in_parts(made: Made, siem: Siem, place: Place) -> None:
    make_events(place, 8)
    siem.answers = [413, 413]
    send_all()
    sizes = [body.count(b"\n") for body in siem.bodies]
    assert sizes[0] // 4 == sizes[2]
    assert siem.indexes[sizes[0] + sizes[1] :] == list(range(1, length(place) + 1))
    assert stream_of(made).failing_since is None


def test_a_slow_target_gets_one_batch_at_a_time(
    made: Made, siem: Siem, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ENTRIES", 3)
    monkeypatch.setattr(https, "SECONDS", 0.3)
    make_events(place, 9)
    siem.open.clear()
    send_all()
    assert len(siem.bodies) == 1
    assert stream_of(made).said == "The server takes too long."
    siem.open.set()
    make_due(made)
    send_all()
    assert siem.indexes == [1, 2, 3, *range(1, length(place) + 1)]


def test_it_begins_now_unless_it_is_told_to_begin_at_the_start(place: Place, siem: Siem) -> None:
    make_events(place, 3)
    before = length(place)
    made = stream_to(place, siem.url, begin="now")
    assert position_of(made).acknowledged == before
    send_all()
    assert siem.indexes == [before + 1]  # its own making


def test_how_far_behind_it_is(made: Made, siem: Siem, place: Place) -> None:
    siem.then = 500
    send_all()
    with tenant(place.id):
        [row] = selectors.list_streams(place.actor())
        lag = selectors.lag_of(row, row.positions.all(), selectors.lengths_of(place.id, place.live_id))
    assert (lag.entries, 0 <= lag.seconds < 60) == (length(place), True)
    siem.then = 204
    make_due(made)
    send_all()
    with tenant(place.id):
        [row] = selectors.list_streams(place.actor())
        lag = selectors.lag_of(row, row.positions.all(), selectors.lengths_of(place.id, place.live_id))
    assert (lag.entries, lag.seconds) == (0, 0)


def test_what_is_kept_of_batches_is_bounded(
    made: Made, siem: Siem, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ENTRIES", 1)
    monkeypatch.setattr(sending, "BATCHES_KEPT", 3)
    make_events(place, 6)
    send_all()
    assert [batch.first for batch in batches_of(made)] == [length(place) - 2, length(place) - 1, length(place)]


def test_nothing_of_another_tenant_or_environment_goes_out(made: Made, siem: Siem, place: Place) -> None:
    other = make_place()
    make_events(other, 4)
    send_all()
    assert {entry["document"]["organization"] for entry in siem.entries} == {str(place.id)}
    assert {entry["document"]["environment"] for entry in siem.entries} == {str(place.live_id)}
