"""WorkOS: a broker that signs in by an organization's provider and tells who it was (ACC-4).

https://workos.com/docs/reference/sso: the profile comes with the access token, over TLS, for our code and our key.
"""

from typing import Any

from django.conf import settings

from directory.actions.admission import Identity
from directory.adapters.oidc import CodeProvider, shown, texts
from hq.lib.openid import NotTrusted
from hq.web import oauth
from hq.web.oauth import Answer, Kept

# What the connection may be bound to: the parameter of a request, and where the profile says the same.
BOUND = {"connection": "connection_id", "organization": "organization_id"}


class WorkOsProvider(CodeProvider):
    """A connection by way of WorkOS.

    One key serves all organizations of a customer there, so each answer is held to what this connection was made for.
    """

    def ask_for_code(self, state: str) -> tuple[str, Kept]:
        config = self.connection.config
        # The connection is the narrower one, and WorkOS takes one of them only.
        bound = next((name for name in BOUND if config.get(name)), None)
        if bound is None:
            raise NotTrusted("The connection names neither a connection nor an organization at WorkOS.")
        more = {bound: config[bound]}
        return oauth.ask(f"{settings.WORKOS_ADDRESS}/sso/authorize", self.client(), state=state, more=more)

    def identify(self, answer: Answer, kept: Kept) -> Identity:
        given = oauth.exchange(f"{settings.WORKOS_ADDRESS}/sso/token", self.client(), answer=answer, kept=kept)
        profile = given.get("profile")
        if not isinstance(profile, dict):
            raise NotTrusted("WorkOS sends no profile.")
        self._check_bound(profile)
        uid = profile.get("id")
        if not isinstance(uid, str) or not uid.isprintable():
            raise NotTrusted("WorkOS does not say whose profile it is.")
        email = profile.get("email")
        return Identity(
            uid=uid,
            email=email if isinstance(email, str) else "",
            name=" ".join(texts([profile.get("first_name"), profile.get("last_name")])),
            groups=frozenset(texts(profile.get("groups"))),
            seen=shown(profile),
        )

    def _check_bound(self, profile: dict[str, Any]) -> None:
        """Raises NotTrusted: somebody of another organization, or nobody says of which."""
        config = self.connection.config
        bound = {name: said for name, said in BOUND.items() if config.get(name)}
        if not bound or any(profile.get(said) != config[name] for name, said in bound.items()):
            raise NotTrusted("WorkOS tells of somebody who comes from elsewhere.")
