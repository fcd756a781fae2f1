"""Browsers that sign in by providers which the environment names, and what HQ knows of them."""

from urllib.parse import urlsplit

from allauth.account.models import EmailAddress
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.test import Client

from tenants.models import User
from tests.factories import session_of
from tests.idp import github, oidc
from tests.idp.browsing import LOOPBACK, forget_keys, honest_again, leaving, somewhere

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
    (honest_again if honest else forget_keys)(provider)
    cache.delete_many(["openid.document.acme", "openid.document.birch"])


class Browser:
    """One browser, at a place of its own: attempts are counted by address. `name` is the provider it uses."""

    def __init__(self, provider, name: str = "acme", client: Client | None = None) -> None:
        self.provider, self.name = provider, name
        self.client = client or Client()
        self.client.defaults["REMOTE_ADDR"] = somewhere()

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
    def session(self) -> SessionStore:
        return session_of(self.client)

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


def addresses(person: User) -> list[tuple[str, bool]]:
    return list(EmailAddress.objects.filter(user=person).values_list("email", "verified"))
