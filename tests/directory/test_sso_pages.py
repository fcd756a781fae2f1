"""The pages of single sign-on and of domains, as an admin and as an auditor meet them."""

from datetime import timedelta
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

import pytest
from allauth.usersessions.models import UserSession
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from directory.models import SsoConnection
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from tenants.models import Organization
from tests.directory.support import EMAIL, Browser, Saml, add_domain
from tests.factories import Place, make_member, make_place, sign_in
from tests.idp.browsing import leaving
from tests.idp.oidc import Provider
from tests.idp.saml import SamlIdp
from tests.idp.saml_site import serve

pytestmark = pytest.mark.django_db(transaction=True)
SSO = "https://idp.example/sso"
State = SsoConnection.State


@pytest.fixture
def idp() -> SamlIdp:
    return SamlIdp.make()


@pytest.fixture
def loopback(settings) -> None:
    settings.OUTBOUND_NETWORKS = [ip_network("127.0.0.0/8")]


class Portal:
    """Somebody's browser at the pages of one organization."""

    def __init__(self, place: Place, client: Client) -> None:
        self.place, self.client = place, client
        self.base = f"/o/{place.slug}/live/directory/sso/"

    def get(self, path: str = "") -> str:
        page = self.client.get(self.base + path)
        assert page.status_code == 200, (page.status_code, page.content.decode())
        return page.content.decode()

    def post(self, path: str = "", **data: Any) -> Any:
        return self.client.post(self.base + path, data)

    def once(self, path: str) -> str:
        return self.get(path).partition('name="once" value="')[2].partition('"')[0]

    def make(self, kind: str = "okta", protocol: str = "saml", **more: str) -> SsoConnection:
        answer = self.post("new", kind=kind, protocol=protocol, once=self.once("new"), **more)
        assert answer.status_code == 302, answer.content.decode()
        return self.row(answer["Location"].rpartition("/")[2])

    def row(self, row: Any) -> SsoConnection:
        with tenant(self.place.id):
            return SsoConnection.objects.get(pk=getattr(row, "pk", row))

    def act(self, row: SsoConnection, act: str, **data: Any) -> Any:
        return self.post(f"{row.pk}", act=act, **data)

    def said(self, row: SsoConnection, act: str, **data: Any) -> str:
        """The page that follows."""
        answer = self.act(row, act, **data)
        assert answer.status_code == 302, answer.content.decode()
        return self.get(f"{row.pk}")

    def refused(self, row: SsoConnection, act: str, **data: Any) -> str:
        answer = self.act(row, act, **data)
        assert answer.status_code == 400, answer.status_code
        return str(answer.content.decode())

    def grow_stale(self) -> None:
        """They signed in an hour ago."""
        UserSession.objects.update(created_at=now() - timedelta(hours=1))


@pytest.fixture
def portal() -> Portal:
    place = make_place()
    return Portal(place, sign_in(place.owner))


def file(content: bytes | str) -> SimpleUploadedFile:
    return SimpleUploadedFile("metadata.xml", content if isinstance(content, bytes) else content.encode())


def test_without_a_connection_the_page_says_what_it_is_for(portal):
    assert "You connect it, try it with a real sign-in, and switch it on once it works." in portal.get()


@pytest.mark.parametrize(
    ("kind", "protocol", "words"),
    [
        ("okta", "saml", ["Single sign-on URL", "Audience URI (SP Entity ID)", "/acs", "/metadata", "Metadata URL"]),
        ("entra", "saml", ["Identifier (Entity ID)", "Reply URL (Assertion Consumer Service URL)"]),
        ("google", "saml", ["ACS URL", "Entity ID", "Signed response"]),
        ("onelogin", "saml", ["ACS (Consumer) URL Validator", r"/acs$", "Audience (EntityID)"]),
        ("pingfederate", "saml", ["Partner’s Entity ID (Connection ID)", "Assertion Consumer Service URL"]),
        ("other", "saml", ["Assertion Consumer Service (ACS) URL"]),
        ("okta", "oidc", ["Sign-in redirect URIs", "/callback"]),
        ("entra", "oidc", ["Redirect URI, for the platform Web", "login.microsoftonline.com"]),
        ("google", "oidc", ["Authorized redirect URIs", "https://accounts.google.com"]),
        ("onelogin", "oidc", ["Redirect URI’s"]),
        ("pingfederate", "oidc", ["Redirect URIs", "Client Authentication"]),
        ("other", "oidc", ["Redirect URI"]),
        ("workos", "saml", ["Redirect URIs", "/callback", "API key"]),
    ],
)
def test_each_provider_is_led_through_in_its_own_words(portal, kind, protocol, words):
    row = portal.make(kind, protocol)
    assert row.protocol == ("workos" if kind == "workos" else protocol)
    page = portal.get(f"{row.pk}")
    assert str(row.pk) in page
    assert [word for word in words if word not in page] == []


