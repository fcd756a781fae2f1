"""Whether the person in front of the screen has shown lately that it is they: asked before what cannot be undone."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows import reauthentication
from allauth.usersessions.models import UserSession
from django.http import HttpResponseRedirect

from hq.lib.clock import now
from hq.lib.errors import Denied
from hq.web.portal import person_of
from hq.web.request import TenantRequest


class NotFresh(Denied):
    """This asks for a fresh sign-in. Sign out, sign in again, and come back within five minutes."""


@dataclass(frozen=True, slots=True)
class Proof:
    """`url` leads to where they can show it and comes back here; empty where only signing in again does."""

    fresh: bool
    url: str = ""


def proof_of(request: TenantRequest, *, back: str = "") -> Proof:
    """By when they last gave their password or a factor; who has neither must have signed in lately.

    `back` is the page to come back to, where it is not this one. What is not known refuses.
    """
    person = person_of(request)
    if not reauthentication.get_reauthentication_flows(person):
        return Proof(_signed_in_lately(request))
    if reauthentication.did_recently_reauthenticate(request):
        return Proof(fresh=True)
    way = get_adapter().get_reauthentication_methods(person)[0]["url"]
    return Proof(fresh=False, url=f"{way}?{urlencode({'next': back or request.path})}")


def _signed_in_lately(request: TenantRequest) -> bool:
    since = now() - timedelta(seconds=app_settings.REAUTHENTICATION_TIMEOUT)
    own = UserSession.objects.filter(user=person_of(request), session_key=request.session.session_key)
    return bool(own.filter(created_at__gt=since).exists())


def ask_for(proof: Proof) -> HttpResponseRedirect:
    """Where to go instead of doing it. Nothing is kept of the form: it has to be sent again. Raises NotFresh."""
    if not proof.url:
        raise NotFresh
    return HttpResponseRedirect(proof.url)
