"""An organization whose people sign in by an OpenID provider or WorkOS of the tests, and browsers that do so."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.test import Client
from django.urls import reverse

from directory.actions.discovery import read_provider
from directory.models import SsoConnection
from hq.db.context import tenant
from tenants.models import User
from tests.directory.support import add_connection, add_domain, role_of
from tests.factories import Place, make_place, session_of
from tests.idp import oidc, workos
from tests.idp.browsing import forget_keys, leaving, somewhere

DOMAIN = "alderpeak.example"
EMAIL = f"ines@{DOMAIN}"


def from_somewhere() -> Client:
    return Client(REMOTE_ADDR=somewhere())


@dataclass
class Sso:
    """One organization's connection. `provider` is where its browsers are sent."""

    place: Place
    provider: oidc.Provider | workos.WorkOS
    row: SsoConnection

    @classmethod
    def openid(cls, provider, place: Place | None = None, *, domain: str = DOMAIN, config=None, **row) -> "Sso":
        place = place or make_place()
        forget_keys(provider)
        with tenant(place.id):
            read = read_provider(actor=place.actor(), issuer=provider.address)
        config = read | {"client_id": oidc.CLIENT_ID} | (config or {})
        add_domain(place, domain)
        secret = oidc.CLIENT_SECRET
        return cls(place, provider, add_connection(place, config=config, protocol="oidc", secret=secret, **row))

    @classmethod
    def workos(cls, fake, **config) -> "Sso":
        place = make_place()
        add_domain(place, DOMAIN)
        config = {"client_id": workos.CLIENT_ID} | (config or {"connection": workos.CONNECTION})
        row = add_connection(place, config=config, kind="workos", protocol="workos", secret=workos.API_KEY)
        return cls(place, fake, row)

    def at(self, part: str) -> str:
        return reverse(f"sso_{part}", kwargs={"id": self.row.id})

    def role_of(self, email: str = EMAIL) -> str | None:
        return role_of(self.place, email)


@dataclass
class Browser:
    sso: Sso
    client: Client = field(default_factory=from_somewhere)

    def new(self) -> None:
        """Another browser, at another place: the same client is not built up again, which takes long."""
        self.client.cookies.clear()
        self.client.defaults["REMOTE_ADDR"] = somewhere()

    def ask(self, query: str = "", **data) -> str:
        """Where the organization's page sends it."""
        return leaving(self.client.post(f"{self.sso.at('start')}{query}", data))

    def bring(self, callback: str):
        """What HQ answers to the address that the provider sends the browser back to."""
        parts = urlsplit(callback)
        return self.client.get(f"{parts.path}?{parts.query}")

    def sign_in(self, **data):
        return self.bring(self.sso.provider.authorize(self.ask(**data)))

    @property
    def person(self) -> User | None:
        key = session_of(self.client).get("_auth_user_id")
        return User.objects.get(pk=key) if key else None

    @property
    def somebody(self) -> User:
        """The person, where there has to be one."""
        person = self.person
        assert person is not None, "nobody is signed in"
        return person
