"""Entries that SQL puts into a log, or behind it, are found at their place; so is a detail that passes for erased."""

import pytest
from django.db import connection

from audit import actions, recorder, verify
from audit.recorder import Target
from audit.tags import Log, Tag
from audit.verify import Verdict
from hq.db.context import tenant
from tests.audit.support import request
from tests.database import as_superuser
from tests.factories import Place, make_place

pytestmark = pytest.mark.django_db(transaction=True)
COPIED = (
    "organization_id, environment_id, {index}, at, 'key:destroyed', actor_kind, actor_id, method, target_kind,"
    " target_id, ip, request_id, detail, commitment, previous, hash"
)
LATE = "('f' || substr(gen_random_uuid()::text, 2))::uuid"  # of no month that was made
PUT_IN = (
    "INSERT INTO audit_auditevent (id, organization_id, environment_id, index, at, tag, actor_kind, actor_id, method,"
    f" target_kind, target_id, ip, request_id, detail, commitment, previous, hash) SELECT {LATE}, {COPIED}"
    " FROM audit_auditevent WHERE index = 3"
)
HIDDEN = (
    "INSERT INTO audit_accesslink (id, organization_id, environment_id, index, previous, hash)"
    " SELECT e.id, e.organization_id, e.environment_id, {index}, h.hash, h.hash"
    " FROM audit_accessentry e, audit_chainhead h WHERE e.duration_ms = 4"
)


@pytest.fixture
def place() -> Place:
    place = make_place()
    with tenant(place.id):
        for _ in range(5):
            recorder.record(place.actor(), Tag.SHARE_CREATED, target=Target("share", place.id, "link"))
    actions.grow(place.id, place.live_id)
    return place


def by_the_running_role(place: Place, statement: str) -> None:
    with tenant(place.id), connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount == 1


def verdict(place: Place, log: Log = Log.ADMIN) -> Verdict:
    return actions.verify_chain(actor=place.actor(), log=log)


def test_an_event_put_in_behind_the_end_is_found_there(place: Place) -> None:
    by_the_running_role(place, PUT_IN.format(index=1000))
    found = verdict(place)
    assert (found.first_bad, found.reason) == (1000, "it was put in behind the end of the log")


@pytest.mark.parametrize("page", [3, 4, 2000])
def test_a_second_event_at_a_place_is_found_there_wherever_pages_end(
    place: Place, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands in another month, by its id; each month by itself holds an index once."""
    monkeypatch.setattr(verify, "PAGE", page)
    by_the_running_role(place, PUT_IN.format(index=3))
    found = verdict(place)
    assert found.first_bad == 3
    assert "two entries stand" in found.reason or "hash" in found.reason  # whichever of them comes first


def test_a_request_that_is_kept_out_of_its_log_by_a_place_far_away_is_found(place: Place) -> None:
    for number in range(6):
        request(place, number)
    by_the_running_role(place, HIDDEN.format(index=10**9))
    actions.grow(place.id, place.live_id)
    found = verdict(place, Log.ACCESS)
    assert (found.first_bad, found.reason) == (10**9, "it was put in behind the end of the log")


def test_a_head_that_counts_less_than_the_tree_is_said_and_no_fault(place: Place) -> None:
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute(
            "UPDATE audit_chainhead h SET length = 3, hash = e.hash FROM audit_auditevent e WHERE e.index = 3"
        )
        database.execute("DELETE FROM audit_auditevent WHERE index > 3")
    found = verdict(place)
    assert (found.length, found.first_bad) == (3, 4)
    assert "the tree holds entries" in found.reason


@pytest.mark.parametrize("version", [0, 99])
@pytest.mark.parametrize("log", Log)
def test_a_detail_that_names_a_key_that_never_was_does_not_pass_for_an_erased_one(
    place: Place, log: Log, version: int
) -> None:
    request(place)
    actions.grow(place.id, place.live_id)
    assert verdict(place, log).ok
    table, which = {Log.ADMIN: ("audit_auditevent", "index = 4"), Log.ACCESS: ("audit_accessentry", "true")}[log]
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute(f"UPDATE {table} SET detail = set_byte(detail, 4, {version}) WHERE {which}")
    found = verdict(place, log)
    assert (found.first_bad, found.reason) == ({Log.ADMIN: 4, Log.ACCESS: 1}[log], "its sealed detail was changed")
