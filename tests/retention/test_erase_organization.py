"""Erasing an organization: who may ask, who agrees, how long it waits, and what is left in the end."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core import mail
from django.db import DatabaseError, connection, transaction

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.crypto.statements import open_file
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.lib.clock import now
from jobs.models import Job
from keys import selectors as keys
from keys.models import Cmk, DataKey, Statement
from keys.providers import KeyState, provider
from retention import actions, selectors
from retention.models import Erasure
from tenants.models import Organization, User
from tests.factories import make_api_key, make_member, make_place
from tests.retention.support import age, ask, due_of, erasure_of, make_due, work
from vault import actions as vault

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
State = Erasure.State


@pytest.fixture
def place():
    place = make_place()
    vault.put_object(actor=place.actor(), path="claims/2026.csv", chunks=[b"claim,amount\n1,250\n"])
    return place


def approve(place, person, wish):
    with tenant(place.id):
        return actions.approve_erasure(actor=place.actor(person=person), erasure_id=wish.id)


def test_a_sole_owner_waits_alone_and_then_nothing_is_left_but_tombstone_and_certificate(place):
    make_api_key(place)
    wish = ask(place)
    assert wish.state == State.WAITING
    make_due(place.id)
    work()
    wish = erasure_of(place.id)
    assert wish.state == State.ERASED
    with tenant(place.id):
        assert not Organization.objects.exists()
        assert selectors.count_rows(place.id) == []
        [cmk] = Cmk.objects.filter(organization_id=place.id)
        assert cmk.state == KeyState.DESTROYED
        assert not DataKey.objects.filter(organization_id=place.id, wrapped__isnull=False).exists()
    assert provider(cmk.provider).describe_key(cmk.ref).state == KeyState.DESTROYED
    assert not [file for file in (Path(settings.DATA_DIR) / "objects").rglob("*") if place.slug in str(file)]
    owner = User.objects.get(pk=place.owner.pk)
    assert (owner.is_active, owner.label, owner.has_usable_password()) == (False, "Erased member", False)
    assert place.owner.email not in owner.email


def test_the_certificate_holds_says_what_went_and_is_mailed_to_the_owners(place, tmp_path):
    address = place.owner.email
    wish = ask(place)
    make_due(place.id)
    work()
    with tenant(place.id):
        statement = Statement.objects.get(organization_id=place.id, pk=str(erasure_of(place.id).statement_id))
    [sent] = [message for message in mail.outbox if "is erased" in message.subject]
    assert sent.to == [address]
    [(name, content, _)] = sent.attachments
    said = open_file(content.encode(), {"keys": keys.public_keys()})
    assert said["id"] == str(statement.id)
    assert said["bucket"] | {"digest": ""} == {"digest": "", "objects": 1, "versions": 1, "files": 1, "bytes": 79}
    assert {line["what"]: line["rows"] for line in said["counts"]}["Memberships"] == 1
    assert said["people"] == {"erased": 1, "left": 0}
    assert said["requested"]["by"] == str(wish.requested_by_id)
    (tmp_path / name).write_text(content)
    checked = subprocess.run(
        [sys.executable, ROOT / "bin/verify", tmp_path / name, "--kid", statement.kid],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Backups that may still hold it expire at" in checked.stdout
    assert erasure_of(place.id).addresses is None


def test_where_there_is_another_owner_one_of_them_has_to_agree(place):
    other = make_member(place, Role.OWNER)
    wish = ask(place)
    assert wish.state == State.REQUESTED
    late = make_member(place, Role.OWNER)
    with pytest.raises(actions.SecondOwner):
        approve(place, place.owner, wish)
    with pytest.raises(actions.TooNew):
        approve(place, late, wish)
    assert approve(place, other, wish).state == State.WAITING
    assert due_of(place.id) > now() + timedelta(days=6)


def test_any_owner_calls_it_off_until_it_begins(place):
    other = make_member(place, Role.OWNER)
    approve(place, other, ask(place))
    with tenant(place.id):
        actions.cancel_erasure(actor=place.actor(person=other), erasure_id=erasure_of(place.id).id)
    make_due(place.id)
    work()
    with tenant(place.id):
        assert Organization.objects.get().state == Organization.State.READY
        tags = AuditEvent.objects.filter(tag__startswith="erasure:").order_by("index").values_list("tag", flat=True)
        assert list(tags) == ["erasure:requested", "erasure:approved", "erasure:cancelled"]
    assert [message.subject.split(" (")[0] for message in mail.outbox if message.to == [place.owner.email]] == [
        "HQ: Somebody asks to erase the organization",
        "HQ: The organization will be erased",
        "HQ: The organization is not erased",
    ]


def test_it_is_not_begun_before_its_time_whatever_the_worker_thinks(place):
    ask(place)
    work()
    assert erasure_of(place.id).state == State.WAITING
    with pytest.raises(DatabaseError, match="not due"), transaction.atomic(), tenant(place.id):
        Erasure.objects.filter(organization_id=place.id).update(state=State.ERASING, began_at=now())


def test_the_database_lets_nothing_of_it_go_nearer_or_without_a_second_owner(place):
    make_member(place, Role.OWNER)
    wish = ask(place)
    rows = Erasure.objects.filter(id=wish.id)
    with pytest.raises(DatabaseError, match="agreed_to"), transaction.atomic(), tenant(place.id):
        rows.update(state=State.WAITING, due_at=now() + timedelta(days=7))
    with pytest.raises(DatabaseError, match="another_person"), transaction.atomic(), tenant(place.id):
        rows.update(approved_by_id=wish.requested_by_id)
    with pytest.raises(DatabaseError, match="waits"), transaction.atomic(), tenant(place.id):
        rows.update(due_at=now() + timedelta(days=1))


def test_an_organization_that_is_not_being_erased_cannot_be_deleted(place):
    with (
        pytest.raises(DatabaseError, match="by being erased only"),
        tenant(place.id),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM tenants_organization")


def test_a_clock_that_leapt_gives_people_another_day(place):
    ask(place)
    make_due(place.id)
    age("retention_erasure", place.id, looked_at=now() - timedelta(days=2))
    work()
    wish = erasure_of(place.id)
    assert (wish.state, due_of(place.id) > now() + timedelta(hours=23)) == (State.WAITING, True)


def test_a_hold_stops_asking_and_what_was_agreed_to(place):
    with tenant(place.id):
        hold = actions.place_hold(actor=place.actor(), name="Case 7", reason="Court order", prefixes=["claims/"])
    with pytest.raises(actions.Held):
        ask(place)
    with tenant(place.id):
        actions.lift_hold(actor=place.actor(), hold_id=hold.id, reason="Settled")
    ask(place)
    with tenant(place.id):
        actions.place_hold(actor=place.actor(), name="Case 8", reason="Another")
    make_due(place.id)
    work()
    assert erasure_of(place.id).state == State.WAITING
    with tenant(place.id):
        assert Organization.objects.get().state == Organization.State.READY
        assert Job.objects.get(kind="retention.erase").result == {"state": "waits"}, "it waits, and does not fail"


def test_people_who_belong_elsewhere_stay_and_the_trail_stays_with_ids(place):
    here = make_member(place, Role.ANALYST)
    make_place(owner=here)
    make_due((ask(place)).organization_id)
    work()
    assert User.objects.get(pk=here.pk).is_active
    with tenant(place.id):
        assert AuditEvent.objects.filter(tag="erasure:requested", actor_id=place.owner.pk).exists()
    with tenant(PLATFORM_ID):
        event = AuditEvent.objects.get(tag="organization:erased")
        assert event.target_id == str(place.id)
    with tenant(place.id):
        assert set(Job.objects.values_list("kind", flat=True)) == {"retention.erase", "retention.send_certificate"}


def test_every_table_of_an_organization_goes_or_stays_by_what_it_declares():
    """A new table without a decision is in neither list, and fails here."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'organization_id'"
        )
        found = {row[0] for row in cursor.fetchall()}
        cursor.execute(
            "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confdeltype = 'c'"
            " AND confrelid = 'tenants_organization'::regclass"
        )
        tied = {row[0] for row in cursor.fetchall()}
    doomed, staying = set(selectors.doomed_tables()), set(selectors.surviving_tables())
    assert found - doomed - staying == {"audit_sweepmark"}, "that one row is the deployment's own"
    assert doomed - tied == {"jobs_job"}, "these would stay"
