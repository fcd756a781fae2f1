"""What a superuser does to requests in the log, or to a tree, is found at its place (AUD-2, AUD-3)."""

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test import Client

from audit import actions
from audit.sequencing import TrailBroken
from audit.tags import Log
from audit.verify import Verdict
from hq.db.context import tenant
from tests.audit.support import request
from tests.database import as_superuser
from tests.factories import Place, make_api_key, make_place

pytestmark = pytest.mark.django_db(transaction=True)
LINES = 300  # more than a tile
TABLES = ("audit_accessentry", "audit_accesslink", "audit_tile")
ENTRY = "(SELECT id FROM audit_accesslink WHERE index = {})"


@pytest.fixture
def place() -> Place:
    place = make_place()
    with tenant(place.id):
        for number in range(LINES):
            request(place, number)
    actions.grow(place.id, place.live_id)
    return place


def verdict(place: Place, log: Log = Log.ACCESS) -> Verdict:
    return actions.verify_chain(actor=place.actor(), log=log)


def tamper(*statements: str) -> None:
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        for statement in statements:
            assert database.execute(statement).rowcount > 0, statement


def test_it_passes_what_nobody_changed(place: Place) -> None:
    found = verdict(place)
    assert (found.ok, found.length) == (True, LINES)
    assert verdict(place, Log.ADMIN).ok


def test_over_the_api_each_log_is_verified_by_itself(place: Place) -> None:
    tamper(f"UPDATE audit_accessentry SET route = 'x' WHERE id = {ENTRY.format(7)}")
    key = {"authorization": f"Bearer {make_api_key(place)}"}
    requests, events = (
        Client().get(f"/v1/environments/{place.live_id}/audit/{log}/verify-chain", headers=key).json()
        for log in ("access", "admin")
    )
    assert (requests["verified"], requests["first_bad"]["index"]) == (False, 7)
    assert (events["verified"], events["first_bad"]) == (True, None)


CHANGES = {
    "another route": (f"UPDATE audit_accessentry SET route = 'x' WHERE id = {ENTRY}", "hash"),
    "another status": (f"UPDATE audit_accessentry SET status = 200 + 4 WHERE id = {ENTRY}", "hash"),
    "another address": (f"UPDATE audit_accessentry SET ip = '198.51.100.9' WHERE id = {ENTRY}", "hash"),
    "another time": (f"UPDATE audit_accessentry SET at = at + interval '1us' WHERE id = {ENTRY}", "hash"),
    "nobody instead of somebody": (f"UPDATE audit_accessentry SET actor_id = NULL WHERE id = {ENTRY}", "hash"),
    "another detail": (
        f"UPDATE audit_accessentry SET detail = set_byte(detail, 30, get_byte(detail, 30) # 1) WHERE id = {ENTRY}",
        "detail",
    ),
    "no commitment": (f"UPDATE audit_accessentry SET commitment = NULL WHERE id = {ENTRY}", "hash"),
    "the line deleted": (f"DELETE FROM audit_accessentry WHERE id = {ENTRY}", "missing"),
    "the place deleted": ("DELETE FROM audit_accesslink WHERE index = {}", "missing"),
    "the link before changed": (
        "UPDATE audit_accesslink SET previous = set_byte(previous, 0, get_byte(previous, 0) # 1) WHERE index = {}",
        "follow",
    ),
    "the link changed": (
        "UPDATE audit_accesslink SET hash = set_byte(hash, 0, get_byte(hash, 0) # 1) WHERE index = {}",
        "hash",
    ),
    "the leaf changed": (
        (
            "UPDATE audit_tile SET hashes = set_byte(hashes, 32 * 23, get_byte(hashes, 32 * 23) # 1)"  # 279 = 256 + 23
            " WHERE log = 'access' AND level = 0 AND number = 1"
        ),
        "tree",
    ),
}


def test_it_names_the_request_that_was_changed(place: Place) -> None:
    """Each by itself: what was changed is put back as it was."""
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        for table in TABLES:
            database.execute(f"CREATE TEMP TABLE kept_{table} AS SELECT * FROM {table}")
        for what, (change, reason) in CHANGES.items():
            assert database.execute(change.format(280)).rowcount == 1, what
            found = verdict(place)
            assert found.first_bad == 280, what
            assert reason in found.reason, what
            for table in TABLES:
                database.execute(f"DELETE FROM {table}")
                database.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
    assert verdict(place).ok


