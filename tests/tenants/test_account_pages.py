"""A person's own pages: sessions, sign-in links, profile, providers."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from audit.models import PersonEvent
from hq.lib.errors import NotFound
from tenants import actions
from tenants.models import OneTimeSignIn, User
from tests.factories import make_person, make_place, sign_in

pytestmark = pytest.mark.django_db


def path_of(url):
    return url.removeprefix(settings.BASE_URL)


def test_a_sign_in_link_signs_in_once_and_looking_at_it_uses_nothing_up():
    person = make_person()
    url = path_of(actions.create_sign_in_link(person=person))
    for _ in range(3):
        assert Client().get(url).status_code == 200
    first, second = Client(), Client()
    assert first.post(url).status_code == 302
    assert second.post(url).status_code == 404
    assert first.get("/organizations/").status_code == 200
    assert second.get("/organizations/").status_code == 302


def test_an_expired_or_unknown_sign_in_link_is_nothing():
    url = actions.create_sign_in_link(person=make_person(), life=timedelta(seconds=-1))
    for token in (url.rsplit("/", 1)[1], "hqo_unknown", "\x00"):
        with pytest.raises(NotFound):
            actions.use_sign_in_link(token=token)


def test_a_sign_in_link_of_somebody_disabled_is_nothing():
    person = make_person()
    url = actions.create_sign_in_link(person=person)
    User.objects.filter(pk=person.pk).update(is_active=False)
    with pytest.raises(NotFound):
        actions.use_sign_in_link(token=url.rsplit("/", 1)[1])


def test_the_link_is_kept_as_a_hash_only():
    url = actions.create_sign_in_link(person=make_person())
    assert url.rsplit("/", 1)[1].encode() not in bytes(OneTimeSignIn.objects.get().token_digest)


def test_a_person_sees_their_sessions_and_ends_the_others():
    person = make_person()
    here, there = sign_in(person), sign_in(person)
    assert here.get("/account/sessions/").status_code == there.get("/account/sessions/").status_code == 200
    assert here.post("/account/sessions/").status_code == 302
    assert there.get("/organizations/").status_code == 302
    assert here.get("/organizations/").status_code == 200
    assert Session.objects.count() == 1
    assert PersonEvent.objects.get(tag="session:ended").person_id == person.pk


def test_signing_in_and_out_stands_in_the_persons_own_log():
    person = make_person()
    sign_in(person).post("/account/logout/")
    assert list(PersonEvent.objects.order_by("at").values_list("tag", flat=True)) == [
        "session:signed_in",
        "session:signed_out",
    ]


def test_a_wrong_password_stands_in_the_log_without_the_password():
    person = make_person()
    Client().post("/account/login/", {"login": person.email, "password": "wrong horse battery"})
    event = PersonEvent.objects.get(tag="session:refused")
    assert event.person_id == person.pk
    assert "wrong horse" not in str(vars(event))


def test_the_profile_changes_name_zone_and_theme():
    person = make_person()
    client = sign_in(person)
    assert client.post("/me/", {"name": "Inês", "time_zone": "Europe/Lisbon", "theme": "dark"}).status_code == 302
    person.refresh_from_db()
    assert (person.name, person.time_zone, person.theme) == ("Inês", "Europe/Lisbon", "dark")
    assert 'data-theme="dark"' in client.get("/me/").content.decode()


@pytest.mark.parametrize(
    "change",
    [{"time_zone": "Mars/Olympus"}, {"theme": "pink"}, {"name": "a\x00b"}, {"name": "\u202eevil"}, {"name": "a" * 81}],
)
def test_the_profile_refuses_what_it_does_not_know(change):
    answer = sign_in(make_person()).post("/me/", {"name": "N", "time_zone": "UTC", "theme": "dark"} | change)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_no_sign_in_leads_to_another_site(target):
    person = make_person()
    person.set_password("correct horse battery staple")
    person.save()
    form = {"login": person.email, "password": "correct horse battery staple", "next": target}
    to = Client().post("/account/login/", form)["Location"]
    assert to.startswith("/")
    assert not to.startswith(("//", "/\\"))


def test_a_disabled_person_signs_in_no_more():
    person = make_person()
    client = sign_in(person)
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert client.get("/organizations/").status_code == 302


def test_nobody_becomes_an_operator_through_the_web():
    place = make_place()
    client = sign_in(place.owner)
    client.post("/me/", {"name": "N", "time_zone": "UTC", "theme": "dark", "is_operator": "true"})
    place.owner.refresh_from_db()
    assert not place.owner.is_operator
