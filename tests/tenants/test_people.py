"""invite_member, accept_invitation, revoke_invitation, change_role, remove_member."""

import re
from datetime import timedelta
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection

from audit.models import AuditEvent, PersonEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, NotFound
from jobs.models import Job
from jobs.registry import NETWORK
from tenants import actions
from tenants.actions.people import (
    AlreadyInvited,
    AlreadyMember,
    InvitationEnded,
    InvitationNotYours,
    LastOwner,
    RoleAboveYours,
)
from tenants.models import Invitation, Membership, Organization
from tests.factories import ORIGIN, make_member, make_person, make_place, run_jobs

pytestmark = pytest.mark.django_db


def invite(place, email="new@example.com", role=Role.DEVELOPER, by=Role.OWNER):
    with tenant(place.id):
        return actions.invite_member(actor=place.actor(by), email=email, role=role)


def token_of(made):
    return made.url.rsplit("/", 1)[1]


def newest(place):
    return AuditEvent.objects.filter(environment_id=place.live_id).order_by("-index").first()


def test_it_invites_with_a_mail_and_an_event_and_keeps_only_a_hash():
    place = make_place()
    made = invite(place, " New@Example.com ")
    with tenant(place.id):
        stored = Invitation.objects.get()
        assert stored.email == "new@example.com"
        assert token_of(made).encode() not in bytes(stored.token_digest)
        event = newest(place)
        assert (event.tag, event.detail["after"]) == (
            "member:invited",
            {"role": "developer", "email": "new@example.com"},
        )
        assert stored.unsent == token_of(made)
    run_jobs(NETWORK)
    [letter] = mail.outbox
    assert letter.to == ["new@example.com"]
    assert made.url in letter.body
    with tenant(place.id):
        assert Invitation.objects.get().unsent is None


@pytest.mark.parametrize("how", ["revoked", "inviter gone", "suspended"])
def test_what_ended_before_it_was_mailed_is_not_mailed_and_its_link_is_forgotten(how):
    place = make_place()
    admin = make_member(place, Role.ADMIN)
    with tenant(place.id):
        sent = actions.invite_member(
            actor=place.actor(Role.ADMIN, admin), email="new@example.com", role=Role.ANALYST
        ).invitation
        if how == "revoked":
            actions.revoke_invitation(actor=place.actor(), invitation_id=sent.id)
        elif how == "inviter gone":
            Membership.objects.filter(user=admin).delete()
        else:
            Organization.objects.filter(pk=place.id).update(state=Organization.State.SUSPENDED)
    run_jobs(NETWORK)
    assert mail.outbox == []
    with tenant(place.id):
        assert Invitation.objects.get().unsent is None


def test_a_mail_server_that_fails_leaves_the_link_for_the_next_try(monkeypatch):
    place = make_place()
    made = invite(place)
    with monkeypatch.context() as failing:
        failing.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", _fails)
        run_jobs(NETWORK)
    with tenant(place.id):
        assert Invitation.objects.get().unsent == token_of(made)
        Job.objects.filter(kind="tenants.mail_invitation").update(run_at=now())
    run_jobs(NETWORK)
    assert made.url in mail.outbox[0].body


def _fails(*_):
    raise ConnectionRefusedError


def test_an_invited_person_joins_once_with_the_role_offered():
    place, person = make_place(), make_person("new@example.com", "Nora New")
    made = invite(place)
    actions.accept_invitation(person=person, token=token_of(made), origin=ORIGIN)
    with tenant(place.id):
        assert Membership.objects.get(user=person).role == "developer"
        assert newest(place).tag == "member:joined"
    with pytest.raises(InvitationEnded):
        actions.accept_invitation(person=person, token=token_of(made), origin=ORIGIN)


def test_an_invitation_counts_for_its_address_only():
    place, stranger = make_place(), make_person("mallory@example.com")
    made = invite(place)
    with pytest.raises(InvitationNotYours):
        actions.accept_invitation(person=stranger, token=token_of(made), origin=ORIGIN)
    assert PersonEvent.objects.get(person_id=stranger.pk, tag="invitation:refused")
    with tenant(place.id):
        assert Invitation.objects.get().state == "open"
        assert Membership.objects.count() == 1


@pytest.mark.parametrize("token", ["", "hqi_", "hqi_" + "A" * 43, "\x00", "é" * 50])
def test_an_unknown_invitation_is_nothing(token):
    with pytest.raises(NotFound):
        actions.accept_invitation(person=make_person(), token=token, origin=ORIGIN)


def test_a_revoked_or_expired_invitation_lets_nobody_in():
    place, person = make_place(), make_person("new@example.com")
    made = invite(place)
    with tenant(place.id):
        actions.revoke_invitation(actor=place.actor(), invitation_id=made.invitation.id)
    with pytest.raises(InvitationEnded):
        actions.accept_invitation(person=person, token=token_of(made), origin=ORIGIN)
    again = invite(place)
    with tenant(place.id):
        Invitation.objects.filter(pk=again.invitation.pk).update(expires_at=now() - timedelta(seconds=1))
    with pytest.raises(InvitationEnded):
        actions.accept_invitation(person=person, token=token_of(again), origin=ORIGIN)
    assert invite(place).invitation.state == "open"


