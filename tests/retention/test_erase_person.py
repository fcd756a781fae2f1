"""Erasing one person: out of an organization, or their account, seven days after it was asked for."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import DatabaseError, transaction

from audit.models import AuditEvent, PersonEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied
from retention import actions
from retention.models import PersonErasure
from sharing import actions as sharing
from tenants.actions import erasure as tenants
from tenants.actions.people import LastOwner, RoleAboveYours
from tenants.models import ApiKey, Membership, User
from tests.factories import make_api_key, make_member, make_person, make_place, sign_in
from tests.retention.support import make_people_due, person_erasure_of, work
from vault import actions as vault
from vault.models import ObjectVersion

pytestmark = pytest.mark.django_db(transaction=True)
State = PersonErasure.State


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def member(place):
    """A developer who stored a file and made a key and a link."""
    person = make_member(place, Role.DEVELOPER, name="Mallory Member")
    actor = place.actor(Role.DEVELOPER, person)
    vault.put_object(actor=actor, path="work/file", chunks=[b"text"])
    make_api_key(place, person=person, role=Role.DEVELOPER)
    with tenant(place.id):
        sharing.create_share(actor=actor, paths=["work/file"], ttl_seconds=900)
    sign_in(person)
    return person


def membership_of(place, person):
    with tenant(place.id):
        return Membership.objects.get(user_id=person.pk)


def ask(place, person, by=None, role=Role.OWNER):
    with tenant(place.id):
        return actions.request_member_erasure(
            actor=place.actor(role, by), member_id=Membership.objects.get(user_id=person.pk).id, reason="GDPR 17"
        )


def test_a_member_goes_and_what_they_stored_stays_nameless(place, member):
    address = member.email
    ask(place, member)
    work()
    assert person_erasure_of(place.id).state == State.WAITING
    make_people_due(place.id)
    work()
    wish = person_erasure_of(place.id)
    assert (wish.state, wish.address) == (State.ERASED, None)
    with tenant(place.id):
        assert not Membership.objects.filter(user_id=member.pk).exists()
        assert [version.created_by for version in ObjectVersion.objects.all()] == ["Erased member"]
        assert not ApiKey.objects.filter(created_by_id=member.pk, revoked_at=None).exists()
        assert AuditEvent.objects.filter(tag="member:erased").count() == 1
    assert b"".join(vault.open_object(actor=place.actor(), path="work/file").read()) == b"text"
    tombstone = User.objects.get(pk=member.pk)
    assert (tombstone.label, tombstone.is_active, tombstone.email) == (
        "Erased member",
        False,
        f"erased-{member.pk.hex}@erased.invalid",
    )
    assert not PersonEvent.objects.filter(person_id=member.pk).exists()
    assert not EmailAddress.objects.filter(user_id=member.pk).exists()
    [sent] = [message for message in mail.outbox if message.subject == "HQ: You are erased"]
    assert (sent.to, sent.attachments[0][0].startswith("erasure-certificate-")) == ([address], True)


def test_the_account_of_one_who_belongs_elsewhere_stays(place, member):
    make_place(owner=member)
    ask(place, member)
    make_people_due(place.id)
    work()
    assert User.objects.get(pk=member.pk).email == member.email
    with tenant(place.id):
        assert not Membership.objects.filter(user_id=member.pk).exists()


def test_it_can_be_called_off_while_it_waits(place, member):
    wish = ask(place, member)
    with tenant(place.id):
        actions.cancel_member_erasure(actor=place.actor(Role.ADMIN), erasure_id=wish.id)
    make_people_due(place.id)
    work()
    assert membership_of(place, member).role == Role.DEVELOPER


def test_an_admin_erases_no_owner_and_nobody_themselves_or_the_last_owner(place, member):
    admin = make_member(place, Role.ADMIN)
    with pytest.raises(RoleAboveYours):
        ask(place, place.owner, by=admin, role=Role.ADMIN)
    with pytest.raises(actions.Yourself):
        ask(place, place.owner)
    other = make_member(place, Role.OWNER)
    ask(place, place.owner, by=other)
    with tenant(place.id):
        Membership.objects.filter(user_id=other.pk).update(role=Role.ADMIN)
    make_people_due(place.id)
    work()
    assert membership_of(place, place.owner).role == Role.OWNER
    with pytest.raises(Denied):
        ask(place, member, by=member, role=Role.DEVELOPER)
    with pytest.raises(LastOwner), tenant(place.id):
        tenants.require_not_last(place.id, place.owner.pk)


def test_a_hold_keeps_members(place, member):
    ask(place, member)
    with tenant(place.id):
        actions.place_hold(actor=place.actor(), name="Case", reason="Court", prefixes=["work/"])
    make_people_due(place.id)
    work()
    assert membership_of(place, member).role == Role.DEVELOPER


def test_a_person_erases_their_own_account_out_of_every_organization(place, member):
    other = make_place()
    with tenant(other.id):
        Membership.objects.create(organization_id=other.id, user=member, role=Role.ANALYST)
    actions.request_own_erasure(person=member)
    make_people_due()
    work()
    assert person_erasure_of().state == State.ERASED
    assert tenants.is_erased(member.pk)
    for one in (place, other):
        with tenant(one.id):
            assert not Membership.objects.filter(user_id=member.pk).exists()
            assert AuditEvent.objects.filter(tag="member:erased").count() == 1


def test_the_only_owner_of_something_stays_and_so_does_who_thought_better_of_it(place, member):
    with pytest.raises(actions.SoleOwner, match=place.organization.name):
        actions.request_own_erasure(person=place.owner)
    actions.request_own_erasure(person=member)
    with pytest.raises(actions.AlreadyAsked):
        actions.request_own_erasure(person=member)
    actions.cancel_own_erasure(person=member)
    make_people_due()
    work()
    assert User.objects.get(pk=member.pk).is_active
    with pytest.raises(actions.NotOpen):
        actions.cancel_own_erasure(person=member)


def test_the_log_of_an_account_goes_with_the_account_only(member):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        PersonEvent.objects.filter(person_id=member.pk).delete()
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        PersonEvent.objects.filter(person_id=member.pk).update(tag="x")


def test_the_database_lets_no_person_go_before_their_time(member):
    wish = actions.request_own_erasure(person=member)
    rows = PersonErasure.objects.filter(id=wish.id)
    with pytest.raises(DatabaseError, match="nearer"), transaction.atomic(), tenant(wish.organization_id):
        rows.update(due_at=now())
    with pytest.raises(DatabaseError, match="nearer"), transaction.atomic(), tenant(wish.organization_id):
        rows.update(state=State.ERASED, statement_id=wish.id, ended_at=now())
    assert wish.due_at > now() + timedelta(days=6)


def test_one_who_was_erased_cannot_sign_in(member):
    tenants.erase_person(member.pk)
    assert make_person(email=member.email).pk != member.pk
