"""Adding a second factor: allauth's own pages, behind a door that accounts without a password meet too."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from urllib.parse import urlencode

from allauth.account import app_settings
from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import activate_totp
from allauth.mfa.webauthn.views import add_webauthn, remove_webauthn
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import RedirectView

from hq.web.fresh import ask_for, proof_of
from hq.web.portal import person_of
from hq.web.request import TenantRequest

View = Callable[..., HttpResponse]


def _fresh(view: View) -> View:
    """Let those pass who are sure to be they: where somebody has nothing to show, allauth asks for nothing.

    Raises NotFresh.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        proof = proof_of(cast("TenantRequest", request))
        return view(request, *args, **kwargs) if proof.fresh else ask_for(proof)

    return guarded


def _by_key(view: View) -> View:
    """An operator's keys open the operator's rooms (ACC-11), so who has one adds and removes keys by a key only.

    Or what a false page can ask for, a password and a code, would be enough to make another. Who has lost the only one
    is helped on the server: see `reset_factors`.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        person = person_of(request)
        keys = Authenticator.objects.filter(user_id=person.pk, type=Authenticator.Type.WEBAUTHN)
        own = set(keys.values_list("id", flat=True)) if person.is_operator else set()
        records = get_authentication_records(request, person)
        used = [one["at"] for one in records if one.get("method") == "mfa" and one.get("id") in own]
        if own and not 0 <= time.time() - max(used, default=0) < int(app_settings.REAUTHENTICATION_TIMEOUT):
            return redirect(f"{reverse('mfa_reauthenticate_webauthn')}?{urlencode({'next': request.path})}")
        return view(request, *args, **kwargs)

    return guarded


activate_app = login_required(_fresh(activate_totp))
add_key = login_required(_by_key(_fresh(add_webauthn)))
remove_key = login_required(_by_key(remove_webauthn))
# They stand on the one page of sign-in and security.
list_keys = RedirectView.as_view(pattern_name="mfa_index")
