"""Providers by which anybody may sign in (ACC-6): any that speaks OpenID Connect, and GitHub.

They are allauth's providers only as far as accounts go. The way there and back is HQ's own: allauth's takes parameters
of the request, its scope and its purpose from the visitor's address, uses no nonce, and leaves a token's signature be.
"""

from typing import Any
from urllib.parse import urlencode

from allauth.account.models import EmailAddress
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.helpers import complete_social_login, render_authentication_error
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.base import AuthError, ProviderAccount
from allauth.socialaccount.providers.base import Provider as BaseProvider
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from hq.lib.errors import Invalid
from hq.lib.openid import GOOGLE, Claims, Document, NotTrusted, answered
from hq.limits.seats import waiting_for
from hq.sign_in import SignInProvider
from hq.web import oauth, openid
from hq.web.leaving import leave_for
from hq.web.oauth import Answer, Cancelled, Client, Kept

LONGEST_NAME = 80
LONGEST_ADDRESS = 254
DOCUMENT_LIVES = 3600  # seconds


def readable(value: object, longest: int = LONGEST_NAME) -> str:
    """A name as it may be shown: nothing in it hides or forges, and it has an end."""
    text = value if isinstance(value, str) else ""
    return "".join(letter for letter in text if letter.isprintable()).strip()[:longest]


def _address(value: object) -> str:
    """An address, as accounts have them, or ""."""
    plain = isinstance(value, str) and value.isprintable() and len(value) <= LONGEST_ADDRESS
    return str(value).strip().lower() if plain else ""


class Account(ProviderAccount):
    """How a connected account is called."""

    def to_str(self) -> str:
        told = self.account.extra_data
        return str(told.get("login") or told.get("email") or self.account.uid)


class Provider(BaseProvider):
    """One provider. Its name in the environment is its part of addresses, and what accounts there are kept under."""

    id = "sign-in"
    account_class = Account
    supports_redirect = True

    def __init__(self, request: HttpRequest, app: SocialApp) -> None:
        super().__init__(request, app=app)
        self.name = app.name
        self.own: SignInProvider = settings.SIGN_IN_PROVIDERS[app.provider_id]

    # ---- there and back

    def begin(self, *, process: str) -> HttpResponse:
        """Send the browser there. `process`: `login`, or `connect` for who is signed in here and wants it added."""
        state = oauth.new_state()
        try:
            with waiting_for(self.sub_id):
                url, kept = self.ask(state)
        except Invalid as error:
            return self._failed(error)
        next_url = get_next_redirect_url(self.request)
        self.stash_redirect_state(self.request, process, next_url, data=kept, state_id=state)
        return leave_for(self.request, url, self.name)

    def come_back(self) -> HttpResponse:
        """Take the answer that the browser brings: only in the session that asked, once, and from whom it asked.

        Raises Busy, before anything is used up: the same address can be loaded again.
        """
        with waiting_for(self.sub_id):
            return self._taken()

    def _taken(self) -> HttpResponse:
        answer = self.request.GET.dict()
        state = statekit.unstash_state(self.request, provider_id=self.sub_id, state_id=answer.get("state", ""))
        if state is None:
            return self._failed(NotTrusted("This browser did not ask for the answer, or did too long ago."))
        try:
            claims = self.receive(answer, state["data"])
        except Invalid as error:
            return self._failed(error)
        login = self.sociallogin_from_response(self.request, claims)
        login.state = {name: state[name] for name in ("process", "next") if name in state}
        response: HttpResponse = complete_social_login(self.request, login)
        return response

    def _failed(self, error: Invalid) -> HttpResponse:
        kind = AuthError.CANCELLED if isinstance(error, Cancelled) else AuthError.UNKNOWN
        page: HttpResponse = render_authentication_error(self.request, self, error=kind, exception=error)
        return page

    def client(self, *, basic: bool = False) -> Client:
        """Never by what a request calls HQ: the address is registered at the provider."""
        back = settings.BASE_URL + reverse("provider_callback", kwargs={"name": self.sub_id})
        return Client(self.own["client_id"], self.own["secret"], back, basic)

    def ask(self, state: str) -> tuple[str, Kept]:
        """Raises NotFetched, NotAProvider."""
        raise NotImplementedError

    def receive(self, answer: Answer, kept: Kept) -> Claims:
        """`sub`, `email`, `email_verified` and `name`. Raises Cancelled, NotFetched, NotTrusted."""
        raise NotImplementedError

    # ---- what allauth asks

    def get_login_url(self, request: HttpRequest, **query: str) -> str:
        """For buttons: `process` chooses the page, `next` goes along; nothing else counts."""
        page = "provider_connect" if query.get("process") == "connect" else "provider_login"
        onward = f"?{urlencode({'next': query['next']})}" if "next" in query else ""
        return reverse(page, kwargs={"name": self.sub_id}) + onward

    def extract_uid(self, data: Claims) -> str:
        return str(data["sub"])

    def extract_common_fields(self, data: Claims) -> dict[str, Any]:
        return {"email": _address(data.get("email")), "name": readable(data.get("name"))}

    def extract_email_addresses(self, data: Claims) -> list[EmailAddress]:
        """Verified only where the provider says so, in so many words.

        Google goes on saying it of an address that somebody had once, unless it is its own or of a Workspace (`hd`).
        """
        email, verified = _address(data.get("email")), data.get("email_verified") is True
        if data.get("iss") == GOOGLE and not data.get("hd"):
            verified = verified and email.endswith("@gmail.com")
        return [EmailAddress(email=email, verified=verified, primary=True)] if email else []

    def extract_extra_data(self, data: Claims) -> Claims:
        """No more is kept than tells a person which account it is."""
        return {"email": _address(data.get("email")), "login": readable(data.get("login"))}

    def serialize(self) -> dict[str, Any]:
        """A sign-in that waits for a second factor finds its provider by this."""
        return {"id": self.sub_id}

    def wrap_account(self, social_account: SocialAccount) -> Account:
        return self.account_class(social_account)


