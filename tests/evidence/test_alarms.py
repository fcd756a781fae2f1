"""Who is told of a log that does not fit, and what an altered entry or a wrong clock does not stop."""

import json
from datetime import timedelta

import pytest
from django.core import mail
from django.db import DatabaseError, connection, transaction
from django.test import Client

from audit import tasks
from audit.actions import verify_chain
from audit.models import ChainHead
from audit.selectors import Tree
from audit.tags import Log
from evidence.actions import checkpoints
from evidence.actions.checkpoints import NotAsSigned, make_checkpoints, raise_alarm, tell_altered
from evidence.models import Incident, WitnessedLog
from evidence.selectors import list_logs
from hq.db import lookups
from hq.db.context import tenant
from hq.lib.clock import now
from tests.audit.support import request
from tests.evidence.support import act, behind_its_back, make, newest, rewrite
from tests.factories import make_api_key, make_place, run_jobs, sign_in
from tests.operators import make_operator

pytestmark = pytest.mark.django_db(transaction=True)
ALTER = "UPDATE audit_auditevent SET detail = set_byte(detail, 40, 255 - get_byte(detail, 40)) WHERE index = {}"
NO_KEY = "UPDATE audit_auditevent SET detail = set_byte(detail, 4, 99) WHERE index = {}"
CHANGE = "UPDATE audit_auditevent SET request_id = '{}' WHERE index = 4"


@pytest.fixture
def place():
    place = make_place()
    act(place, 5)
    mail.outbox.clear()
    return place


def due(place, before=None):
    rows = lookups.call("evidence_find_due", before or now())
    return place.live_id in {row["environment_id"] for row in rows}


def state(place):
    with tenant(place.id):
        return {each.log: each for each in list_logs(place.actor())}["admin"]


def test_an_altered_entry_that_is_the_newest_signed_keeps_nothing_from_being_signed_or_looked_at(place):
    size = make(place).size
    with tenant(place.id):
        tell_altered((place.id, place.live_id, "admin"), size)
    committed = lookups.call("evidence_find_committed")
    assert place.live_id in {row["environment_id"] for row in committed}
    act(place)
    assert due(place)


def test_a_checkpoint_of_a_clock_that_was_ahead_puts_off_none(place, monkeypatch):
    monkeypatch.setattr(checkpoints, "now", lambda: now() + timedelta(days=365))
    ahead = make(place)
    monkeypatch.undo()
    act(place)
    assert due(place, now() - timedelta(seconds=25))
    assert make(place).at == ahead.at
    act(place)
    assert due(place, now() - timedelta(seconds=25))


def daily_check():
    tasks.sweep()
    run_jobs()


def test_a_check_that_finds_what_does_not_fit_tells_those_who_can_do_something_once(place):
    operator = make_operator()
    make(place)
    behind_its_back(CHANGE.format("req_other"))
    daily_check()
    assert make(place) is not None  # the tree holds what was written
    assert sorted(letter.to for letter in mail.outbox) == sorted([[operator.email], [place.owner.email]])
    for letter in mail.outbox:
        assert "Entry 4 of the log is not what was written there." in letter.body
        assert (f"The organization’s id is {place.id}." in letter.body) == (letter.to == [operator.email])
    verify_chain(actor=place.actor())
    assert len(mail.outbox) == 2
    with tenant(place.id):
        incident = Incident.objects.get()
    assert (incident.kind, incident.found_size, incident.stops_checkpoints) == ("unfit", 4, False)
    assert state(place).state == "contradicted"
    page = sign_in(place.owner).get(f"/o/{place.slug}/live/integrity/").content.decode()
    assert "Entry 4 of the log is not what was written there." in page
    assert "Its tree is whole, and is signed as before." in page


def test_that_alarm_ends_when_everything_fits_again(place):
    make(place)
    turned = "previous = set_byte(previous, 0, 255 - get_byte(previous, 0))"
    states = []
    for _ in range(2):
        behind_its_back(f"UPDATE audit_auditevent SET {turned} WHERE index = 4")  # the second time it is as it was
        verify_chain(actor=place.actor())
        states.append(state(place).state)
    assert states == ["contradicted", "whole"]


def test_a_changed_detail_is_the_same_alarm_whoever_finds_it(place):
    behind_its_back(ALTER.format(4))
    with tenant(place.id):
        tell_altered((place.id, place.live_id, "admin"), 4)
    verify_chain(actor=place.actor())
    with tenant(place.id):
        assert Incident.objects.get().kind == "altered"


def test_a_request_that_does_not_fit_is_told_too(place):
    for number in range(3):
        request(place, number)
    make_checkpoints(place.id, place.live_id)
    behind_its_back("UPDATE audit_accessentry SET route = 'other' WHERE duration_ms = 2")
    verify_chain(actor=place.actor(), log=Log.ACCESS)
    with tenant(place.id):
        incident = Incident.objects.get()
    assert (incident.kind, incident.log, incident.found_size) == ("unfit", "access", 3)


