"""SQL by the running role: what it may write of the trail besides entries only goes on from what it was."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from audit import actions, recorder, selectors
from audit.models import AccessEntry, ChainVerification
from audit.recorder import Target
from audit.tags import Log, Tag
from audit.watch import find_changed, tell_changes
from audit.watch_models import Change, ToldChange
from hq.db import lookups
from hq.db.context import tenant
from hq.lib.clock import now
from tenants.models import Group
from tests.audit.support import request, whole
from tests.factories import Place, make_place

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place() -> Place:
    place = make_place()
    with tenant(place.id):
        for _ in range(5):
            recorder.record(place.actor(), Tag.SHARE_CREATED, target=Target("share", place.id, "link"))
    for number in range(3):
        request(place, number)
    actions.grow(place.id, place.live_id)
    return place


def refused(place: Place, statement: str) -> str:
    with tenant(place.id), pytest.raises(DatabaseError) as fault, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    return str(fault.value)


NOW = "pg_current_xact_id()::text::bigint"
ZERO = "decode(repeat('00', 32), 'hex')"
BACK = {
    "the chain's length": "UPDATE audit_chainhead SET length = 3",
    "the chain's beginning": f"UPDATE audit_chainhead SET length = 0, hash = {ZERO}",
    "two steps at once": f"UPDATE audit_chainhead SET length = length + 2, previous = hash, at = now(), xid = {NOW}",
    "a step from elsewhere": f"UPDATE audit_chainhead SET length = length + 1, previous = {ZERO}, at = at, xid = {NOW}",
    "a step back in time": (
        f"UPDATE audit_chainhead SET length = length + 1, previous = hash, at = at - interval '1s', xid = {NOW}"
    ),
    "a step at no time": f"UPDATE audit_chainhead SET length = length + 1, previous = hash, at = NULL, xid = {NOW}",
    "the newest link": "UPDATE audit_chainhead SET hash = sha256(hash)",
    "that nobody hears": "UPDATE audit_chainhead SET heard = true; UPDATE audit_chainhead SET heard = false",
    "the log's length": "UPDATE audit_loghead SET size = size - 1",
    "the log's newest link": "UPDATE audit_loghead SET hash = sha256(hash)",
    "a hash of the tree": "UPDATE audit_tile SET hashes = set_byte(hashes, 4, get_byte(hashes, 4) # 1)",
    "hashes of the tree taken away": "UPDATE audit_tile SET hashes = substr(hashes, 1, 32)",
    "another place in the order": (
        "INSERT INTO audit_accessentry (id, organization_id, at, actor_kind, method, verb, route, status, request_id,"
        " duration_ms, detail, xid) SELECT gen_random_uuid(), organization_id, at, '', '', '', '', 200, '', 1, detail,"
        " 1000000000000 FROM audit_accessentry LIMIT 1"
    ),
    "that an event was left, which was not": f"UPDATE audit_chainhead SET xid = {NOW}",
    "a chain that was there before": (
        "INSERT INTO audit_chainhead (id, organization_id, environment_id, length, hash, xid) SELECT gen_random_uuid(),"
        f" organization_id, gen_random_uuid(), 0, {ZERO}, {NOW} FROM audit_chainhead"
    ),
    "a log that was there before": (
        "INSERT INTO audit_loghead (id, organization_id, environment_id, log, size, hash, xid, entry_id, cluster,"
        f" dropped) SELECT gen_random_uuid(), organization_id, gen_random_uuid(), 'admin', 9, {ZERO}, 0, id, 0, 0"
        " FROM audit_loghead LIMIT 1"
    ),
}


@pytest.mark.parametrize("what", BACK)
def test_nothing_is_set_back_or_made_up(place: Place, what: str) -> None:
    assert "only goes on from what it was" in refused(place, BACK[what])
    whole(place)
    whole(place, Log.ADMIN)


NEVER = [
    "SET session_replication_role = replica",
    "ALTER TABLE audit_auditevent DISABLE TRIGGER ALL",
    "ALTER TABLE audit_chainhead DISABLE TRIGGER goes_on",
    "ALTER TABLE audit_auditevent DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE audit_auditevent DETACH PARTITION audit_auditevent_default",
    "CREATE TABLE p PARTITION OF audit_auditevent FOR VALUES FROM (MINVALUE) TO (MAXVALUE)",
    "DROP TABLE audit_auditevent_default",
    "SELECT 1 FROM audit_auditevent_default",
    "CREATE TEMP TABLE audit_auditevent (id uuid)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION public.audit_goes_on() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE RULE nothing AS ON INSERT TO audit_auditevent DO INSTEAD NOTHING",
    "CREATE POLICY everything ON audit_auditevent USING (true)",
    "COPY audit_auditevent FROM PROGRAM 'true'",
    "COPY audit_auditevent TO '/dev/null'",
    "LOCK TABLE audit_auditevent IN SHARE MODE",
    "SELECT 1 FROM audit_auditevent FOR UPDATE",
    "MERGE INTO audit_auditevent e USING (SELECT 1) AS s ON e.index = 3 WHEN MATCHED THEN DELETE",
    "SET ROLE hq_owner",
    "SET ROLE hq_lookup",
    "SET SESSION AUTHORIZATION hq_owner",
    "DELETE FROM audit_chainhead",
    "DELETE FROM audit_tile",
    "UPDATE audit_loghead SET dropped = size",
    "INSERT INTO audit_change SELECT * FROM audit_change",
    "SELECT audit_is_told()",
]


@pytest.mark.parametrize("statement", NEVER)
def test_the_running_role_has_no_way_around_it(place: Place, statement: str) -> None:
    fault = refused(place, statement)
    assert any(said in fault for said in ("permission denied", "must be owner", "only be called as triggers")), fault


def test_a_write_past_the_application_is_noted_whatever_the_head_is_made_to_say(place: Place) -> None:
    with tenant(place.id):
        Group.objects.create(organization_id=place.id, name="x")
        with connection.cursor() as cursor, pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute(f"UPDATE audit_chainhead SET xid = {NOW}")
    with tenant(place.id):
        assert Change.objects.get().table == "tenants_group"


def test_a_change_is_not_told_that_no_event_tells_of(place: Place) -> None:
    def call_told(event_id: Any = None) -> None:
        """By an event that tells of something else, unless one is given."""
        with tenant(place.id):
            change = Change.objects.latest("at")
            other = recorder.record(place.actor(), Tag.SHARE_CREATED, target=Target("share", place.id))
            ToldChange.objects.create(id=change.id, organization_id=place.id, event_id=event_id or other.id)

    with tenant(place.id):
        Group.objects.create(organization_id=place.id, name="x")
    assert find_changed() == [place.id]
    with pytest.raises(DatabaseError, match="no event tells of it"):
        call_told(place.id)
    with pytest.raises(DatabaseError, match="no event tells of it"):
        call_told()
    assert tell_changes(place.id) == 1
    assert find_changed() == []
    with tenant(place.id):
        former = ToldChange.objects.get().event_id
        Group.objects.create(organization_id=place.id, name="y")
    with pytest.raises(DatabaseError, match="no event tells of it"):
        call_told(former)
    assert find_changed() == [place.id]


def found_whole(place: Place, at: Any) -> None:
    with tenant(place.id):
        ChainVerification.objects.create(
            organization_id=place.id, environment_id=place.live_id, at=at, length=7, head=bytes(32)
        )


def test_a_check_of_a_time_to_come_puts_off_none_and_hides_none(place: Place) -> None:
    found_whole(place, now() + timedelta(days=365))
    due = [(row["environment_id"], row["log"]) for row in selectors.find_unverified(now() - timedelta(days=1))]
    assert (place.live_id, "admin") in due
    with tenant(place.id):
        assert selectors.chain_status(place.actor()).state == "waiting"
    found_whole(place, now())
    assert (place.live_id, "admin") not in [
        (row["environment_id"], row["log"]) for row in selectors.find_unverified(now() - timedelta(days=1))
    ]


def test_operators_see_that_either_log_is_broken(place: Place) -> None:
    """The last check of the one hides nothing of the last check of the other."""
    for log, first_bad in ((Log.ADMIN, 3), (Log.ACCESS, None)):
        with tenant(place.id):
            ChainVerification.objects.create(
                organization_id=place.id,
                environment_id=place.live_id,
                log=log,
                at=now(),
                length=7,
                head=bytes(32),
                first_bad=first_bad,
            )
    (known,) = lookups.call("audit_last_events", [place.id])
    assert (known["broken"], known["events"]) == (True, 7)
    found_whole(place, now())
    (known,) = lookups.call("audit_last_events", [place.id])
    assert known["broken"] is False


def test_a_line_has_the_number_of_its_own_transaction(place: Place) -> None:
    with tenant(place.id), connection.cursor() as cursor:
        request(place, 9)
        cursor.execute(f"SELECT {NOW}")
        assert AccessEntry.objects.latest("pk").xid == cursor.fetchone()[0]
