"""Whole sign-ins by SAML, as a browser makes them, and what they leave behind."""

from time import time
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.conf import settings
from django.db import ProgrammingError
from django.test import Client
from lxml import etree

from audit.models import AuditEvent, PersonEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from tenants.models import User
from tests.directory.support import EMAIL, SSO_URL, Browser, Saml, saml_config
from tests.factories import make_member, make_person, make_place, sign_in
from tests.factors import add_app, begin, clock, confirm, with_password
from tests.idp.saml import ATTRIBUTES, MULTI_FACTOR, SigningKey
from tests.idp.saml_messages import read_request

__all__ = ["clock"]
pytestmark = pytest.mark.django_db(transaction=True)
MICROSOFT = "http://schemas.microsoft.com/claims"


@pytest.fixture
def saml():
    return Saml.make()


def fact_of(browser: Browser) -> dict[str, object] | None:
    facts: dict[str, dict[str, object]] = browser.session.get("hq.sso", {})
    return facts.get(str(browser.saml.place.id))


def test_somebody_new_gets_an_account_without_a_password_and_a_membership(saml):
    browser = Browser(saml)
    assert browser.sign_in()["Location"] == "/"
    person = User.objects.get(pk=browser.person_id or "")
    assert (person.email, person.name, person.has_usable_password()) == (EMAIL, "Ines Alder", False)
    assert saml.role_of() == "analyst"
    with tenant(saml.place.id):
        (joined,) = AuditEvent.objects.filter(organization_id=saml.place.id, tag="member:joined")
    assert (joined.actor_kind, joined.method, joined.detail["actor"]) == ("directory", "directory", "Okta")
    tags = PersonEvent.objects.filter(person_id=person.pk).order_by("at", "id").values_list("tag", flat=True)
    assert list(tags) == ["account:created", "session:signed_in"]
    assert saml.now("last_used_at") is not None
    assert browser.client.get(f"/o/{saml.place.slug}/live/").status_code == 200


def test_nothing_of_what_the_provider_said_is_kept(saml):
    Browser(saml).sign_in()
    account = SocialAccount.objects.get()
    assert (account.provider, account.extra_data) == (f"sso-{saml.row.id}", {})
    assert (SocialApp.objects.count(), SocialToken.objects.count()) == (0, 0)


def test_the_session_keeps_by_which_connection_and_when(saml):
    browser = Browser(saml)
    before = int(time())
    browser.sign_in()
    fact = fact_of(browser)
    assert fact is not None
    assert (fact["connection"], fact["mfa"]) == (str(saml.row.id), False)
    assert before <= int(str(fact["at"])) <= int(time())


SECOND_FACTORS: list[tuple[dict[str, Any], bool]] = [
    ({"authn_context": MULTI_FACTOR}, True),
    ({"authn_context": f"{MICROSOFT}/multipleauthn"}, True),
    ({"attributes": {**ATTRIBUTES, f"{MICROSOFT}/authnmethodsreferences": [f"{MICROSOFT}/multipleauthn"]}}, True),
    ({"attributes": {**ATTRIBUTES, "mfa": ["true"], "amr": [MULTI_FACTOR]}}, False),
    ({"authn_context": f"{MULTI_FACTOR}/no"}, False),
]


def test_a_second_factor_at_the_provider_counts_only_where_it_says_so_in_a_known_way(saml):
    for said, mfa in SECOND_FACTORS:
        browser = Browser(saml)
        browser.sign_in(**said)
        fact = fact_of(browser)
        assert fact is not None
        assert fact["mfa"] is mfa, said


def with_app(clock):
    person = with_password(EMAIL)
    return person, add_app(confirm(begin(person)), clock)


def test_who_has_a_factor_here_is_asked_for_it_first(saml, clock):
    _, app = with_app(clock)
    browser = Browser(saml)
    assert browser.sign_in()["Location"] == "/account/2fa/authenticate/"
    assert (browser.person_id, fact_of(browser)) == (None, None)
    assert "Ines" not in str(dict(browser.session.items()))
    done = browser.client.post("/account/2fa/authenticate/", {"code": app.next_code()})
    assert (done.status_code, done["Location"]) == (302, "/")
    assert browser.person_id
    assert fact_of(browser)


def test_a_connection_that_was_switched_off_before_the_factor_ends_the_sign_in(saml, clock):
    _, app = with_app(clock)
    browser = Browser(saml)
    browser.sign_in()
    saml.set(state="DISABLED")
    done = browser.client.post("/account/2fa/authenticate/", {"code": app.next_code()})
    assert (done.status_code, done["Location"].partition("?")[0]) == (302, "/account/login/")
    assert (browser.person_id, browser.client.get("/account/login/").status_code) == (None, 200)