class OpenIdProvider(Provider):
    """Whatever speaks OpenID Connect, Google among them."""

    @property
    def document(self) -> Document:
        """Read again each hour; what is read is checked each time. Raises NotFetched, NotAProvider."""
        place = f"openid.document.{self.sub_id}"
        kept: Document | None = cache.get(place)
        if kept is None or kept["issuer"] != self.own["issuer"]:
            kept = openid.read_issuer(self.own["issuer"])
            cache.set(place, kept, DOCUMENT_LIVES)
        return kept

    def ask(self, state: str) -> tuple[str, Kept]:
        return openid.ask(self.document, self.client(), state=state)

    def receive(self, answer: Answer, kept: Kept) -> Claims:
        document = self.document
        return openid.receive(document, self.client(basic=document["basic"]), answer=answer, kept=kept)


class GitHubProvider(Provider):
    """OAuth without OpenID: the person is who the access token belongs to, their address the primary one."""

    SITE, API = "https://github.com", "https://api.github.com"

    def ask(self, state: str) -> tuple[str, Kept]:
        site = self.own.get("url", self.SITE)
        more = {"scope": "read:user user:email"}
        return oauth.ask(f"{site}/login/oauth/authorize", self.client(), state=state, more=more)

    def receive(self, answer: Answer, kept: Kept) -> Claims:
        site, api = self.own.get("url", self.SITE), self.own.get("api", self.API)
        given = oauth.exchange(f"{site}/login/oauth/access_token", self.client(), answer=answer, kept=kept)
        person = answered(oauth.ask_with(given["access_token"], f"{api}/user"))
        number = person.get("id")  # for ever the same; names change hands
        if not isinstance(number, int) or isinstance(number, bool) or number <= 0:
            raise NotTrusted("GitHub does not say whose account it is.")
        return {
            "sub": str(number),
            "name": person.get("name") or person.get("login"),
            "login": person.get("login"),
            **self._primary(given["access_token"], f"{api}/user/emails"),
        }

    def _primary(self, access_token: str, url: str) -> Claims:
        """The address that GitHub itself writes to, and whether it was confirmed there."""
        response = oauth.ask_with(access_token, url)
        try:
            listed = response.json() if response.status_code == 200 else []
        except ValueError:
            raise NotTrusted("GitHub answers with something that is not JSON.") from None
        for entry in listed if isinstance(listed, list) else []:
            if isinstance(entry, dict) and entry.get("primary") is True:
                return {"email": entry.get("email"), "email_verified": entry.get("verified")}
        return {}


KINDS: dict[str, type[Provider]] = {"openid": OpenIdProvider, "github": GitHubProvider}
