"""Signing in by another provider, and connecting an account there to one's own."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from allauth.core import ratelimit
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.views import connections
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods
from redis.exceptions import RedisError

from hq.lib.errors import NotFound, Unavailable
from hq.web.errors import answer
from hq.web.fresh import ask_for, proof_of
from hq.web.request import TenantRequest

View = Callable[..., HttpResponse]


def _provider(request: HttpRequest, name: str) -> Any:
    """One that everybody may use. Raises NotFound."""
    if name not in settings.SIGN_IN_PROVIDERS:
        raise NotFound
    return get_adapter(request).get_provider(request, name)


def _needs_valkey(view: View) -> View:
    """Without it neither attempts are counted nor keys of providers known."""

    @wraps(view)
    def inner(request: HttpRequest, **kwargs: str) -> HttpResponse:
        try:
            return view(request, **kwargs)
        except RedisError:
            return answer(request, Unavailable())

    return inner


def _begin(request: HttpRequest, name: str, process: str) -> HttpResponse:
    provider = _provider(request, name)
    if request.method != "POST":
        return render(request, "socialaccount/login.html", {"provider": provider, "process": process})
    if not ratelimit.consume(request, action="sso"):
        return cast("HttpResponse", ratelimit.respond_429(request))
    return cast("HttpResponse", provider.begin(process=process))


@_needs_valkey
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest, name: str) -> HttpResponse:
    """A button, then off to the provider. Never by a look at the page alone: another site could sign one in."""
    return _begin(request, name, "login")


@_needs_valkey
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def connect(request: HttpRequest, name: str) -> HttpResponse:
    """The same, to add the account there as a way in here."""
    _provider(request, name)
    proof = proof_of(cast("TenantRequest", request))
    return _begin(request, name, "connect") if proof.fresh else ask_for(proof)


@_needs_valkey
@require_GET
def callback(request: HttpRequest, name: str) -> HttpResponse:
    """Where the provider sends the browser back to. Each has HQ ask it something, so they are counted like asking."""
    provider = _provider(request, name)
    refused = ratelimit.consume_or_429(request, action="sso", limit_get=True)
    if refused is not None:
        return cast("HttpResponse", refused)
    return cast("HttpResponse", provider.come_back())


@login_required
def connected_accounts(request: HttpRequest) -> HttpResponse:
    """Which accounts elsewhere sign in here; a POST takes one away."""
    if request.method == "POST":
        proof = proof_of(cast("TenantRequest", request))
        if not proof.fresh:
            return ask_for(proof)
    return cast("HttpResponse", connections(request))
