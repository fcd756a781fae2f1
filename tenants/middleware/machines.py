"""Who comes over /v1: by an API key, by a token of another room, or as a service in a person's name."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import ResolverMatch

from hq.authz.actor import Actor
from hq.authz.permissions import AuthMethod
from hq.lib.errors import NotFound, Unauthenticated
from hq.web.limits import charge, refuse_unknown
from hq.web.request import identify, origin
from hq.web.service_calls import comes_with_token, read_token
from tenants import actions, registry


def flag(match: ResolverMatch, name: str) -> bool:
    """What a view says of itself: False unless it says so."""
    view: Any = getattr(match.func, "view_class", None) or getattr(match.func, "cls", None) or match.func
    return bool(getattr(view, name, False))


def by_credentials(request: HttpRequest, match: ResolverMatch, *, again: bool = False) -> Actor:
    """The actor of a request with credentials of its own. One that asks `again`, for its stream, is counted once.

    Raises Unauthenticated, Denied, NotFound, TooMany.
    """
    if comes_with_token(request):
        return _by_service(request, match, again)
    return _by_api_key(request, match, again)


def _by_service(request: HttpRequest, match: ResolverMatch, again: bool) -> Actor:
    try:
        claims = read_token(request, digest_is_checked=flag(match, "digest_is_checked"))
    except Unauthenticated:
        refuse_unknown(request)
    actor = actions.authenticate_service_call(
        user_id=claims.user_id,
        service=claims.key_id,
        organization_id=match.kwargs.get("organization_id"),
        environment_id=match.kwargs.get("environment_id"),
        origin=origin(request),
    )
    _count(request, actor, again)
    return actor


def _by_api_key(request: HttpRequest, match: ResolverMatch, again: bool) -> Actor:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise Unauthenticated
    authenticate = registry.authenticator(secret.strip()) or actions.authenticate_api_key
    try:
        actor = authenticate(secret=secret.strip(), origin=origin(request))
    except Unauthenticated:
        refuse_unknown(request)
    except actions.NetworkNotAllowed as refusal:
        identify(request, refusal.actor)
        actions.note_key_use(refusal.actor, refused=True)
        refuse_unknown(request, refusal)
    _count(request, actor, again)
    asked_environment: UUID | None = match.kwargs.get("environment_id")
    asked_organization: UUID | None = match.kwargs.get("organization_id")
    if asked_environment not in {None, actor.environment_id} or asked_organization not in {None, actor.organization_id}:
        raise NotFound
    return actor


def _count(request: HttpRequest, actor: Actor, again: bool) -> None:
    """Whatever is refused from here on stands in the access log of the one who tried. Raises TooMany."""
    identify(request, actor)
    if again:
        return
    charge(request, actor)
    if actor.method is AuthMethod.API_KEY:
        actions.note_key_use(actor)
