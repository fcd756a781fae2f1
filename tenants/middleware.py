"""Finds out who is asking, and opens the database on their organization only."""

import zoneinfo
from collections.abc import Callable
from time import time
from typing import Any
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils import timezone

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz.actor import Actor
from hq.authz.permissions import AuthMethod
from hq.db.context import tenant
from hq.db.sealing import KeyUnavailable, on_behalf_of
from hq.lib.errors import NotFound, Problem, Unauthenticated
from hq.web.errors import answer
from hq.web.portal import person_of
from hq.web.request import identify, origin
from tenants import actions, selectors
from tenants.models import LIVE, Organization
from tenants.selectors import Belonging

GetResponse = Callable[[HttpRequest], HttpResponse]
ENTERED, ACTIVE = "hq.entered", "hq.active"


class SessionActivity:
    """Keeps when and from where a session was last used, for the session list; once a minute is often enough."""

    every = 60

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and request.session.session_key:
            noted = request.session.get(ACTIVE, 0)
            if not noted <= (at := int(time())) < noted + self.every:
                UserSession.objects.create_from_request(request)
                request.session[ACTIVE] = at
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
        try:
            actor = self._identify(request, match)
        except Problem as problem:
            request.resolver_match = match
            return answer(request, problem)
        if isinstance(actor, HttpResponse):
            return actor
        if actor is None:
            return self.get_response(request)
        with on_behalf_of(actor.kind, actor.id):
            if _flag(match, "own_context"):
                return self.get_response(request)
            with tenant(actor.organization_id):
                return self.get_response(request)

    def _identify(self, request: HttpRequest, match: ResolverMatch) -> Actor | HttpResponse | None:
        if request.path_info.startswith("/v1/"):
            actor = None if _flag(match, "public") else _by_api_key(request, match)
        elif "org_slug" in match.kwargs:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            actor = _by_session(request, match)
        else:
            return None
        if actor is not None:
            identify(request, actor)
        return actor


def _by_api_key(request: HttpRequest, match: ResolverMatch) -> Actor:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise Unauthenticated
    actor = actions.authenticate_api_key(secret=secret.strip(), origin=origin(request))
    asked_environment: UUID | None = match.kwargs.get("environment_id")
    asked_organization: UUID | None = match.kwargs.get("organization_id")
    if asked_environment not in {None, actor.environment_id} or asked_organization not in {None, actor.organization_id}:
        identify(request, actor)  # the access log of the one who tried
        raise NotFound
    return actor


def _by_session(request: HttpRequest, match: ResolverMatch) -> Actor:
    person = person_of(request)
    belonging = selectors.find_belonging(person.id, match.kwargs["org_slug"])
    if belonging is None:
        raise NotFound
    request.belonging = belonging  # type: ignore[attr-defined]
    name = match.kwargs.get("env_name", LIVE)
    actor = belonging.actor(person, method=AuthMethod.SESSION, origin=origin(request), environment_name=name)
    if belonging.state == Organization.State.READY:
        _enter(request, actor, belonging)
    return actor


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
