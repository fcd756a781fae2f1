"""One transaction on one organization's rows around the view of whoever asks."""

from collections.abc import Callable
from copy import copy
from time import time
from typing import Any

from django.contrib.auth import get_user
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, ResolverMatch, resolve

from hq.authz.actor import Actor
from hq.db.context import tenant
from hq.db.sealing import on_behalf_of
from hq.lib.errors import Problem
from hq.web.errors import answer, is_api
from hq.web.limits import charge_address
from hq.web.request import ask_again_by, identify
from tenants.middleware.machines import by_credentials, flag
from tenants.middleware.people import by_session

GetResponse = Callable[[HttpRequest], HttpResponse]


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
            if flag(match, "own_context"):
                return self.get_response(request)
            with tenant(actor.organization_id):
                return self.get_response(request)

    def _again(self, request: HttpRequest, match: ResolverMatch) -> Actor | None:
        """Who asks, found out as for a next request: for streams, which may outlast what they began with."""
        fresh: Any = copy(request)
        if not is_api(request):  # where nobody has a session
            fresh.session = type(request.session)(request.session.session_key)
            fresh.seen_at = int(time())  # a session is not idle while something is on its way
            fresh.user = get_user(fresh)
        try:
            actor = self._identify(fresh, match, again=True)
        except Problem:
            return None
        return actor if isinstance(actor, Actor) else None

    def _identify(
        self, request: HttpRequest, match: ResolverMatch, *, again: bool = False
    ) -> Actor | HttpResponse | None:
        actor: Actor | HttpResponse | None
        if is_api(request):
            if flag(match, "public"):
                charge_address(request)
                return None
            actor = by_credentials(request, match, again=again)
        elif "org_slug" in match.kwargs:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            actor = by_session(request, match)
        else:
            return None
        if isinstance(actor, Actor):
            identify(request, actor)
        return actor