def test_a_form_sent_twice_makes_one(portal):
    data = {"kind": "okta", "protocol": "saml", "once": portal.once("new")}
    assert [portal.post("new", **data).status_code for _ in range(2)] == [302, 400]
    assert portal.post("new", kind="none", protocol="saml", once=data["once"]).status_code == 400


# ---- what comes back


def test_metadata_is_uploaded(portal, idp):
    row = portal.make()
    assert "Now test it with a real sign-in." in portal.said(row, "upload", file=file(idp.metadata(SSO)))
    assert portal.row(row).config["entity_id"] == idp.entity_id
    page = portal.get(f"{row.pk}")
    assert idp.entity_id in page
    assert "CN=idp.example" in page


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"<a/>", "not the metadata"), (b"x" * (256 * 1024 + 1), "at most 256 KiB"), (None, "at most 256 KiB")],
)
def test_another_file_is_named_as_such(portal, content, sentence):
    row = portal.make()
    assert sentence in portal.refused(row, "upload", **({"file": file(content)} if content else {}))
    assert "entity_id" not in portal.row(row).config


def test_metadata_is_fetched_once_and_its_address_is_not_kept(portal, idp, loopback):
    row = portal.make()
    with serve(idp) as site:
        portal.said(row, "address", url=f"{site.address}/metadata")
        config = portal.row(row).config
        assert config["sso_url"] == site.sso_url
        assert f"{site.address}/metadata" not in str(config)
        assert "answers 404" in portal.refused(row, "address", url=f"{site.address}/nothing")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://169.254.169.254/", "https://127.0.0.1/", "nonsense"])
def test_nothing_is_fetched_from_where_a_tenant_has_no_business(portal, url):
    assert "Address of the metadata" in portal.refused(portal.make(), "address", url=url)


def test_providers_are_asked_only_so_often_in_a_minute(portal, monkeypatch):
    monkeypatch.setattr("directory.actions.pace.MOST_A_MINUTE", 2)
    row = portal.make()
    often = [portal.refused(row, "address", url="https://127.0.0.1/") for _ in range(5)]  # a minute may end in between
    assert "very often within the last minute" in "".join(often)


def test_it_is_entered_by_hand(portal, idp):
    row = portal.make()
    wrong = portal.refused(row, "hand", entity_id="a b", sso_url="http://idp.example", certificate="none")
    for sentence in ("not an entity ID", "begin with https", "cannot be read as a certificate"):
        assert sentence in wrong
    certificate = idp.keys[0].certificate_pem
    here = {"entity_id": idp.entity_id, "sso_url": "http://127.0.0.1/sso", "certificate": certificate}
    assert "begin with https" in portal.refused(row, "hand", **here)
    portal.said(row, "hand", entity_id=idp.entity_id, sso_url=SSO, certificate=certificate)
    assert portal.row(row).config["certificates"] == [certificate]


def test_an_openid_provider_is_read_and_its_secret_never_shown(portal, provider: Provider, loopback):
    row = portal.make("other", "oidc")
    assert "no OpenID provider" in portal.refused(
        row, "open_id", issuer=f"{provider.address}/none", client_id="hq", secret="s3cr3t-one"
    ) or "answers 404" in portal.refused(row, "open_id", issuer=f"{provider.address}/none", client_id="hq", secret="x")
    page = portal.said(row, "open_id", issuer=provider.address, client_id="hq", secret="s3cr3t-one")
    assert "s3cr3t-one" not in page
    assert "kept, and never shown again" in page
    kept = portal.row(row)
    assert (kept.secret, kept.config["issuer"], kept.config["client_id"]) == ("s3cr3t-one", provider.address, "hq")
    assert kept.config["claims"] == {"groups": "groups"}
    assert kept.config["jwks_uri"].startswith(provider.address)
    portal.said(row, "open_id", issuer=provider.address, client_id="hq", secret="")
    assert portal.row(row).secret == "s3cr3t-one"


