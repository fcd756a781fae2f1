"""OpenID Connect with an organization's own provider, as it was read when the connection was saved (ACC-4)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from django.http import HttpResponse, HttpResponseRedirect

from directory.actions.admission import Identity, SsoRefused
from directory.actions.sign_in import finish_test
from directory.adapters.provider import AnswerRefused, Asked, SsoProvider
from hq.lib.errors import Invalid
from hq.lib.openid import GOOGLE, Claims, Document
from hq.limits.seats import waiting_for
from hq.web import oauth, openid
from hq.web.oauth import Answer, Client, Kept

MOST_SEEN = 300  # characters of a claim that a test shows


class AddressNotConfirmed(SsoRefused):
    """Your identity provider says that it has not confirmed your address. Confirm it there, or ask an admin."""


class NotOfWorkspace(SsoRefused):
    """This is a Google account of your own. Choose the one of your organization’s Google Workspace."""


class CodeProvider(SsoProvider):
    """A connection by authorization code: OpenID Connect, and WorkOS."""

    def ask(self) -> Asked:
        state = oauth.new_state()
        with _as_refusal():
            url, kept = self.ask_for_code(state)
        return Asked(url, state, kept)

    def receive(self) -> HttpResponse:
        """Raises Busy, before anything is used up: the same address can be loaded again."""
        with waiting_for(self.connection.organization_id):
            return self._received()

    def _received(self) -> HttpResponse:
        answer = self.request.GET.dict()
        state = self.resume(answer.get("state", ""))
        try:
            with _as_refusal():
                identity = self.identify(answer, state["data"])
        except SsoRefused as refusal:
            if test := state.get("test"):
                return HttpResponseRedirect(finish_test(self.request, self.connection, test, refusal))
            raise
        return self.enter(state, identity)

    def ask_for_code(self, state: str) -> tuple[str, Kept]:
        """Where to send the browser, and what to keep."""
        raise NotImplementedError

    def identify(self, answer: Answer, kept: Kept) -> Identity:
        """Who has come back. Raises NotFetched, NotTrusted, SsoRefused."""
        raise NotImplementedError

    def client(self, *, basic: bool = False) -> Client:
        connection = self.connection
        return Client(connection.config["client_id"], connection.secret or "", connection.address("callback"), basic)


@contextmanager
def _as_refusal() -> Iterator[None]:
    """One kind of error for all that can be wrong. Raises AnswerRefused."""
    try:
        yield
    except Invalid as error:
        raise AnswerRefused(str(error)) from error
    except KeyError as error:
        raise AnswerRefused(f"The connection is not complete: {error} is missing.") from error


class OidcProvider(CodeProvider):
    """What the provider is stands in the connection; nothing of it is asked for during a sign-in, except its keys."""

    def ask_for_code(self, state: str) -> tuple[str, Kept]:
        return openid.ask(self._document(), self.client(), state=state)

    def identify(self, answer: Answer, kept: Kept) -> Identity:
        document = self._document()
        client = self.client(basic=document["basic"])
        claims = openid.receive(document, client, answer=answer, kept=kept)
        return identity_of(claims, self.connection.config.get("claims") or {})

    def _document(self) -> Document:
        config = self.connection.config
        return cast("Document", {name: config[name] for name in Document.__annotations__})


def identity_of(claims: Claims, names: Mapping[str, str]) -> Identity:
    """The person whom the claims tell of; `names` says in which claims `email`, `name` and `groups` stand.

    Raises:
        AddressNotConfirmed: the provider itself does not vouch for the address. Many say nothing of it, and then the
            organization's verified domain decides alone.
        NotOfWorkspace: Google looked at the address once, when somebody made an account of their own with it. Whose it
            is now only a Workspace knows, and those accounts alone have `hd` (Google, OpenID Connect, "hd").
    """
    if claims.get("iss") == GOOGLE and not claims.get("hd"):
        raise NotOfWorkspace
    email = names.get("email") or "email"
    if email == "email" and claims.get("email_verified", True) is not True:
        raise AddressNotConfirmed
    return Identity(
        uid=claims["sub"],
        email=_text(claims.get(email)),
        name=_text(claims.get(names.get("name") or "name")),
        groups=frozenset(texts(claims.get(names.get("groups") or "groups"))),
        mfa="mfa" in texts(claims.get("amr")),  # RFC 8176: several factors were used
        seen=shown(claims),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def texts(value: object) -> list[str]:
    """One text or a list of them; nothing else counts."""
    listed = value if isinstance(value, list) else [value]
    return [each for each in listed if isinstance(each, str)]


def shown(said: Mapping[str, Any]) -> dict[str, list[str]]:
    """What a provider said, for the page that tells an admin how a test went."""
    listed = {name: value if isinstance(value, list) else [value] for name, value in said.items()}
    return {str(name): [str(each)[:MOST_SEEN] for each in values] for name, values in sorted(listed.items())}
