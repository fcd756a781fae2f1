"""A new secret signs nobody out and loses nothing that is under way (ACC-7, docs/secrets.md).

Each is begun under the former secret; then the secret is renewed, and it goes on as if nothing had happened.
"""

import re

import pytest
from django.test import Client

from tests.factories import make_person, sign_in
from tests.factors import add_app, begin, clock, confirm, with_password
from tests.tenants.oauth_support import Browser

__all__ = ["clock"]

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in(client):
    return client.get("/organizations/").status_code == 200


def found(pattern, words):
    match = re.search(pattern, words)
    assert match, words
    return match[1]


@pytest.fixture
def client():
    return sign_in(make_person())


@pytest.fixture
def rotate(settings):
    former = settings.SECRET_KEY

    def renewed(*, forget=False):
        settings.SECRET_KEY = "newest-secret-of-at-least-fifty-characters-0123456789-x"
        settings.SECRET_KEY_FALLBACKS = [] if forget else ["second-secret-of-at-least-fifty-characters-x", former]

    return renewed


def test_a_session_keeps_its_age_and_its_place_in_the_list(client, rotate):
    """Its key is renewed with the secret. Taken for a new one, it would count as a fresh sign-in."""
    (before,) = [one.row for one in client.get("/account/sessions/").context["sessions"]]
    rotate()
    assert signed_in(client)
    (after,) = [one.row for one in client.get("/account/sessions/").context["sessions"]]
    assert (after.pk, after.created_at) == (before.pk, before.created_at)
    assert after.session_key != before.session_key


def test_a_form_is_accepted_with_its_token_and_with_its_signed_id(client, rotate):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    page = strict.get("/organizations/new").content.decode()
    sent = {name: found(rf'name="{name}" value="([^"]+)"', page) for name in ("csrfmiddlewaretoken", "once")}
    rotate()
    answer = strict.post("/organizations/new", sent | {"name": "Alder Peak"})
    assert (answer.status_code, answer["Location"][:3]) == (302, "/o/")


def test_a_form_whose_secret_was_forgotten_is_to_be_sent_again(client, rotate):
    page = client.get("/organizations/new").content.decode()
    rotate(forget=True)
    once = found(r'name="once" value="([^"]+)"', page)
    answer = sign_in(make_person()).post("/organizations/new", {"name": "Alder Peak", "once": once})
    assert answer.status_code == 400
    assert b"This form is too old" in answer.content


def test_a_reset_of_the_password_goes_on(rotate, mailoutbox):
    person = with_password()
    Client().post("/account/password/reset/", {"email": person.email})
    link = found(r"https?://[^/]+(/account/password/reset/key/\S+)", mailoutbox[0].body)
    rotate()
    browser = Client()
    page = browser.get(link, follow=True)
    to = page.redirect_chain[-1][0]
    answer = browser.post(to, {"password1": "another horse altogether", "password2": "another horse altogether"})
    assert answer["Location"] == "/account/password/reset/key/done/"


def test_a_sign_in_that_waits_for_the_second_step_goes_on(rotate, clock):
    person = with_password()
    app = add_app(confirm(begin(person)), clock)
    browser = begin(person)
    rotate()
    browser.post("/account/2fa/authenticate/", {"code": app.next_code()})
    assert signed_in(browser)


def test_a_sign_in_that_is_at_the_provider_comes_back(rotate, acme):
    browser = Browser(acme)
    back = acme.authorize(browser.ask())
    rotate()
    assert browser.bring(back)["Location"] == "/"
    assert signed_in(browser.client)
