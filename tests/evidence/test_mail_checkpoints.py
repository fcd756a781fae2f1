"""Witnesses by mail: nobody is written to who has not agreed, and who has gets the newest checkpoints once a day."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client

from audit.models import AuditEvent
from evidence.actions import mailing
from evidence.actions.mailing import add_witness, remove_witness
from evidence.models import MailWitness
from evidence.tasks import sweep_mail
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.crypto.secrets import digest
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, NotFound
from tenants import actions as tenants
from tests.database import as_superuser
from tests.evidence.support import act, checked, make
from tests.factories import make_place, run_jobs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    place = make_place()
    act(place, 3)
    mail.outbox.clear()
    return place


def auditor(place):
    """Of this test only: how often an address is asked is counted across organizations."""
    return f"auditor-{place.id.hex[-12:]}@audit.example"


def add(place, address=None, actor=None):
    with tenant(place.id):
        return add_witness(actor=actor or place.actor(), address=auditor(place) if address is None else address)


def rows(place):
    with tenant(place.id):
        return list(MailWitness.objects.all())


def link(message):
    (found,) = re.findall(r"/witnesses/mail/\S+", message.body)
    return found


def agree(message):
    return Client().post(link(message), {"act": "confirm"})


def day():
    sweep_mail()
    run_jobs()


def age(**values):
    """As if it had been so long ago."""
    with as_superuser() as database:
        for name, value in values.items():
            database.execute(f"UPDATE evidence_mailwitness SET {name} = %s", [value])


def test_one_that_agreed_gets_the_newest_checkpoints_once_a_day(place):
    make(place)
    add(place)
    (asked,) = mail.outbox
    assert asked.to == [auditor(place)]
    assert "—" not in asked.body  # not a checkpoint before they agreed
    day()
    assert len(mail.outbox) == 1
    assert agree(asked).status_code == 200
    day()
    day()
    (_, sent) = mail.outbox
    (note,) = [part for part in str(sent.body).split("----\n") if part.startswith("localhost")]
    assert checked(note, place).size
    act(place)
    newest = make(place)
    age(sent_at=now() - timedelta(days=1, minutes=1))
    day()
    assert newest.note in str(mail.outbox[2].body)
    assert Client().post(link(mail.outbox[2]), {"act": "stop"}).status_code == 200
    assert rows(place) == []
    assert Client().get(link(sent)).status_code == 404


def test_the_trail_says_that_a_witness_left_by_itself_once_however_often_it_is_said(place):
    add(place)
    agree(mail.outbox[0])
    said = [Client().post(link(mail.outbox[0]), {"act": "stop"}).status_code for _ in range(2)]
    assert said == [200, 404]
    with tenant(place.id):
        (event,) = AuditEvent.objects.filter(tag="witness:removed")
        assert (event.actor_kind, event.detail["after"]) == ("system", {"by": "the witness"})


def test_the_trail_says_once_that_a_witness_agreed(place):
    add(place)
    assert [agree(mail.outbox[0]).status_code for _ in range(2)] == [200, 200]
    with tenant(place.id):
        (event,) = AuditEvent.objects.filter(tag="witness:agreed")
        assert (event.actor_kind, event.target_id) == ("system", str(rows(place)[0].id))
        assert (event.detail["target"], event.detail["after"]) == (auditor(place), {"by": "the witness"})


def test_looking_at_the_link_agrees_to_nothing(place):
    add(place)
    answer = Client().get(link(mail.outbox[0]))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert place.organization.name in answer.content.decode()
    assert rows(place)[0].confirmed_at is None
    assert Client(enforce_csrf_checks=True).post(link(mail.outbox[0]), {"act": "confirm"}).status_code == 403


def test_who_does_not_answer_is_forgotten(place):
    add(place)
    age(created_at=now() - timedelta(days=8))
    assert agree(mail.outbox[0]).status_code == 404
    day()
    assert rows(place) == []


@pytest.mark.parametrize("token", ["x", "A" * 43, "%00"])
def test_a_link_that_was_never_sent_leads_nowhere(db, token):
    assert Client().get(f"/witnesses/mail/{token}").status_code == 404


def test_what_is_kept_tells_neither_the_address_nor_the_link(place):
    add(place)
    token = link(mail.outbox[0]).rpartition("/")[2]
    with as_superuser() as database:
        (row,) = database.execute("SELECT w::text, w.token_digest FROM evidence_mailwitness w").fetchall()
    assert auditor(place) not in row[0]
    assert token not in row[0]
    assert bytes(row[1]) == digest(token)


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b", "a b@c.example", "a@c.example\nBcc: d@e.example", '"a"@c.example']
)
def test_it_writes_to_addresses_only(place, address):
    with pytest.raises(mailing.NotAnAddress):
        add(place, address)
    assert not mail.outbox


def test_nobody_is_asked_again_and_again(place):
    add(place)
    with pytest.raises(mailing.AlreadyAWitness):
        add(place, auditor(place).upper())
    for _ in range(2):
        with tenant(place.id):
            remove_witness(actor=place.actor(), witness_id=rows(place)[0].id)
        add(place)
    with tenant(place.id):
        remove_witness(actor=place.actor(), witness_id=rows(place)[0].id)
    with pytest.raises(mailing.AskedTooOften):
        add(place)
    assert len(mail.outbox) == 3
    other = make_place()
    with pytest.raises(mailing.AskedTooOften):
        add(other, auditor(place))


def test_there_are_ten_at_most(place):
    for number in range(mailing.MOST):
        add(place, f"auditor{number}@ten.example")
    with pytest.raises(mailing.TooManyWitnesses):
        add(place, "auditor11@ten.example")


def test_it_needs_both_permissions_and_leaves_an_event(place):
    for lacking in (Permission.WEBHOOKS_MANAGE, Permission.AUDIT_READ):
        actor = place.actor()
        with pytest.raises(Denied):
            add(place, "x@lacking.example", actor=replace(actor, permissions=actor.permissions - {lacking}))
    with pytest.raises(Denied):
        add(place, "x@lacking.example", actor=place.actor(Role.DEVELOPER))
    made = add(place, "y@lacking.example")
    with tenant(place.id):
        remove_witness(actor=place.actor(), witness_id=made.id)
        tags = AuditEvent.objects.order_by("-index").values_list("tag", flat=True)[:2]
        assert list(tags) == ["witness:removed", "witness:added"]


def test_anothers_witness_cannot_be_removed(place):
    made, other = add(place, "z@other.example"), make_place()
    with tenant(other.id), pytest.raises(NotFound):
        remove_witness(actor=other.actor(), witness_id=made.id)
    assert len(rows(place)) == 1


def test_the_api_adds_lists_and_removes(place, client):
    with tenant(place.id):
        scopes = frozenset({Permission.AUDIT_READ, Permission.WEBHOOKS_MANAGE})
        secret = tenants.create_api_key(actor=place.actor(), name="key", scopes=scopes).secret
    headers, url = {"authorization": f"Bearer {secret}"}, f"/v1/environments/{place.live_id}/audit/witnesses"
    body = {"address": "api@api.example"}
    made = client.post(url, body, content_type="application/json", headers=headers)
    assert (made.status_code, made.json()["address"], made.json()["confirmed_at"]) == (201, "api@api.example", None)
    assert "token" not in made.json()
    assert client.get(url, headers=headers).json()["items"] == [made.json()]
    assert client.post(url, {"address": "x"}, content_type="application/json", headers=headers).status_code == 400
    assert client.delete(f"{url}/{made.json()['id']}", headers=headers).status_code == 204
    assert client.delete(f"{url}/{made.json()['id']}", headers=headers).status_code == 404
