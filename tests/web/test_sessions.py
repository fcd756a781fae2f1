"""Session cookies (ACC-7): HttpOnly, SameSite=Lax, Secure over TLS, signed with a secret that rotates."""

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from tests.factories import make_person

pytestmark = pytest.mark.django_db
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def client():
    """Signed in by the product's own door, so that the cookie is the product's own."""
    from tenants import actions

    client = Client()
    url = actions.create_sign_in_link(person=make_person())
    client.post(url.removeprefix(settings.BASE_URL))
    return client


def cookie(client):
    return client.cookies[settings.SESSION_COOKIE_NAME]


def signed_in(client):
    return client.get("/organizations/").status_code == 200


def test_the_cookie_is_closed_to_scripts_and_to_other_sites(client):
    assert cookie(client)["httponly"]
    assert cookie(client)["samesite"] == "Lax"


def test_what_the_table_holds_opens_no_session(client):
    assert signed_in(client)
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = Session.objects.get().session_key
    assert not signed_in(thief)


def test_a_forged_signature_opens_no_session(client):
    cookie(client).set(settings.SESSION_COOKIE_NAME, cookie(client).value[:-2] + "xx", "")
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = cookie(client).value[:-2] + "xx"
    assert not signed_in(thief)


def test_a_new_secret_signs_nobody_out_while_the_former_one_is_kept(client, settings):
    former = cookie(client).value
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-of-at-least-fifty-characters-0123456789"
    assert signed_in(client)
    settings.SECRET_KEY_FALLBACKS = []
    assert signed_in(client)  # its cookie was signed anew while both secrets counted
    client.cookies[settings.SESSION_COOKIE_NAME] = former
    assert not signed_in(client)


def test_signing_in_changes_the_session_key(client):
    from tenants import actions

    before = cookie(client).value
    client.post(actions.create_sign_in_link(person=make_person()).removeprefix(settings.BASE_URL))
    assert cookie(client).value != before


def test_the_api_goes_past_sessions_and_its_documentation_is_a_page_as_all_are():
    paths = ("/v1/me", "/v1/docs", "/organizations/")
    assert [hasattr(Client().get(path).wsgi_request, "session") for path in paths] == [False, True, True]