def test_who_is_signed_in_as_somebody_else_is_that_one_no_more(saml):
    other = make_person()
    browser = Browser(saml, sign_in(other))
    browser.sign_in()
    assert browser.person_id not in {None, str(other.pk)}


def test_two_organizations_providers_may_both_have_let_the_same_person_in(saml):
    """Both ask for their own single sign-on: going to the second does not undo the first."""
    place = make_place()
    other = Saml.make(place=place, domain="other.example")
    person = make_member(saml.place, Role.ANALYST, EMAIL)
    browser = Browser(saml)
    browser.sign_in()
    with tenant(place.id):
        SocialAccount.objects.create(provider=f"sso-{other.row.id}", uid="x", user=person)
    User.objects.filter(pk=person.pk).update(email="ines@other.example")
    Browser(other, browser.client).sign_in(attributes={**ATTRIBUTES, "email": ["ines@other.example"]})
    assert browser.session["hq.sso"].keys() == {str(saml.place.id), str(place.id)}
    Browser(other, browser.client).sign_in(name_id="y", attributes={**ATTRIBUTES, "email": ["otto@other.example"]})
    assert browser.session["hq.sso"].keys() == {str(place.id)}  # that is somebody else


def test_both_certificates_count_during_a_rollover_and_one_after_it(saml):
    old, new, third = saml.idp.keys[0], saml.idp.add_key(), SigningKey.make()
    saml.set(config=saml_config(saml.idp))
    for key, status in ((old, 302), (new, 302), (third, 403)):
        assert Browser(saml).sign_in(signer=key).status_code == status
    saml.idp.keys.remove(old)
    saml.set(config=saml_config(saml.idp))
    assert [Browser(saml).sign_in(signer=key).status_code for key in (old, new)] == [403, 302]


def test_an_attribute_may_name_the_person_where_the_name_id_changes(saml):
    names = saml.row.config["attributes"] | {"uid": "employee"}
    saml.set(config=saml_config(saml.idp, attributes=names))
    said = {**ATTRIBUTES, "employee": ["4711"]}
    transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    assert Browser(saml).sign_in(attributes=said, name_id_format=transient).status_code == 302
    assert SocialAccount.objects.get().uid == "4711"
    for wrong in (ATTRIBUTES, {**ATTRIBUTES, "employee": ["x" * 192]}):  # none, and more than can be kept
        assert Browser(saml).sign_in(attributes=wrong).status_code == 403


def test_what_is_pasted_at_the_provider_is_what_requests_and_metadata_say(saml):
    asked = read_request(Browser(saml).ask())
    base = f"{settings.BASE_URL}/sso/{saml.row.id}"
    assert (asked.issuer, asked.acs_url, asked.destination) == (f"{base}/metadata", f"{base}/acs", SSO_URL)
    saml.set(state="DRAFT", config={})  # before anything is known of the other side
    page = Client().get(saml.at("metadata"), headers={"host": "localhost:9"})
    root = etree.fromstring(page.content)
    (acs,) = root.iter("{*}AssertionConsumerService")
    assert (root.get("entityID"), acs.get("Location")) == (f"{base}/metadata", f"{base}/acs")
    assert next(root.iter("{*}SPSSODescriptor")).get("WantAssertionsSigned") == "true"


def test_an_address_at_the_provider_may_have_a_query_of_its_own(saml):
    saml.set(config=saml_config(saml.idp, sso_url=f"{SSO_URL}?tenant=1"))
    address = Browser(saml).ask()
    assert address.startswith(f"{SSO_URL}?tenant=1&SAMLRequest=")


def test_a_connection_that_is_not_complete_is_no_fault_of_ours(saml):
    saml.set(config={"entity_id": "x"})
    assert Client().post(saml.at("start")).status_code == 403


def test_no_provider_can_be_planted_in_a_table(saml):
    with pytest.raises(ProgrammingError, match="permission denied"):
        SocialApp.objects.create(provider="openid", provider_id=f"sso-{saml.row.id}", name="Evil", client_id="evil")


def test_a_person_does_not_take_the_organizations_connection_away(saml):
    browser = Browser(saml)
    browser.sign_in()
    account = SocialAccount.objects.get()
    page = browser.client.get("/account/3rdparty/")
    assert (page.status_code, f'value="{account.pk}"' in page.content.decode()) == (200, False)
    browser.client.post("/account/3rdparty/", {"account": account.pk})
    assert SocialAccount.objects.exists()
