"""Finds out who is asking, and opens the database on their organization only."""

import zoneinfo
from collections.abc import Callable
from copy import copy
from time import time
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import get_user, logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import Resolver404, ResolverMatch, resolve, reverse
from django.utils import timezone

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz.actor import Actor
from hq.authz.permissions import AuthMethod
from hq.db.context import tenant
from hq.db.sealing import KeyUnavailable, on_behalf_of
from hq.lib.errors import Denied, NotFound, Problem, Unauthenticated
from hq.web.errors import answer
from hq.web.limits import charge, refuse_unknown
from hq.web.portal import person_of
from hq.web.request import ask_again_by, identify, origin, source_ip
from hq.web.service_calls import comes_with_token, read_token
from tenants import actions, registry, selectors
from tenants.actions.support import SESSION_KEY
from tenants.models import LIVE, WEBAUTHN, Organization
from tenants.selectors import Belonging, Obstacle, Support

GetResponse = Callable[[HttpRequest], HttpResponse]
ENTERED, ACTIVE, UNUSED = "hq.entered", "hq.active", "hq.unused"


class NotFromHere(Denied):
    """This organization lets people in from its own networks only. Come from one of those, or ask an admin."""


class NotByThisAddress(Denied):
    """This organization lets people in only with addresses of its own domains. Ask an admin, or change yours."""


class NoWayIn(Denied):
    """This organization asks for its own single sign-on, which is switched off. Its break-glass owner can help."""


class OrganizationSuspended(Denied):
    """This organization is suspended. Nothing is lost; the operator of this HQ can open it again."""


class SessionActivity:
    """Keeps when and from where a session was last used, for the session list; once a minute is often enough."""

    every = 60

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        before = request.session.session_key
        if request.user.is_authenticated and request.session.session_key:
            if request.session.session_key != before:  # Django renews it with the secret that signs it (ACC-7)
                UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)
            noted = request.session.get(ACTIVE, 0)
            request.seen_at = noted  # type: ignore[attr-defined]  # before this request
            if not noted <= (at := int(time())) < noted + self.every:
                UserSession.objects.create_from_request(request)
                request.session[ACTIVE] = at
                if noted:  # a page of no organization must not hide from one how long nobody was here
                    request.session[UNUSED] = max(at - noted, request.session.get(UNUSED, 0))
        return self.get_response(request)


class PersonPreferences:
    """Times in the person's zone."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = getattr(request.user, "time_zone", "UTC")
        try:
            timezone.activate(zoneinfo.ZoneInfo(zone))
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            timezone.activate(zoneinfo.ZoneInfo("UTC"))
        try:
            return self.get_response(request)
        finally:
            timezone.deactivate()


def _flag(match: ResolverMatch, name: str) -> bool:
    view: Any = getattr(match.func, "view_class", None) or getattr(match.func, "cls", None) or match.func
    return bool(getattr(view, name, False))


class TenantContext:
    """Innermost: one transaction on the actor's organization around the view, unless the view opens its own."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return self.get_response(request)
        request.resolver_match = match
        try:
            actor = self._identify(request, match)
        except Problem as problem:
            return answer(request, problem)
        if isinstance(actor, HttpResponse):
            return actor
        if actor is None:
            return self.get_response(request)
        ask_again_by(request, lambda: self._again(request, match))
        with on_behalf_of(actor.kind, actor.id):
            if _flag(match, "own_context"):
                return self.get_response(request)
            with tenant(actor.organization_id):
                return self.get_response(request)

    def _again(self, request: HttpRequest, match: ResolverMatch) -> Actor | None:
        """Who asks, found out as for a next request: for streams, which may outlast what they began with."""
        fresh: Any = copy(request)
        fresh.session = type(request.session)(request.session.session_key)
        fresh.seen_at = int(time())  # a session is not idle while something is on its way
        fresh.user = get_user(fresh)
        try:
            actor = self._identify(fresh, match)
        except Problem:
            return None
        return actor if isinstance(actor, Actor) else None

    def _identify(self, request: HttpRequest, match: ResolverMatch) -> Actor | HttpResponse | None:
        if request.path_info.startswith("/v1/"):
            actor: Actor | HttpResponse | None = None if _flag(match, "public") else _over_v1(request, match)
        elif "org_slug" in match.kwargs:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            actor = _by_session(request, match)
        else:
            return None
        if isinstance(actor, Actor):
            identify(request, actor)
        return actor


def _over_v1(request: HttpRequest, match: ResolverMatch) -> Actor:
    return _by_service(request, match) if comes_with_token(request) else _by_api_key(request, match)


def _by_service(request: HttpRequest, match: ResolverMatch) -> Actor:
    try:
        claims = read_token(request, digest_is_checked=_flag(match, "digest_is_checked"))
    except Unauthenticated:
        refuse_unknown(request)
    actor = actions.authenticate_service_call(
        user_id=claims.user_id,
        service=claims.key_id,
        organization_id=match.kwargs.get("organization_id"),
        environment_id=match.kwargs.get("environment_id"),
        origin=origin(request),
    )
    identify(request, actor)
    charge(request, actor)
    return actor


