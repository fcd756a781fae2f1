"""The page of connected accounts: adding a way in, taking one away, never the last, only by who is sure to be they."""

from datetime import timedelta

import pytest
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.core import mail

from audit.models import PersonEvent
from hq.lib.clock import now
from tests.factories import make_person, sign_in
from tests.idp import oidc
from tests.tenants.oauth_support import EMAIL, Browser

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/account/3rdparty/"
PASSWORD = "correct horse battery staple"


def signed_in(provider, email="olive@example.com", *, password=PASSWORD):
    """A browser of somebody who has just given their password, or who has none and has just come in."""
    person = make_person(email)
    if password:
        person.set_password(password)
        person.save()
    browser = Browser(provider, client=sign_in(person))
    if password:
        browser.client.post("/account/reauthenticate/", {"password": password})
    return person, browser


def stale(browser, person):
    """As it is five minutes later."""
    session = browser.session
    for record in session.get("account_authentication_methods", []):
        record["at"] -= 3600
    session.save()
    UserSession.objects.filter(user=person).update(created_at=now() - timedelta(hours=1))


def tags(person):
    return list(
        PersonEvent.objects.filter(person_id=person.pk, tag__startswith="provider:").values_list("tag", "target_id")
    )


def test_an_account_is_connected_and_signs_in_from_then_on(acme):
    person, browser = signed_in(acme)
    answer = browser.connect()
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    assert SocialAccount.objects.get().user == person
    assert tags(person) == [("provider:connected", "acme")]
    assert "Account connected" in mail.outbox[-1].subject
    other = Browser(acme)
    other.sign_in()
    assert other.person == person
    page = browser.client.get(PAGE).content.decode()
    assert EMAIL in page
    assert "Acme" in page


def test_connecting_adds_no_address(acme):
    person, browser = signed_in(acme)
    browser.connect()
    assert list(person.emailaddress_set.values_list("email", flat=True)) == ["olive@example.com"]


def test_an_account_that_somebody_else_connected_stays_theirs(acme):
    owner, first = signed_in(acme)
    first.connect()
    person, second = signed_in(acme, "other@example.com")
    second.connect()
    assert SocialAccount.objects.get().user == owner
    assert tags(person) == []
    assert "belongs to somebody else" in second.client.get(PAGE).content.decode()


@pytest.mark.parametrize("password", [PASSWORD, ""])
def test_who_has_not_shown_lately_that_it_is_they_begins_nothing(acme, password):
    person, browser = signed_in(acme, password=password)
    stale(browser, person)
    answer = browser.client.post("/account/acme/connect/")
    assert answer.status_code == (302 if password else 403)
    if password:
        assert answer["Location"] == "/account/reauthenticate/?next=%2Faccount%2Facme%2Fconnect%2F"
    assert acme.asked == []


@pytest.mark.parametrize("password", [PASSWORD, ""])
def test_nor_does_who_began_in_time_and_comes_back_too_late(acme, password):
    person, browser = signed_in(acme, password=password)
    back = acme.authorize(browser.ask(process="connect"))
    stale(browser, person)
    answer = browser.bring(back)
    assert answer.status_code == (302 if password else 403)
    assert not SocialAccount.objects.exists()


def test_connecting_is_for_who_is_signed_in_then_and_now(acme):
    anonymous = Browser(acme)
    assert anonymous.client.post("/account/acme/connect/")["Location"].startswith("/account/login/")
    _, browser = signed_in(acme)
    back = acme.authorize(browser.ask(process="connect"))
    browser.client.post("/account/logout/")
    assert browser.bring(back).status_code == 401
    assert not SocialAccount.objects.exists()


def test_a_sign_in_by_another_site_connects_nothing(acme):
    """`?process=connect` in an address is not read."""
    person, browser = signed_in(acme)
    browser.sign_in("?process=connect")
    assert SocialAccount.objects.get().user != person
    assert browser.person != person


def test_an_account_is_disconnected_with_a_mail_and_an_event(acme):
    person, browser = signed_in(acme)
    browser.connect()
    answer = browser.client.post(PAGE, {"account": SocialAccount.objects.get().pk})
    assert answer.status_code == 302
    assert not SocialAccount.objects.exists()
    assert tags(person) == [("provider:connected", "acme"), ("provider:disconnected", "acme")]
    assert "Account disconnected" in mail.outbox[-1].subject


@pytest.mark.parametrize("password", [PASSWORD, ""])
def test_disconnecting_asks_who_it_is_first(acme, password):
    """Of who has nothing to show, a sign-in that is fresh."""
    person, browser = signed_in(acme, password=password)
    browser.connect()
    stale(browser, person)
    answer = browser.client.post(PAGE, {"account": SocialAccount.objects.get().pk})
    if password:
        assert answer["Location"] == "/account/reauthenticate/?next=%2Faccount%2F3rdparty%2F"
    else:
        assert answer.status_code == 403
    assert SocialAccount.objects.exists()


def test_the_last_way_in_stays(acme):
    browser = Browser(acme)
    browser.sign_in()
    answer = browser.client.post(PAGE, {"account": SocialAccount.objects.get().pk})
    assert answer.status_code == 200
    assert b"no password" in answer.content
    assert SocialAccount.objects.exists()


@pytest.mark.parametrize("other", ["sso-01a202ba-1308-7392-a56e-0d3d4fc2470f", "not-offered-any-more"])
def test_an_account_that_signs_nobody_in_by_itself_is_no_other_way_in(acme, other):
    browser = Browser(acme)
    browser.sign_in()
    own = SocialAccount.objects.get()
    SocialAccount.objects.create(user=browser.person, provider=other, uid="1")
    page = browser.client.get(PAGE)
    assert page.content.decode().count('name="account"') == 1
    assert browser.client.post(PAGE, {"account": own.pk}).status_code == 200
    assert SocialAccount.objects.filter(pk=own.pk).exists()


def test_nobody_takes_away_what_is_somebody_elses(acme):
    owner, first = signed_in(acme)
    first.connect()
    _, second = signed_in(acme, "other@example.com")
    assert second.client.post(PAGE, {"account": SocialAccount.objects.get().pk}).status_code == 200
    assert SocialAccount.objects.get().user == owner


def test_what_the_provider_lies_about_is_not_connected(acme):
    person, browser = signed_in(acme)
    acme.lie("wrong nonce")
    assert browser.connect().status_code == 401
    assert browser.person == person
    assert acme.times(oidc.USERINFO) == 0
    assert not SocialAccount.objects.exists()
