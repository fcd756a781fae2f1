"""What every kind of connection shares, as allauth sees it: one provider a connection, found by its own name only.

A protocol is a subclass with two methods, `ask` and `receive`. It makes an `Identity` of a checked answer; all that
follows from one is here and in `directory.actions.admission`.
"""

from dataclasses import dataclass, field
from time import time
from typing import Any

from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base import AuthProcess, Provider, ProviderAccount
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from audit import recorder
from audit.tags import PersonTag
from directory.actions.admission import Identity, SsoRefused, person_of_address
from directory.actions.sign_in import finish_test
from directory.selectors.sso import Connection
from hq.lib.errors import Denied, Refused
from hq.web.request import origin

UID_MOST = 191  # allauth's column


class AnswerRefused(SsoRefused):
    """The answer of your identity provider was not accepted. Start again; if it happens again, ask an admin."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Where a browser is sent, the name that the answer will carry, and what the session keeps until then.

    Only the session that asked may take the answer, and once.
    """

    url: str
    state_id: str
    kept: dict[str, Any] = field(default_factory=dict)


class SsoAccount(ProviderAccount):
    """Tells nothing but its name: what a provider says is not kept."""


class SsoProvider(Provider):
    """One connection. `id` is what allauth calls the kind; accounts are kept under `connection.provider_id`."""

    id = "sso"
    name = "Single sign-on"
    account_class = SsoAccount
    supports_redirect = True

    def __init__(self, request: HttpRequest, connection: Connection) -> None:
        super().__init__(request, app=app_of(connection))
        self.connection = connection
        self.name = connection.name

    # ---- what a protocol says

    def ask(self) -> Asked:
        """Make a request to the provider."""
        raise NotImplementedError

    def receive(self) -> HttpResponse:
        """Take the provider's answer from `self.request`. Raises SsoRefused."""
        raise NotImplementedError

    # ---- what all share

    def begin(self, *, next_url: str | None = None, test: dict[str, Any] | None = None) -> str:
        """Where to send the browser. `test`: nobody is signed in by the answer."""
        asked = self.ask()
        more = {"test": test} if test else {}
        self.stash_redirect_state(
            self.request, AuthProcess.LOGIN, next_url, data=asked.kept, state_id=asked.state_id, **more
        )
        return asked.url

    def resume(self, state_id: str) -> dict[str, Any]:
        """What this session kept when it asked; `data` is what `ask` gave. Raises AnswerRefused: it did not ask."""
        state = statekit.unstash_state(self.request, provider_id=self.sub_id, state_id=state_id)
        if state is None:
            raise AnswerRefused("This browser did not ask for the answer, or did too long ago.")
        return dict(state)

    def enter(self, state: dict[str, Any], identity: Identity) -> HttpResponse:
        """Go on with an answer that was checked: sign in, or show what a test has shown. Raises SsoRefused."""
        if test := state.get("test"):
            return HttpResponseRedirect(finish_test(self.request, self.connection, test, identity))
        if not 0 < len(identity.uid) <= UID_MOST:
            raise AnswerRefused("The provider's name for the person is empty or too long.")
        login = self.sociallogin_from_response(self.request, identity)
        login.state = {name: state[name] for name in ("process", "next") if name in state}
        login.identity = identity
        try:
            response: HttpResponse = complete_social_login(self.request, login)
        except (Denied, Refused):
            recorder.record_person(
                PersonTag.SIGN_IN_FAILED, person_id=person_of_address(identity.email), origin=origin(self.request)
            )
            raise
        return response

    def tell_tester(self, refusal: SsoRefused) -> HttpResponse | None:
        """If this session tries the connection, keep for it why the answer was refused."""
        states = statekit.get_states(self.request)
        state_id = statekit.get_oldest_state(states, rev=True, provider_id=self.sub_id)
        test = states[state_id][0].get("test") if state_id else None
        if not test:
            return None
        self.resume(state_id)
        return HttpResponseRedirect(finish_test(self.request, self.connection, test, refusal))

    def facts(self, identity: Identity) -> dict[str, dict[str, object]]:
        """What a session knows of it, under the organization: `tenants.selectors.doors` reads it."""
        fact = {"connection": str(self.connection.id), "at": int(time()), "mfa": identity.mfa}
        return {str(self.connection.organization_id): fact}

    # ---- what allauth asks

    def extract_uid(self, data: Identity) -> str:
        return data.uid

    def extract_extra_data(self, data: Identity) -> dict[str, Any]:
        return {}

    def extract_common_fields(self, data: Identity) -> dict[str, Any]:
        return {"email": data.email}

    def serialize(self) -> dict[str, Any]:
        """A sign-in that waits for a second factor finds its provider by this."""
        return {"id": self.sub_id}


def app_of(connection: Connection) -> SocialApp:
    """What allauth knows of a connection: never saved, and without its secrets."""
    return SocialApp(
        provider=connection.protocol,
        provider_id=connection.provider_id,
        client_id=str(connection.id),
        name=connection.name[:40],
    )