def _by_api_key(request: HttpRequest, match: ResolverMatch) -> Actor:
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
        raise
    identify(request, actor)  # whatever is refused from here on stands in the access log of the one who tried
    charge(request, actor)
    asked_environment: UUID | None = match.kwargs.get("environment_id")
    asked_organization: UUID | None = match.kwargs.get("organization_id")
    if asked_environment not in {None, actor.environment_id} or asked_organization not in {None, actor.organization_id}:
        raise NotFound
    return actor


def _by_session(request: HttpRequest, match: ResolverMatch) -> Actor | HttpResponse:
    """The actor, or where to go first: what the organization's policy asks comes before anything of it is shown."""
    person, slug = person_of(request), match.kwargs["org_slug"]
    support = _support(request, slug)
    belonging = support or selectors.find_belonging(person.id, slug)
    if belonging is None or belonging.state == Organization.State.CLOSED:
        raise NotFound
    if belonging.state == Organization.State.SUSPENDED and support is None:
        raise OrganizationSuspended
    if support is None and (obstacle := _obstacle(request, belonging)) is not None:
        return _lead(request, belonging, obstacle)
    request.belonging = belonging  # type: ignore[attr-defined]
    name = match.kwargs.get("env_name", LIVE)
    actor = belonging.actor(person, method=AuthMethod.SESSION, origin=origin(request), environment_name=name)
    if belonging.state == Organization.State.READY and support is None:
        _enter(request, actor, belonging)
    return actor


def _support(request: HttpRequest, slug: str) -> Support | None:
    """The access that an operator began in this session, as long as it lasts."""
    begun: dict[str, str] = request.session.get(SESSION_KEY, {})
    if slug not in begun:
        return None
    found = selectors.find_support(person_of(request).id, UUID(begun[slug]))
    return found if found is not None and found.slug == slug else None


def _obstacle(request: HttpRequest, belonging: Belonging) -> Obstacle | None:
    asks_for_sso = belonging.sso_required or belonging.mfa_by_provider
    asked = selectors.facts_of(
        request.session,
        person_id=person_of(request).id,
        email=person_of(request).email,
        organization_id=belonging.organization_id,
        at=int(time()),
        ip=source_ip(request),
        seen_at=getattr(request, "seen_at", 0),
        connection=registry.sso_connection if asks_for_sso else None,
    )
    return selectors.find_obstacle(belonging, asked)


def _lead(request: HttpRequest, belonging: Belonging, obstacle: Obstacle) -> HttpResponse:
    """To where the obstacle is met, and back. Raises NotFromHere, NotByThisAddress, NoWayIn."""
    if obstacle is Obstacle.NETWORK:
        raise NotFromHere
    if obstacle is Obstacle.ADDRESS:
        raise NotByThisAddress
    back = request.get_full_path() if request.method == "GET" else request.path
    if obstacle is Obstacle.SSO:
        address = registry.sso_address(belonging.organization_id)
        if not address:
            raise NoWayIn
        return _go(request, f"{address}?{urlencode({'next': back})}")
    if obstacle is Obstacle.OVER:
        logout(request)
        messages.info(request, f"{belonging.name} asks you to sign in again after this long.")
        return _go(request, f"{reverse('account_login')}?{urlencode({'next': back})}")
    if obstacle is Obstacle.FACTOR:
        return _go(request, f"{_factor_page(request, belonging)}?{urlencode({'next': back})}")
    messages.info(request, f"{belonging.name} asks for a second factor. Add one here, then go on.")
    return _go(request, reverse("mfa_index"))


def _factor_page(request: HttpRequest, belonging: Belonging) -> str:
    """Where a factor that counts is asked for. A key first: it cannot be given away to a false page."""
    own = set(Authenticator.objects.filter(user_id=person_of(request).pk).values_list("type", flat=True))
    by_key = WEBAUTHN in own and WEBAUTHN in belonging.mfa_factors
    return reverse("mfa_reauthenticate_webauthn" if by_key else "mfa_reauthenticate")


def _go(request: HttpRequest, url: str) -> HttpResponse:
    if request.headers.get("HX-Request"):  # a part of a page would take in the whole other page
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return redirect(url)


def _enter(request: HttpRequest, actor: Actor, belonging: Belonging) -> None:
    """The first time that a session comes to an organization, its trail says so.

    While the organization's key cannot be used its trail cannot be written either; the access log of the deployment has
    the request, and the session is entered in the trail once that is possible. Or nobody could look after the key.
    """
    entered: list[str] = request.session.get(ENTERED, [])
    if str(belonging.organization_id) in entered:
        return
    try:
        with tenant(belonging.organization_id):
            recorder.record(
                actor, Tag.SESSION_ENTERED, target=Target("organization", belonging.organization_id, belonging.name)
            )
    except KeyUnavailable:
        return
    request.session[ENTERED] = [*entered, str(belonging.organization_id)]
