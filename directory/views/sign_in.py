"""Signing in by an organization's identity provider: finding it, going there, coming back."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from allauth.account.utils import get_next_redirect_url
from allauth.core import ratelimit
from allauth.socialaccount.adapter import get_adapter
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from redis.exceptions import RedisError

from directory.selectors import sso
from directory.selectors.sso import Connection, Protocol
from hq.lib.errors import Denied, NotFound, Refused, Unavailable
from hq.web.errors import answer
from hq.web.leaving import leave_for
from hq.web.portal import public

log = logging.getLogger("hq.directory")
View = Callable[..., HttpResponse]
# One sentence for a domain that nobody has verified, one without single sign-on, and what is no address at all.
UNKNOWN = "There is no single sign-on for this address. Check it, or sign in another way."


def _quietly(view: View) -> View:
    """Whatever was wrong with an answer, the page is the same; the reason stands in the log, without names."""

    @wraps(view)
    def inner(request: HttpRequest, **kwargs: UUID) -> HttpResponse:
        try:
            return view(request, **kwargs)
        except (Denied, Refused) as refusal:
            reason = type(refusal).__name__
            log.warning("single sign-on refused", extra={"connection": str(kwargs.get("id")), "reason": reason})
            return render(request, "directory/sso_refused.html", {"sentence": refusal.title}, status=403)
        except RedisError:
            return answer(request, Unavailable())

    return public(inner)


def _provider(request: HttpRequest, connection: Connection | None, *protocols: str) -> Any:
    """The connection as allauth sees it. Raises NotFound: there is none, or it speaks something else."""
    if connection is None or (protocols and connection.protocol not in protocols):
        raise NotFound
    return get_adapter().provider_of(request, connection)


def _too_many(request: HttpRequest) -> HttpResponse:
    response: HttpResponse = ratelimit.respond_429(request)
    return response


def _onward(request: HttpRequest, connection: Connection) -> HttpResponse:
    url = _provider(request, connection).begin(next_url=get_next_redirect_url(request))
    return leave_for(request, url, connection.name)


@_quietly
@require_http_methods(["GET", "HEAD", "POST"])
def find(request: HttpRequest) -> HttpResponse:
    """From an address to the identity provider of its domain. Nothing is looked up of who has the address."""
    context = {"next": get_next_redirect_url(request) or "", "email": request.POST.get("email", "").strip()}
    if request.method == "POST":
        if not ratelimit.consume(request, action="sso_find"):
            return _too_many(request)
        if connection := sso.find_by_address(context["email"]):
            return _onward(request, connection)
        context["error"] = UNKNOWN
    return render(request, "directory/sso_find.html", context, status=400 if "error" in context else 200)


@_quietly
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest, id: UUID) -> HttpResponse:
    """An organization's own way in: what its pages and its identity provider link to."""
    connection = sso.find_active(id)
    if connection is None:
        raise NotFound
    if request.method == "POST":
        return _onward(request, connection) if ratelimit.consume(request, action="sso") else _too_many(request)
    context = {"connection": connection, "next": get_next_redirect_url(request) or ""}
    return render(request, "directory/sso_start.html", context)


@csrf_exempt
@_quietly
@require_POST
def acs(request: HttpRequest, id: UUID) -> HttpResponse:
    """Where SAML answers are posted from the provider's site. It signs nobody in: see SamlProvider."""
    if not ratelimit.consume(request, action="sso"):
        return _too_many(request)
    response: HttpResponse = _provider(request, sso.find_connection(id), Protocol.SAML).receive()
    return response


@_quietly
@require_GET
def finish(request: HttpRequest, id: UUID) -> HttpResponse:
    """The second half of a SAML answer, with the browser's own session."""
    response: HttpResponse = _provider(request, sso.find_connection(id), Protocol.SAML).finish()
    return response


@_quietly
@require_GET
def callback(request: HttpRequest, id: UUID) -> HttpResponse:
    """Where OpenID Connect and WorkOS send the browser back to. Each has HQ ask the provider, so they are counted."""
    refused: HttpResponse | None = ratelimit.consume_or_429(request, action="sso", limit_get=True)
    if refused is not None:
        return refused
    response: HttpResponse = _provider(request, sso.find_connection(id), Protocol.OIDC, Protocol.WORKOS).receive()
    return response


@_quietly
@require_GET
def metadata(request: HttpRequest, id: UUID) -> HttpResponse:
    """Our side of a SAML connection, for providers that read it. Also its entity id."""
    content = _provider(request, sso.find_connection(id), Protocol.SAML).metadata()
    return HttpResponse(content, content_type="application/samlmetadata+xml")
