"""The pages of retention, as people send them."""

from datetime import timedelta

import pytest
from django.test import Client

from hq.authz.roles import Role
from hq.db import retention
from hq.db.context import tenant
from retention.models import Erasure, Hold, PersonErasure
from tenants.models import Membership
from tests.factories import make_member, make_place, sign_in
from tests.retention.support import ask, erasure_of
from vault import actions as vault

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    return make_place("Retention Inc")


@pytest.fixture
def owner(place):
    return sign_in(place.owner)


def at(place, path):
    return f"/o/{place.slug}/live/{path}"


def test_an_owner_asks_types_the_name_sees_the_banner_and_calls_it_off(place, owner):
    page = at(place, "retention/erasure")
    assert b"What goes" in owner.get(page).content
    wrong = owner.post(page, {"days": 7, "reason": "Done", "confirm": place.slug})
    assert (wrong.status_code, b"Nothing was changed" in wrong.content) == (400, True)
    assert owner.post(page, {"days": 7, "reason": "Done", "confirm": "Retention Inc"}).status_code == 302
    assert b"Retention Inc will be erased" in owner.get(at(place, "files/")).content
    member = sign_in(make_member(place, Role.ANALYST))
    assert b"Retention Inc will be erased" in member.get(at(place, "files/")).content
    wish = erasure_of(place.id)
    assert owner.post(at(place, f"retention/erasure/{wish.id}/cancel")).status_code == 302
    assert erasure_of(place.id).state == Erasure.State.CANCELLED
    assert b"will be erased" not in owner.get(at(place, "files/")).content


def test_another_owner_agrees_by_typing_the_name(place):
    other = make_member(place, Role.OWNER)
    wish = ask(place)
    client = sign_in(other)
    assert b"Agree, and begin the wait" in client.get(at(place, "retention/erasure")).content
    approve = at(place, f"retention/erasure/{wish.id}/approve")
    client.post(approve, {"confirm": "something else"})
    assert erasure_of(place.id).state == Erasure.State.REQUESTED
    client.post(approve, {"confirm": "Retention Inc"})
    assert erasure_of(place.id).state == Erasure.State.WAITING


def test_without_a_fresh_sign_in_nothing_is_asked_for(place):
    client = sign_in(place.owner)
    from allauth.usersessions.models import UserSession

    UserSession.objects.update(created_at="2026-01-01T00:00:00Z")
    asked = client.post(at(place, "retention/erasure"), {"days": 7, "reason": "Done", "confirm": "Retention Inc"})
    assert asked.status_code == 403
    with tenant(place.id):
        assert not Erasure.objects.exists()


def test_an_admin_sees_no_erasure_of_the_organization(place):
    client = sign_in(make_member(place, Role.ADMIN))
    assert client.get(at(place, "retention/")).status_code == 200
    assert client.get(at(place, "retention/erasure")).status_code == 403


def test_a_period_is_changed_within_its_bounds(place, owner):
    page = at(place, "retention/change?name=vault.deleted")
    assert owner.post(page, {"days": 4000}).status_code == 400
    assert owner.post(page, {"days": 10}).status_code == 302
    with tenant(place.id):
        assert retention.period(place.id, "vault.deleted") == timedelta(days=10)
    assert b"10 days" in owner.get(at(place, "retention/")).content
    assert owner.get(at(place, "retention/change?name=nothing")).status_code == 404


def test_a_hold_is_placed_and_lifted_with_reasons(place, owner):
    new = at(place, "retention/holds/new")
    assert owner.post(new, {"name": "Case 7", "reason": "Court", "paths": "../x"}).status_code == 400
    assert owner.post(new, {"name": "Case 7", "reason": "Court", "paths": "case/\nfile"}).status_code == 302
    with tenant(place.id):
        hold = Hold.objects.get()
        assert (hold.prefixes, hold.reason) == (["case/", "file"], "Court")
    lift = at(place, f"retention/holds/{hold.id}/lift")
    assert owner.post(lift, {"reason": ""}).status_code == 400
    assert owner.post(lift, {"reason": "Settled"}).status_code == 302
    assert b"Lifted" in owner.get(at(place, "retention/holds/")).content


def test_a_member_is_erased_from_their_page_and_it_can_be_called_off(place, owner):
    person = make_member(place, Role.DEVELOPER)
    with tenant(place.id):
        membership = Membership.objects.get(user_id=person.pk)
    page = at(place, f"retention/people/{membership.id}/erase")
    assert b"They belong nowhere else" in owner.get(page).content
    assert owner.post(page, {"reason": "Asked", "confirm": person.email}).status_code == 302
    with tenant(place.id):
        wish = PersonErasure.objects.get()
    assert person.email.encode() in owner.get(at(place, "retention/people/")).content
    owner.post(at(place, f"retention/erasures/{wish.id}/cancel"))
    with tenant(place.id):
        assert PersonErasure.objects.get().state == PersonErasure.State.CANCELLED


def test_a_person_asks_for_their_own_account_and_keeps_it_after_all(place):
    person = make_member(place, Role.DEVELOPER)
    client = sign_in(person)
    assert client.post("/me/erase", {"confirm": person.email}).status_code == 302
    assert b"Keep my account" in client.get("/me/erase").content
    assert client.post("/me/erase/cancel").status_code == 302
    assert b"Erase my account in seven days" in client.get("/me/erase").content
    assert b"You are the only owner of" in sign_in(place.owner).get("/me/erase").content
    assert Client().get("/me/erase").status_code == 302


def test_deleted_files_say_until_when_they_are_kept(place, owner):
    vault.put_object(actor=place.actor(), path="a/b", chunks=[b"x"])
    vault.delete_object(actor=place.actor(), path="a/b")
    assert b"Kept until" in owner.get(at(place, "files/deleted")).content
    with tenant(place.id):
        Hold.objects.create(
            organization_id=place.id, name="n", reason="r", placed_by_id=place.owner.pk, placed_by_label="x"
        )
    assert b"A legal hold is lifted" in owner.get(at(place, "files/deleted")).content
