"""What is missing from the trail stops a stream and is said; what went to the archive is passed over."""

import pytest
from django.db import connection

from hq.db.context import tenant
from hq.db.sealing import KeyUnavailable
from keys import rings
from streams import actions
from streams.actions import Made, sending
from streams.models import Position
from tests.audit.support import request
from tests.database import as_superuser
from tests.factories import Place, make_place
from tests.keys.support import new_data_key
from tests.streams.support import (
    Siem,
    length,
    make_due,
    make_events,
    position_of,
    send_all,
    sequence,
    stream_of,
    stream_to,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(transactional_db: None) -> Place:
    return make_place()


@pytest.fixture
def made(place: Place, siem: Siem) -> Made:
    made = stream_to(place, siem.url)
    make_events(place, 6)
    return made


def lose(place: Place, rows: str, table: str = "audit_auditevent") -> None:
    """As whoever is the database's master takes them away, or a month that is dropped."""
    connection.close()
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute(f"DELETE FROM {table} WHERE environment_id = '{place.live_id}' AND {rows}")


def drop(place: Place, upto: int) -> None:
    """As a month that was archived leaves: the log's head says up to where."""
    sequence(place)
    lose(place, f"index <= {upto}")
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute(
            "UPDATE audit_loghead SET dropped = %s WHERE environment_id = %s AND log = 'admin'", [upto, place.live_id]
        )


@pytest.mark.parametrize("rows", ["index = 4", "index >= 8", "index BETWEEN 3 AND 7", "index < 4", "true"])
def test_a_gap_is_never_passed_over(made: Made, siem: Siem, place: Place, rows: str) -> None:
    lose(place, rows)
    send_all()
    assert stream_of(made).said == sending.NOT_WHOLE
    assert siem.indexes == list(range(1, len(siem.indexes) + 1))
    assert position_of(made).acknowledged == len(siem.indexes) < length(place)


def test_a_gap_behind_what_arrived_is_found_too(made: Made, siem: Siem, place: Place) -> None:
    send_all()
    arrived = list(siem.indexes)
    make_events(place, 3)
    lose(place, f"index = {len(arrived) + 1}")
    send_all()
    assert (siem.indexes, stream_of(made).said) == (arrived, sending.NOT_WHOLE)


def test_a_request_that_lost_its_place_is_no_less_missing(place: Place, siem: Siem) -> None:
    for number in range(5):
        request(place, number)
    made = stream_to(place, siem.url, "access")
    sequence(place)
    lose(place, "index = 3", "audit_accesslink")
    send_all()
    assert (siem.bodies, stream_of(made).said) == ([], sending.NOT_WHOLE)


def test_an_entry_whose_detail_was_changed_stops_it_and_names_nothing_that_is_sealed(
    made: Made, siem: Siem, place: Place
) -> None:
    connection.close()
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute(
            "UPDATE audit_auditevent SET detail = set_byte(detail, 40, get_byte(detail, 40) # 1)"
            " WHERE environment_id = %s AND index = 5",
            [place.live_id],
        )
    send_all()
    assert (siem.bodies, stream_of(made).said) == ([], sending.NOT_WHOLE)


def test_entries_whose_key_was_shredded_go_out_without_their_details(made: Made, siem: Siem, place: Place) -> None:
    shredded = length(place)
    new_data_key(place.id, "audit")
    make_events(place, 3)
    connection.close()
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        lost = "UPDATE keys_datakey SET wrapped = NULL, destroyed_at = now() WHERE purpose = 'audit' AND version = 1"
        database.execute(f"{lost} AND organization_id = %s", [place.id])
    rings.forget(place.id)
    send_all()
    assert siem.indexes == list(range(1, length(place) + 1))
    lost_detail = [entry["index"] for entry in siem.entries if entry["detail"] is None and entry["salt"] is None]
    assert lost_detail == list(range(1, shredded + 1))


def test_a_key_that_is_out_of_reach_is_waited_for(
    made: Made, siem: Siem, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be opened now must not go out as if it never could be."""

    def away(*_: object, **__: object) -> None:
        raise KeyUnavailable

    with monkeypatch.context() as patched:
        patched.setattr("streams.actions.sending.trail.page_log", away)
        send_all()
    assert (siem.bodies, stream_of(made).said, stream_of(made).state) == ([], sending.NO_KEY, "ACTIVE")
    make_due(made)
    send_all()
    assert siem.indexes == list(range(1, length(place) + 1))


def test_what_was_dropped_while_its_batch_was_under_way_does_not_hold_it_up_for_ever(
    made: Made, siem: Siem, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ENTRIES", 3)
    siem.answers = [500]
    send_all()
    assert position_of(made).upto == 3
    drop(place, 5)
    make_due(made)
    send_all()
    assert siem.indexes == [1, 2, 3, *range(6, length(place) + 1)]
    assert position_of(made).acknowledged == length(place)
    assert stream_of(made).failing_since is None


def test_what_is_missing_behind_what_was_dropped_is_no_less_missing(made: Made, siem: Siem, place: Place) -> None:
    drop(place, 3)
    lose(place, "true")
    send_all()
    assert (siem.bodies, stream_of(made).said) == ([], sending.NOT_WHOLE)


def test_a_stream_behind_a_log_that_is_gone_whole_waits_for_what_is_next(made: Made, siem: Siem, place: Place) -> None:
    gone = length(place)
    drop(place, gone)
    send_all()
    assert (siem.bodies, position_of(made).acknowledged, stream_of(made).failing_since) == ([], gone, None)


def test_what_the_former_target_says_of_a_batch_stops_nothing_any_more(
    made: Made, siem: Siem, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody corrected the target while the batch was on its way to the wrong one, which then refused it."""
    siem.answers, real = [401], sending._note

    def note(*given: object) -> bool:
        monkeypatch.setattr(sending, "_note", real)
        with tenant(place.id):
            actions.change_stream(
                actor=place.actor(),
                stream_id=made.stream.id,
                name="SIEM",
                target={"url": siem.url, "header": "X-Key"},
                secret={},
                logs=["admin"],
            )
        return bool(real(*given))  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(sending, "_note", note)
    send_all()
    row = stream_of(made)
    assert (row.state, row.failures) == ("ACTIVE", 0)
    assert siem.headers[-1]["x-key"] == "Bearer of-the-siem"
    assert position_of(made).acknowledged == length(place)


def test_removed_or_paused_while_a_batch_is_on_its_way_nothing_more_goes_out(
    made: Made, siem: Siem, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ENTRIES", 2)
    real = sending._note
    for verb in (actions.pause_stream, actions.remove_stream):

        def note(*given: object, verb: object = verb) -> bool:
            monkeypatch.setattr(sending, "_note", real)
            with tenant(place.id):
                verb(actor=place.actor(), stream_id=made.stream.id)  # type: ignore[operator]  # one of two actions
            return bool(real(*given))  # type: ignore[arg-type]  # as it was called

        monkeypatch.setattr(sending, "_note", note)
        before = len(siem.bodies)
        send_all()
        assert len(siem.bodies) == before + 1
        if verb is actions.pause_stream:
            assert position_of(made).acknowledged == 2
            with tenant(place.id):
                actions.resume_stream(actor=place.actor(), stream_id=made.stream.id)
    with tenant(place.id):
        assert not Position.objects.exists()