def test_workos_takes_an_organization_or_a_connection(portal):
    row = portal.make("workos")
    assert "begins with org_ or conn_" in portal.refused(row, "work_os", client_id="c", bound="x", secret="sk")
    portal.said(row, "work_os", client_id="client_1", bound="org_1", secret="sk_test")
    portal.said(row, "work_os", client_id="client_1", bound="conn_1")
    assert portal.row(row).config == {"client_id": "client_1", "connection": "conn_1"}
    assert "sk_test" not in portal.get(f"{row.pk}")


def test_names_of_attributes_begin_as_the_provider_has_them(portal):
    row = portal.make("entra")
    assert row.config["attributes"]["email"].endswith("/claims/emailaddress")
    portal.said(row, "names", email="mail", groups=" teams ")
    assert portal.row(row).config["attributes"] == {"email": "mail", "groups": "teams"}


# ---- roles


def test_rows_come_and_go_without_a_script_and_nothing_is_kept_before_it_is_saved(portal):
    row = portal.make()
    data: dict[str, Any] = {"group": ["Staff", "Ops"], "role": ["analyst", "admin"], "default_role": "auditor"}
    page = portal.act(row, "roles", more="1", **data).content.decode()
    assert page.count('name="group"') == 4
    page = portal.act(row, "roles", drop="0", **data).content.decode()
    assert ('value="Staff"' in page, 'value="Ops"' in page) == (False, True)
    assert portal.row(row).groups == {}
    portal.said(row, "roles", **(data | {"group": ["Staff", ""]}))
    kept = portal.row(row)
    assert (kept.groups, kept.default_role, kept.joins) == ({"Staff": "analyst"}, "auditor", False)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"group": ["A", "A"], "role": ["analyst", "admin"], "default_role": "analyst"}, "stands in the table twice"),
        ({"group": ["A"], "role": ["owner"], "default_role": "analyst"}, "Choose one of the roles"),
        ({"group": ["A\u202e"], "role": ["admin"], "default_role": "analyst"}, "all of them to be seen"),
        ({"default_role": "owner"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_kept_of_roles_is_said(portal, data, sentence):
    assert sentence in portal.refused(portal.make(), "roles", **data)


# ---- trying it


def tried(saml: Saml, portal: Portal, **said: Any) -> str:
    """The button, the provider, and the page to which the browser comes back."""
    browser = Browser(saml, portal.client)
    asked = leaving(portal.act(saml.row, "test"))
    page = browser.answer(saml.idp.respond(asked, **said))
    assert page["Location"] == f"{portal.base}{saml.row.pk}#test"
    return portal.get(f"{saml.row.pk}")


@pytest.fixture
def saml() -> Saml:
    return Saml.make(domain="", state=State.DRAFT, tested_at=None)


def test_a_test_shows_who_would_come_in_as_what_and_lets_it_be_switched_on(saml):
    portal = Portal(saml.place, sign_in(saml.place.owner))
    page = tried(saml, portal)
    assert "Verify alder.example, if it is yours" in page
    assert portal.row(saml.row).tested_at is None
    add_domain(saml.place)
    page = tried(saml, portal)
    assert f"An account would be made for {EMAIL}, and join as analyst." in page
    assert "Engineering" in page
    assert portal.row(saml.row).tested_at is not None
    assert saml.role_of() is None
    assert "Switched on." in portal.said(saml.row, "enable", instead_of="")
    portal.said(saml.row, "disable")
    portal.said(saml.row, "names", email="mail")
    assert "An account would be made" not in portal.get(f"{saml.row.pk}")


def test_a_test_without_an_address_shows_all_that_was_said(saml):
    add_domain(saml.place)
    portal = Portal(saml.place, sign_in(saml.place.owner))
    page = tried(saml, portal, attributes={"mail": [EMAIL]})
    assert "name the one that holds the address in step 2" in page
    assert EMAIL in page


def test_an_answer_that_is_not_trusted_is_explained(saml):
    portal = Portal(saml.place, sign_in(saml.place.owner))
    page = tried(saml, portal, foreign_key=True)
    assert "Nobody like this gets in." in page
    assert "Compare what stands at the provider with the first step" in page


def test_there_is_nothing_to_try_before_the_provider_is_known(portal):
    assert "Say first what the provider gave you." in portal.said(portal.make(), "test")


# ---- switching and removing ask who it is


def test_who_signed_in_long_ago_switches_nothing_on_and_changes_nothing_that_is_on(idp):
    saml = Saml.make(state=State.DISABLED)
    portal = Portal(saml.place, sign_in(saml.place.owner))
    portal.grow_stale()
    assert portal.act(saml.row, "enable", instead_of="").status_code == 403
    assert portal.post(f"{saml.row.pk}/remove", confirm="Okta").status_code == 403
    assert portal.row(saml.row).state == State.DISABLED
    saml.set(state=State.ACTIVE)
    extra = SamlIdp.make().keys[0].certificate_pem
    for act, data in (("certificate", {"certificate": extra}), ("roles", {"default_role": "admin"}), ("names", {})):
        assert portal.act(saml.row, act, **data).status_code == 403, act
    assert len(portal.row(saml.row).config["certificates"]) == 1
    assert "This asks for a fresh sign-in." in portal.get(f"{saml.row.pk}")
    portal.said(saml.row, "disable")


def test_a_second_certificate_is_added_while_it_is_on_and_the_first_removed(idp):
    saml = Saml.make()
    portal = Portal(saml.place, sign_in(saml.place.owner))
    second = SamlIdp.make().keys[0]
    assert "Switch it off before" in portal.refused(saml.row, "upload", file=file(idp.metadata(SSO)))
    page = portal.said(saml.row, "certificate", certificate=second.certificate_body)
    first = page.partition('name="fingerprint" value="')[2].partition('"')[0]
    assert "here already" in portal.refused(saml.row, "certificate", certificate=second.certificate_body)
    portal.said(saml.row, "drop_certificate", fingerprint=first)
    assert portal.row(saml.row).config["certificates"] == [second.certificate_pem]


def test_the_switch_says_before_what_it_switches_off(idp):
    saml = Saml.make()
    other = Saml.make(domain="", place=saml.place, name="Entra", state=State.DISABLED)
    portal = Portal(saml.place, sign_in(saml.place.owner))
    assert "Okta is switched off by it." in portal.get(f"{other.row.pk}")
    assert "something else was meanwhile" in portal.said(other.row, "enable", instead_of="")
    assert "something else was meanwhile" in portal.said(other.row, "enable", instead_of=str(uuid4()))
    portal.said(other.row, "enable", instead_of=str(saml.row.pk))
    assert (portal.row(saml.row).state, portal.row(other.row).state) == (State.DISABLED, State.ACTIVE)


def test_what_the_policy_requires_is_not_switched_off_and_the_way_to_the_policy_is_shown():
    saml = Saml.make()
    portal = Portal(saml.place, sign_in(saml.place.owner))
    with tenant(saml.place.id):
        Organization.objects.filter(pk=saml.place.id).update(sso_required=True, break_glass_id=saml.place.owner.pk)
    page = portal.get(f"{saml.row.pk}")
    assert "Switch off" not in page
    assert f'href="/o/{saml.place.slug}/live/policy/' in page
    assert "requires single sign-on" in portal.said(saml.row, "disable")
    assert portal.row(saml.row).state == State.ACTIVE


def test_removing_asks_for_the_name(portal):
    row = portal.make()
    assert portal.post(f"{row.pk}/remove", confirm="okta").status_code == 400
    assert portal.post(f"{row.pk}/remove", confirm="Okta").status_code == 302
    with tenant(portal.place.id):
        assert not SsoConnection.objects.exists()


def test_an_auditor_sees_everything_and_changes_nothing():
    saml = Saml.make(config={"client": "x"})
    auditor = Portal(saml.place, sign_in(make_member(saml.place, Role.AUDITOR)))
    assert "Connect a provider" not in auditor.get()
    page = auditor.get(f"{saml.row.pk}")
    assert saml.idp.entity_id in page
    assert page.count("<form") == Portal(saml.place, auditor.client).get().count("<form")
    for act in ("disable", "test", "roles", "names", "nonsense"):
        assert auditor.act(saml.row, act).status_code == 403
    assert auditor.post("domains/", name="x.example").status_code == 403
    domain = add_domain(saml.place, "mine.example", verified=False)
    assert auditor.post(f"domains/{domain.pk}").status_code == 403


def test_what_is_no_act_is_refused(portal):
    assert portal.act(portal.make(), "nonsense").status_code == 400
