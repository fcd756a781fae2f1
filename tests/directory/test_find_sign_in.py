"""From an address to the organization's own sign-in, without telling who is known."""

import pytest
from django.core.cache import cache
from django.test import Client

from hq.db.context import tenant
from tenants import registry
from tenants.models import Organization
from tests.directory.support import DOMAIN, EMAIL, SSO_URL, Browser, Saml, add_domain
from tests.factories import make_person, make_place
from tests.idp.browsing import leaving

pytestmark = pytest.mark.django_db(transaction=True)
UNKNOWN = "There is no single sign-on for this address."


@pytest.fixture(autouse=True)
def nobody_asked_before():
    cache.clear()


def find(email: str):
    return Client().post("/sso", {"email": email})


def test_an_address_leads_to_its_domains_provider_and_on_from_there():
    saml = Saml.make()
    browser = Browser(saml)
    address = leaving(browser.client.post("/sso", {"email": " Somebody@ALDER.example ", "next": "/me/"}))
    assert address.startswith(SSO_URL + "?SAMLRequest=")
    assert browser.answer(saml.idp.respond(address))["Location"] == "/me/"


def test_all_that_leads_nowhere_looks_alike():
    saml = Saml.make()
    add_domain(saml.place, "waiting.example", verified=False)
    add_domain(make_place(), "without.example")
    make_person("somebody@nobodys.example")
    pages = {}
    for email in ("a@waiting.example", "a@without.example", "somebody@nobodys.example", "b@nobodys.example", "x", ""):
        page = find(email)
        assert (page.status_code, UNKNOWN in page.content.decode()) == (400, True), email
        pages[email] = page.context["error"]
    assert len(set(pages.values())) == 1
    with tenant(saml.place.id):
        Organization.objects.filter(pk=saml.place.id).update(state="SUSPENDED")
    assert find(EMAIL).context["error"] in pages.values()
    with tenant(saml.place.id):
        Organization.objects.filter(pk=saml.place.id).update(state="READY")
    assert leaving(find(EMAIL))
    saml.set(state="DISABLED")
    assert find(EMAIL).context["error"] in pages.values()


def test_known_and_unknown_people_of_a_domain_are_led_alike():
    saml = Saml.make()
    make_person(f"known@{DOMAIN}")
    for who in ("known", "unknown"):
        assert leaving(find(f"{who}@{DOMAIN}")).startswith(SSO_URL), who
    assert saml.role_of(f"unknown@{DOMAIN}") is None


def test_domains_cannot_be_tried_out_by_the_hundred(settings):
    assert settings.ACCOUNT_RATE_LIMITS["sso_find"] == "60/m/ip"
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"sso_find": "3/m/ip"}
    answers = [find("a@nobodys.example") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [400, 400, 400, 429]
    assert b"Too many tries" in answers[3].content


def test_the_page_to_sign_in_names_the_way_and_no_organization():
    saml = Saml.make()
    page = Client().get("/account/login/?next=/me/").content.decode()
    assert 'href="/sso?next=/me/"' in page
    assert str(saml.row.id) not in page
    assert saml.row.name not in page


def test_an_organization_names_its_own_way_in():
    saml = Saml.make()
    assert registry.sso_address(saml.place.id) == saml.at("start")
    page = Client().get(saml.at("start") + "?next=/me/").content.decode()
    assert saml.place.organization.name in page
    assert 'name="next" value="/me/"' in page
    saml.set(state="DISABLED")
    assert registry.sso_address(saml.place.id) == ""
    assert Client().get(saml.at("start")).status_code == 404