def test_of_an_erased_organization_those_are_told_who_run_hq(place):
    operator = make_operator()
    make(place)
    rewrite(place, first=3)
    behind_its_back(("DELETE FROM tenants_organization WHERE id = %s", (place.id,)))
    with pytest.raises(NotAsSigned):
        make(place)
    with tenant(place.id):
        assert Incident.objects.get().kind == "forked"
    assert [letter.to for letter in mail.outbox] == [[operator.email]]


def test_a_tree_that_lacks_hashes_or_holds_others_keeps_only_its_own_log_from_being_signed(place):
    for number in range(3):
        request(place, number)
    make_checkpoints(place.id, place.live_id)
    act(place)
    for number in range(3):
        request(place, number)
    behind_its_back("UPDATE audit_loghead SET size = size - 1 WHERE log = 'access'")
    with pytest.raises(NotAsSigned):
        make_checkpoints(place.id, place.live_id)
    with tenant(place.id):
        assert [(each.log, each.kind) for each in Incident.objects.all()] == [("access", "shorter")]
    assert newest(place).size == tree_size(place)
    behind_its_back("DELETE FROM audit_tile WHERE log = 'access'")
    act(place)
    with pytest.raises(NotAsSigned):
        make_checkpoints(place.id, place.live_id)
    assert newest(place).size == tree_size(place)


def tree_size(place):
    with tenant(place.id):
        return ChainHead.objects.get(environment_id=place.live_id).length


def test_many_altered_entries_hide_no_fork(place):
    kept = make(place)
    with tenant(place.id):
        raise_alarm((place.id, place.live_id, "admin"), Incident.Kind.FORKED, kept, Tree(kept.size, bytes(kept.root)))
        Incident.objects.bulk_create(
            Incident(
                organization_id=place.id,
                environment_id=place.live_id,
                log="admin",
                kind="altered",
                size=index,
                found_size=index,
                found_root=bytes(32),
                at=now(),
            )
            for index in range(1000, 1120)
        )
    assert state(place).incident.kind == "forked"


def test_an_altered_event_is_shown_with_marks_among_the_others(place):
    make(place)
    behind_its_back(ALTER.format(4), NO_KEY.format(5))
    client = sign_in(place.owner)
    for path in ("audit/", "audit/4", "audit/5", "audit/?event=4", "audit/?tag=group:created", ""):
        answer = client.get(f"/o/{place.slug}/live/{path}")
        assert (answer.status_code, "[altered]" in answer.content.decode()) == (200, True), path
    assert "Its content is not what was recorded." in client.get(f"/o/{place.slug}/live/audit/4").content.decode()
    assert "Its content is not what was recorded." in client.get(f"/o/{place.slug}/live/audit/5").content.decode()
    key = {"authorization": f"Bearer {make_api_key(place)}"}
    address = f"/v1/environments/{place.live_id}/audit/events"
    listed = {event["index"]: event for event in Client().get(address, headers=key).json()["items"]}
    assert [listed[index]["actor"]["label"] for index in (4, 5)] == ["[altered]"] * 2
    assert listed[3]["target"]["label"] == "Group"
    assert Client().get(f"{address}/4", headers=key).json()["after"] is None


@pytest.mark.parametrize("change", [ALTER, NO_KEY])
def test_an_altered_event_is_not_given_out_with_a_proof_and_raises_an_alarm(place, change):
    make(place)
    behind_its_back(change.format(4))
    key = {"authorization": f"Bearer {make_api_key(place)}"}
    answer = Client().get(f"/v1/environments/{place.live_id}/audit/events/4/proof", headers=key)
    assert (answer.status_code, json.loads(answer.content)["type"].rpartition("/")[2]) == (409, "detail-changed")
    with tenant(place.id):
        assert Incident.objects.get().kind == "altered"


def test_a_request_that_was_altered_is_shown_with_marks(place):
    request(place)
    behind_its_back("UPDATE audit_accessentry SET detail = set_byte(detail, 40, 255 - get_byte(detail, 40))")
    answer = sign_in(place.owner).get(f"/o/{place.slug}/live/audit/?kind=access")
    assert (answer.status_code, "[altered]" in answer.content.decode()) == (200, True)


BACK = ["size = 3", "root = sha256(root)", "at = at - interval '1s'", "size = 9, at = at - interval '1s'"]


@pytest.mark.parametrize("change", BACK)
def test_what_hq_saw_as_a_witness_only_goes_on(db, change):
    WitnessedLog.objects.create(origin="o", size=5, root=bytes(32), note="n", at=now())
    with pytest.raises(DatabaseError, match="only goes on"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE evidence_witnessedlog SET {change}")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE evidence_witnessedlog SET size = 6, root = sha256(root), at = at + interval '1s'")
    assert WitnessedLog.objects.get().size == 6
