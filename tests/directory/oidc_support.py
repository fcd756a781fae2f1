"""An organization whose people sign in by an OpenID provider or WorkOS of the tests, and browsers that do so."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_network
from random import getrandbits
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.core.signing import Signer
from django.test import Client
from django.urls import reverse

from directory.actions.discovery import read_provider
from directory.models import SsoConnection
from hq.db.context import tenant
from hq.web.openid import _place as place_of_keys
from tenants.models import Membership, User
from tests.directory.support import add_connection, add_domain, leaving
from tests.factories import Place, make_place
from tests.idp import oidc, workos

LOOPBACK = [ip_network("127.0.0.0/8")]
DOMAIN = "alderpeak.example"
EMAIL = f"ines@{DOMAIN}"


def from_somewhere() -> Client:
    """A browser with an address of its own: attempts are counted by address."""
    return Client(REMOTE_ADDR=str(IPv4Address(getrandbits(32))))


def honest_again(provider: oidc.Provider) -> None:
    """As if it had just begun; only what it was asked stays."""
    fresh = vars(oidc.Provider())
    vars(provider).update({name: fresh[name] for name in fresh.keys() - {"address", "asked", "_over"}})
    forget_keys(provider)


def forget_keys(provider) -> None:
    """A port of the tests comes round again, and what was known of its keys must not."""
    place = place_of_keys(f"{provider.address}{oidc.JWKS}")
    cache.delete_many([place, f"{place}.asked"])


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
        with tenant(self.place.id):
            found = Membership.objects.filter(organization_id=self.place.id, user__email=email)
            return found.values_list("role", flat=True).first()


@dataclass
class Browser:
    sso: Sso
    client: Client = field(default_factory=from_somewhere)

    def new(self) -> None:
        """Another browser, at another place: the same client is not built up again, which takes long."""
        self.client.cookies.clear()
        self.client.defaults = from_somewhere().defaults

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


def session_of(client: Client) -> SessionBase:
    """What the server keeps for it. Not `client.session`: the cookie holds the key with a signature."""
    cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)
    return SessionStore(Signer(salt="hq.session").unsign(cookie.value) if cookie and cookie.value else None)


def asked(url: str) -> dict[str, str]:
    """The parameters of an address, each of which stands there once."""
    given = parse_qs(urlsplit(url).query)
    assert all(len(values) == 1 for values in given.values()), given
    return {name: values[0] for name, values in given.items()}