def test_two_that_were_swapped_are_found_at_the_first(place: Place) -> None:
    tamper(
        "UPDATE audit_accesslink SET index = index + 10000 WHERE index IN (100, 250)",
        "UPDATE audit_accesslink SET index = 10350 - index WHERE index > 10000",
    )
    assert verdict(place).first_bad == 100


def test_one_that_was_put_in_is_found_though_it_has_no_place(place: Place) -> None:
    tamper(
        "INSERT INTO audit_accessentry SELECT gen_random_uuid(), organization_id, environment_id, at, actor_kind,"
        " actor_id, method, verb, route, status, ip, request_id, duration_ms, detail, commitment, xid"
        f" FROM audit_accessentry WHERE id = {ENTRY.format(7)}"
    )
    actions.grow(place.id, place.live_id)
    found = verdict(place)
    assert found.first_bad == LINES + 1
    assert "was put in" in found.reason


def test_a_tail_that_was_cut_while_the_head_stayed_is_missed(place: Place) -> None:
    tamper("DELETE FROM audit_accesslink WHERE index > 290", "DELETE FROM audit_accessentry WHERE duration_ms >= 290")
    found = verdict(place)
    assert (found.first_bad, "missing" in found.reason) == (291, True)


def test_one_of_another_tenant_does_not_fit(place: Place) -> None:
    """A line that moved, with its place, leaves a gap here, and does not follow there."""
    other = make_place()
    request(other)
    actions.grow(other.id, other.live_id)
    for table in ("audit_accessentry", "audit_accesslink"):
        tamper(
            f"UPDATE {table} SET organization_id = '{other.id}', environment_id = '{other.live_id}'"
            f" WHERE id = {ENTRY.format(2)}"
        )
    tamper("UPDATE audit_loghead SET size = 2 WHERE log = 'access' AND size = 1")
    assert verdict(place).first_bad == 2
    assert verdict(other).first_bad == 2


@pytest.mark.parametrize("level", [0, 1])
def test_tiles_that_are_not_there_are_missed(place: Place, level: int) -> None:
    tamper(f"DELETE FROM audit_tile WHERE log = 'access' AND level = {level} AND number = 0")
    assert verdict(place).first_bad == 1


def test_a_hash_above_the_leaves_is_found_at_the_leaves_it_is_over(place: Place) -> None:
    tamper(
        "UPDATE audit_tile SET hashes = set_byte(hashes, 4, get_byte(hashes, 4) # 1) WHERE log = 'access' AND level = 1"
    )
    assert verdict(place).first_bad == 1


def test_a_log_that_was_rewritten_whole_no_longer_fits_its_tree(place: Place) -> None:
    """The chain fits itself again, and its head; only what the tree holds tells where it was rewritten."""
    tamper(
        f"UPDATE audit_accessentry SET route = 'x' WHERE id = {ENTRY.format(250)}",
        "DELETE FROM audit_accesslink WHERE index >= 250",
        "UPDATE audit_loghead SET size = 249, hash = (SELECT hash FROM audit_accesslink WHERE index = 249), xid = 0"
        " WHERE log = 'access'",
    )
    with pytest.raises(TrailBroken) as refused:  # HQ's own worker adds nothing over what the tree holds
        actions.grow(place.id, place.live_id)
    assert refused.value.log == Log.ACCESS
    tamper(
        "UPDATE audit_tile SET hashes = substr(hashes, 1, 32 * 249) WHERE log = 'access' AND level = 0 AND number = 0",
        "DELETE FROM audit_tile WHERE log = 'access' AND (level > 0 OR number > 0)",
    )
    actions.grow(place.id, place.live_id)  # as a rewriter would
    assert verdict(place).ok  # of the database alone no more can be said: checkpoints kept elsewhere find it
    tamper(f"UPDATE audit_accessentry SET route = 'y' WHERE id = {ENTRY.format(250)}")
    assert verdict(place).first_bad == 250


@pytest.mark.parametrize("table", ["audit_accessentry", "audit_accesslink"])
@pytest.mark.parametrize("change", ["UPDATE {} SET organization_id = organization_id", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_running_role_can_change_nothing(table: str, change: str) -> None:
    with (
        tenant(make_place().id),
        pytest.raises(DatabaseError, match=r"permission denied|append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change.format(table))
