"""Adding a second factor: allauth's own pages, behind a door that accounts without a password meet too."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from allauth.mfa.totp.views import activate_totp
from allauth.mfa.webauthn.views import add_webauthn
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.generic import RedirectView

from hq.web.fresh import ask_for, proof_of
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


activate_app = login_required(_fresh(activate_totp))
add_key = login_required(_fresh(add_webauthn))
# They stand on the one page of sign-in and security.
list_keys = RedirectView.as_view(pattern_name="mfa_index")
