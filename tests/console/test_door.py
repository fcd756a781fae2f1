"""Into the operator's rooms comes who is an operator and has shown a key of theirs (ACC-10, ACC-11)."""

import time

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from hq.db.context import tenant
from tenants.models import User
from tests.factories import make_place, session_of, sign_in
from tests.factors import add_app, clock
from tests.jobs.support import put
from tests.operators import AGAIN, age_proof, another_desk, as_owner, desk_of, make_operator

__all__ = ["clock"]

pytestmark = pytest.mark.django_db
ROOMS = ("organizations", "organizations/new", "access", "jobs", "trail")
LED = f"{AGAIN}?next="


def test_who_has_no_key_is_led_to_add_one():
    client = sign_in(make_operator())
    for room in ROOMS:
        assert client.get(f"/operator/{room}")["Location"] == "/account/2fa/"
    assert "ask for a passkey or security key" in client.get("/account/2fa/").content.decode()


def test_an_app_is_no_key(clock):
    person = make_operator()
    client = sign_in(person)
    add_app(client, clock)
    assert client.get("/operator/organizations")["Location"] == "/account/2fa/"
    desk = desk_of(make_operator())
    add_app(desk, clock)
    session = session_of(desk)
    app = Authenticator.objects.exclude(user_id=person.pk).get(type="totp")
    session["account_authentication_methods"] = [{"method": "mfa", "at": time.time(), "id": app.pk, "type": "totp"}]
    session.save()
    assert desk.get("/operator/organizations")["Location"].startswith(LED)


def test_a_key_used_in_this_session_opens_them_and_no_other_session():
    desk = desk_of(make_operator())
    for room in ROOMS:
        assert desk.get(f"/operator/{room}").status_code == 200
    assert desk.get("/operator/")["Location"] == "/operator/organizations"
    other = another_desk(desk)
    assert other.get("/operator/organizations").status_code == 200
    session = session_of(other)
    session["account_authentication_methods"] = [{"method": "password", "at": time.time()}]
    session.save()
    assert other.get("/operator/jobs?state=DEAD")["Location"] == f"{LED}%2Foperator%2Fjobs%3Fstate%3DDEAD"
    other.touch()
    assert other.get("/operator/jobs").status_code == 200


def test_a_key_that_was_taken_away_opens_nothing():
    person = make_operator()
    desk = desk_of(person)
    Authenticator.objects.filter(user_id=person.pk, type="webauthn").delete()
    assert desk.get("/operator/organizations")["Location"] == "/account/2fa/"


def test_another_persons_key_counts_for_nobody_else():
    desk, other = desk_of(make_operator()), desk_of(make_operator())
    session = session_of(other)
    session["account_authentication_methods"] = session_of(desk)["account_authentication_methods"]
    session.save()
    assert other.get("/operator/organizations")["Location"].startswith(LED)


@pytest.mark.parametrize("age", [301, -60])
def test_what_changes_something_asks_for_the_key_again_after_five_minutes(age):
    place = make_place()
    desk = desk_of(make_operator())
    age_proof(desk, age)
    page = f"/operator/organizations/{place.id}/suspend"
    sent = {"reason": "Not paid", "confirm": place.slug}
    assert b"Show your passkey" in desk.get(page).content
    assert desk.post(page, sent)["Location"] == f"{LED}{page.replace('/', '%2F')}"
    with tenant(place.id):
        place.organization.refresh_from_db()
    assert place.organization.state == "READY"


def test_a_verb_without_a_page_leads_back_to_the_page_of_what_it_is_about():
    desk, job = desk_of(make_operator()), put("test.once")
    age_proof(desk, 301)
    assert desk.post(f"/operator/jobs/{job.id}/discard")["Location"] == f"{LED}%2Foperator%2Fjobs%2F{job.id}"


@pytest.mark.django_db(transaction=True)
def test_to_anyone_else_there_is_no_such_room():
    owner = sign_in(make_place().owner)
    for room in ROOMS:
        assert owner.get(f"/operator/{room}").status_code == 404
        assert Client().get(f"/operator/{room}")["Location"].startswith("/account/login/")


@pytest.mark.django_db(transaction=True)  # whose row is changed from outside, must not be locked in here
def test_who_is_an_operator_no_longer_is_out_at_once():
    person = make_operator()
    desk = desk_of(person)
    assert desk.get("/operator/jobs").status_code == 200
    with as_owner():
        User.objects.filter(pk=person.pk).update(is_operator=False)
    assert desk.get("/operator/jobs").status_code == 404
