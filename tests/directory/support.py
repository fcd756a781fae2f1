"""An organization with a verified domain and a connection, its identity provider, and browsers that sign in by them."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client, RequestFactory
from django.urls import reverse

from directory.actions.sign_in import TestResult, begin_test, last_test
from directory.models import Domain, SsoConnection
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from tenants.models import Membership, User
from tests.factories import Place, make_place, session_of
from tests.idp.browsing import leaving
from tests.idp.saml import ATTRIBUTES, SamlIdp

SSO_URL = "https://idp.example/sso"
NAMES = {"email": "email", "first_name": "firstName", "last_name": "lastName", "groups": "groups"}
DOMAIN = "alder.example"  # that of the address in ATTRIBUTES
EMAIL = ATTRIBUTES["email"][0]
State = SsoConnection.State
_numbers = count(1)


def add_domain(place: Place, name: str = DOMAIN, *, verified: bool = True) -> Domain:
    with tenant(place.id):
        return Domain.objects.create(
            organization_id=place.id,
            name=name,
            challenge="word",
            created_by_id=place.owner.pk,
            verified_at=now() if verified else None,
        )


def add_connection(place: Place, *, config: dict[str, Any], protocol: str = "saml", **more) -> SsoConnection:
    values = {"kind": "okta", "name": "Okta", "state": State.ACTIVE, "groups": {}, "tested_at": now()} | more
    with tenant(place.id):
        return SsoConnection.objects.create(
            id=uuid4(),
            organization_id=place.id,
            protocol=protocol,
            config=config,
            created_by_id=place.owner.pk,
            **values,
        )


def role_of(place: Place, email: str) -> str | None:
    """Of the member who has this address, if there is one."""
    with tenant(place.id):
        found = Membership.objects.filter(organization_id=place.id, user__email=email)
        return found.values_list("role", flat=True).first()


def saml_config(idp: SamlIdp, **more) -> dict[str, Any]:
    return {
        "entity_id": idp.entity_id,
        "sso_url": SSO_URL,
        "certificates": [key.certificate_pem for key in idp.keys][:2],
        "attributes": NAMES,
    } | more


@dataclass
class Saml:
    """One organization's SAML connection with its provider. `place`, `idp` and `row` may be changed between acts."""

    place: Place
    idp: SamlIdp
    row: SsoConnection

    @classmethod
    def make(cls, *, domain: str = DOMAIN, place: Place | None = None, **row) -> "Saml":
        place = place or make_place()
        idp = SamlIdp.make(f"https://idp{next(_numbers)}.example/metadata")
        if domain:
            add_domain(place, domain)
        config = saml_config(idp, **row.pop("config", {}))
        return cls(place, idp, add_connection(place, config=config, **row))

    def at(self, name: str) -> str:
        return reverse(f"sso_{name}", kwargs={"id": self.row.id})

    def set(self, **values) -> None:
        with tenant(self.place.id):
            for name, value in values.items():
                setattr(self.row, name, value)
            self.row.save(update_fields=list(values))

    def now(self, name: str) -> Any:
        """What a column of the connection holds."""
        with tenant(self.place.id):
            return SsoConnection.objects.values_list(name, flat=True).get(pk=self.row.pk)

    def role_of(self, email: str = EMAIL) -> str | None:
        return role_of(self.place, email)


@dataclass
class Browser:
    """One browser. `client` holds its cookies, `page` is what it shows after coming back."""

    saml: Saml
    client: Client = field(default_factory=Client)
    page: Any = None

    def ask(self, **data) -> str:
        """The address at the provider that the organization's page leads to."""
        return leaving(self.client.post(self.saml.at("start"), data))

    def post(self, response: str, **more):
        """The provider's page posts the answer: from another site, so without HQ's session."""
        foreign = Client()
        data = {"SAMLResponse": response, "RelayState": "", **more}
        return foreign.post(self.saml.at("acs"), data, headers={"origin": "https://idp.example"})

    def come_back(self, posted):
        """Follow what the answer to the post says, by itself, with HQ's cookies."""
        self.page = posted
        if posted.status_code == 302:
            address = posted["Location"]
            assert address.startswith(settings.BASE_URL + self.saml.at("finish")), address
            parts = urlsplit(address)
            self.page = self.client.get(f"{parts.path}?{parts.query}")
        return self.page

    def answer(self, response: str, **more):
        return self.come_back(self.post(response, **more))

    def sign_in(self, **said):
        """A whole sign-in. `said` is what the provider says; an honest answer about Ines unless told otherwise."""
        return self.answer(self.saml.idp.respond(self.ask(), **said))

    @property
    def session(self) -> SessionStore:
        return session_of(self.client)

    @property
    def person_id(self) -> str | None:
        return self.session.get("_auth_user_id")


def begin(browser: Browser, *, back: str = "/here", role: Role = Role.OWNER) -> str:
    """What a page's button does to try a connection: the address at the provider."""
    request: Any = RequestFactory().post("/")
    request.session = browser.session
    request.user = User.objects.get(pk=browser.person_id or "")
    request.actor = browser.saml.place.actor(role, person=request.user)
    address = begin_test(request, browser.saml.row.id, back=back)
    request.session.save()
    return address


def tried(browser: Browser, **said) -> TestResult:
    """A connection tried once by who is signed in, and what the page shows of it."""
    page = browser.answer(browser.saml.idp.respond(begin(browser), **said))
    assert (page.status_code, page.headers.get("Location")) == (302, "/here"), page.content.decode()
    result = shown(browser)
    assert result is not None
    return result


def shown(browser: Browser) -> TestResult | None:
    request: Any = RequestFactory().get("/")
    request.session = browser.session
    return last_test(request, browser.saml.row.id)
