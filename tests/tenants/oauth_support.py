"""Browsers that sign in by providers which the environment names, and what HQ knows of them."""

from html import unescape
from ipaddress import IPv4Address, ip_network
from random import getrandbits
from urllib.parse import parse_qs, urlsplit

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.core.signing import Signer
from django.test import Client

from hq.web.openid import _place as place_of_keys
from tenants.models import User
from tests.idp import github, oidc

LOOPBACK = [ip_network("127.0.0.0/8")]
EMAIL = "ines@alderpeak.example"


def openid(provider, title: str = "Acme") -> dict[str, str]:
    return {
        "kind": "openid",
        "title": title,
        "client_id": oidc.CLIENT_ID,
        "secret": oidc.CLIENT_SECRET,
        "issuer": provider.address,
    }


def hub(fake) -> dict[str, str]:
    own = {"kind": "github", "title": "GitHub", "issuer": "", "url": fake.address, "api": fake.address}
    return own | {"client_id": github.CLIENT_ID, "secret": github.CLIENT_SECRET}


def offer(configured, **providers) -> None:
    """Make these the providers of the deployment, and forget what was known of others of the same names."""
    configured.OUTBOUND_NETWORKS = LOOPBACK
    configured.SIGN_IN_PROVIDERS = providers
    for name in providers:
        cache.delete(f"openid.document.{name}")


def forget(provider, *, honest: bool = False) -> None:
    """What was known of its keys and its document; with `honest`, also what it was told to lie about."""
    if honest:
        fresh = vars(oidc.Provider())
        vars(provider).update({name: fresh[name] for name in fresh.keys() - {"address", "asked", "_over"}})
    place = place_of_keys(f"{provider.address}{oidc.JWKS}")
    cache.delete_many([place, f"{place}.asked", "openid.document.acme", "openid.document.birch"])


class Browser:
    """One browser, at a place of its own: attempts are counted by address. `name` is the provider it uses."""

    def __init__(self, provider, name: str = "acme", client: Client | None = None) -> None:
        self.provider, self.name = provider, name
        self.client = client or Client()
        self.client.defaults["REMOTE_ADDR"] = str(IPv4Address(getrandbits(32)))

    def ask(self, query: str = "", process: str = "login", **data) -> str:
        return leaving(self.client.post(f"/account/{self.name}/{process}/{query}", data))

    def begin(self) -> str | None:
        """Where it is sent, or None if HQ finds before it asks that the provider is not to be trusted."""
        page = self.client.post(f"/account/{self.name}/login/")
        return leaving(page) if page.status_code != 401 else None

    def bring(self, callback: str, **more):
        parts = urlsplit(callback)
        return self.client.get(f"{parts.path}?{parts.query}", **more)

    def sign_in(self, query: str = "", **data):
        return self.bring(self.provider.authorize(self.ask(query, **data)))

    def connect(self):
        return self.bring(self.provider.authorize(self.ask(process="connect")))

    @property
    def session(self) -> SessionBase:
        cookie = self.client.cookies.get(settings.SESSION_COOKIE_NAME)
        return SessionStore(Signer(salt="hq.session").unsign(cookie.value) if cookie and cookie.value else None)

    @property
    def person(self) -> User | None:
        key = self.session.get("_auth_user_id")
        return User.objects.get(pk=key) if key else None

    @property
    def somebody(self) -> User:
        """The person, where there has to be one."""
        person = self.person
        assert person is not None, "nobody is signed in"
        return person


def leaving(page) -> str:
    """Where the page that goes on by itself leads."""
    assert page.status_code == 200, (page.status_code, page.headers, page.content.decode())
    _, found, rest = page.content.decode().partition('content="0;URL=')
    assert found, page.content.decode()
    return unescape(rest.partition('"')[0])


def asked(url: str) -> dict[str, str]:
    given = parse_qs(urlsplit(url).query)
    assert all(len(values) == 1 for values in given.values()), given
    return {name: values[0] for name, values in given.items()}


def addresses(person: User) -> list[tuple[str, bool]]:
    return list(EmailAddress.objects.filter(user=person).values_list("email", "verified"))