@pytest.mark.parametrize("after", [None, Role.DEVELOPER])
@pytest.mark.parametrize("sent", ["before", "at that moment"])
def test_what_an_admin_sent_brings_nobody_in_once_they_are_out_or_demoted(after, sent):
    place, friend = make_place(), make_person("new@example.com")
    admin = make_member(place, Role.ADMIN)
    actor = place.actor(Role.ADMIN, admin)
    with tenant(place.id):
        made = (
            actions.invite_member(actor=actor, email="new@example.com", role=Role.ADMIN) if sent == "before" else None
        )
        member_id = Membership.objects.get(user=admin).id
        if after is None:
            actions.remove_member(actor=place.actor(), member_id=member_id)
        else:
            actions.change_role(actor=place.actor(), member_id=member_id, role=after)
        assert Invitation.objects.filter(revoked_at=None).count() == 0
        made = made or actions.invite_member(actor=actor, email="new@example.com", role=Role.ADMIN)
    with pytest.raises(InvitationEnded):
        actions.accept_invitation(person=friend, token=token_of(made), origin=ORIGIN)
    with tenant(place.id):
        assert not Membership.objects.filter(user=friend).exists()


def test_an_owner_who_becomes_an_admin_stands_behind_what_an_admin_may_send():
    place, friend = make_place(), make_person("new@example.com")
    owner = make_member(place, Role.OWNER)
    with tenant(place.id):
        actor = place.actor(person=owner)
        as_owner = actions.invite_member(actor=actor, email="other@example.com", role=Role.OWNER).invitation
        made = actions.invite_member(actor=actor, email="new@example.com", role=Role.ADMIN)
        member_id = Membership.objects.get(user=owner).id
        actions.change_role(actor=place.actor(), member_id=member_id, role=Role.ADMIN)
        assert Invitation.objects.get(pk=as_owner.pk).state == "revoked"
    assert actions.accept_invitation(person=friend, token=token_of(made), origin=ORIGIN).id == place.id


def test_one_address_has_one_open_invitation_and_a_member_needs_none():
    place = make_place()
    invite(place)
    with pytest.raises(AlreadyInvited):
        invite(place)
    with pytest.raises(AlreadyMember):
        invite(place, place.owner.email.upper())


def test_an_admin_gives_no_role_above_their_own():
    place = make_place()
    with pytest.raises(RoleAboveYours):
        invite(place, role=Role.OWNER, by=Role.ADMIN)
    member = make_member(place, Role.DEVELOPER)
    admin = make_member(place, Role.ADMIN)
    with tenant(place.id):
        own, other = Membership.objects.get(user=admin).id, Membership.objects.get(user=member).id
        with pytest.raises(RoleAboveYours):
            actions.change_role(actor=place.actor(Role.ADMIN, admin), member_id=own, role=Role.OWNER)
        with pytest.raises(RoleAboveYours):
            actions.change_role(
                actor=place.actor(Role.ADMIN, admin),
                member_id=Membership.objects.get(user=place.owner).id,
                role=Role.ANALYST,
            )
        with pytest.raises(RoleAboveYours):
            actions.remove_member(
                actor=place.actor(Role.ADMIN, admin), member_id=Membership.objects.get(user=place.owner).id
            )
        actions.change_role(actor=place.actor(Role.ADMIN, admin), member_id=other, role=Role.AUDITOR)


@pytest.mark.parametrize("role", [Role.ANALYST, Role.AUDITOR, Role.DEVELOPER])
def test_others_invite_nobody(role):
    place = make_place()
    with pytest.raises(Denied):
        invite(place, by=role)


def test_a_role_change_shows_before_and_after():
    place = make_place()
    member = make_member(place, Role.DEVELOPER, name="Dana Okafor")
    with tenant(place.id):
        actions.change_role(actor=place.actor(), member_id=Membership.objects.get(user=member).id, role=Role.AUDITOR)
        event = newest(place)
    assert (event.tag, event.target_label) == ("member:role_changed", "Dana Okafor")
    assert (event.detail["before"], event.detail["after"]) == ({"role": "developer"}, {"role": "auditor"})


def test_the_last_owner_can_neither_step_down_nor_go():
    place = make_place()
    with tenant(place.id):
        own = Membership.objects.get().id
        with pytest.raises(LastOwner):
            actions.change_role(actor=place.actor(), member_id=own, role=Role.ADMIN)
        with pytest.raises(LastOwner):
            actions.remove_member(actor=place.actor(), member_id=own)


@pytest.mark.django_db(transaction=True)
def test_two_owners_cannot_both_go_at_once():
    place = make_place()
    second = make_member(place, Role.OWNER)
    with tenant(place.id):
        ids = {person.pk: Membership.objects.get(user=person).id for person in (place.owner, second)}
    together, outcomes = Barrier(2), []

    def leave(person):
        together.wait()
        try:
            with tenant(place.id):
                actions.remove_member(actor=place.actor(person=person), member_id=ids[person.pk])
            outcomes.append("gone")
        except LastOwner:
            outcomes.append("kept")
        finally:
            connection.close()

    threads = [Thread(target=leave, args=(person,)) for person in (place.owner, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["gone", "kept"]
    with tenant(place.id):
        assert Membership.objects.filter(role="owner").count() == 1


def test_another_organizations_member_is_nothing():
    place, other = make_place(), make_place()
    with tenant(other.id):
        foreign = Membership.objects.get().id
    with tenant(place.id):
        for member_id in (foreign, uuid4()):
            with pytest.raises(NotFound) as refused:
                actions.remove_member(actor=place.actor(), member_id=member_id)
            assert re.match("There is nothing here", str(refused.value))


def test_somebody_who_was_removed_leaves_no_key_behind():
    from hq.lib.errors import Unauthenticated
    from tests.factories import make_api_key

    place = make_place()
    member = make_member(place, Role.DEVELOPER)
    secret = make_api_key(place, person=member, role=Role.DEVELOPER)
    assert actions.authenticate_api_key(secret=secret, origin=ORIGIN).label == "tests"
    with tenant(place.id):
        actions.remove_member(actor=place.actor(), member_id=Membership.objects.get(user=member).id)
    with pytest.raises(Unauthenticated):
        actions.authenticate_api_key(secret=secret, origin=ORIGIN)
