"""Who comes into the operator's rooms: an operator who has shown a key of theirs (ACC-10, ACC-11)."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from allauth.account import app_settings
from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from hq.authz.permissions import Permission
from hq.lib.errors import NotFound
from hq.web.fresh import Proof
from hq.web.portal import person_of
from hq.web.request import identify, origin
from tenants import actions as tenants

View = Callable[..., HttpResponse]
KEY = Authenticator.Type.WEBAUTHN.value
MAY = frozenset({Permission.OPERATOR_ACCESS, Permission.OPERATOR_JOBS, Permission.OPERATOR_ORGANIZATIONS})
NO_KEY = "The operator’s rooms ask for a passkey or security key. Add one here, then go on."


def operator_only(view: View) -> View:
    """Signs in whoever is not; to anyone but an operator there is no such page. Gives the view its actor.

    A passkey or security key that is still theirs must have been used in this session.
    """

    @wraps(view)
    @login_required
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        actor = _enter(request)
        if _used_at(request) is None:
            return _lead(request, request.get_full_path() if request.method == "GET" else reverse("console:home"))
        return view(request, actor, *args, **kwargs)

    return inner


def operator_verb(back: str = "") -> Callable[[View], View]:
    """As `operator_only`; what changes something asks for the key again unless it was shown in the last five minutes.

    `back` names the page to come back to, where it is not this one. Nothing is kept of the form.
    """

    def guarded(view: View) -> View:
        @wraps(view)
        @login_required
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            actor = _enter(request)
            page = reverse(back, kwargs=kwargs) if back else request.path
            used_at = _used_at(request)
            if used_at is None or (request.method == "POST" and not _is_fresh(used_at)):
                return _lead(request, page)
            return view(request, actor, *args, **kwargs)

        return inner

    return guarded


def operator_always(view: View) -> View:
    """As `operator_only`, without the key: for being done with an access, which must never wait."""

    @wraps(view)
    @login_required
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, _enter(request), *args, **kwargs)

    return inner


def proof_of(request: HttpRequest) -> Proof:
    """For a page with a form: whether the key is fresh enough for it, and where to show it."""
    used_at = _used_at(request)
    fresh = used_at is not None and _is_fresh(used_at)
    return Proof(fresh=fresh, url="" if fresh else _key_page(request.path))


def _enter(request: HttpRequest) -> Any:
    person = person_of(request)
    if not person.is_operator:
        raise NotFound
    actor = tenants.operator_actor(person, origin=origin(request), permissions=MAY)
    identify(request, actor)  # for the access log
    return actor


def _used_at(request: HttpRequest) -> float | None:
    """When a key that the person still has was last used in this session, in seconds since 1970."""
    person = person_of(request)
    own = set(Authenticator.objects.filter(user_id=person.pk, type=KEY).values_list("id", flat=True))
    records = get_authentication_records(request, person)
    used = [one["at"] for one in records if one.get("method") == "mfa" and one.get("id") in own]
    return max(used, default=None)


def _is_fresh(used_at: float) -> bool:
    return 0 <= time.time() - used_at < int(app_settings.REAUTHENTICATION_TIMEOUT)


def _key_page(back: str) -> str:
    return f"{reverse('mfa_reauthenticate_webauthn')}?{urlencode({'next': back})}"


def _lead(request: HttpRequest, back: str) -> HttpResponseRedirect:
    """To where the key is shown, and back; to where one is added, for who has none."""
    if Authenticator.objects.filter(user_id=person_of(request).pk, type=KEY).exists():
        return HttpResponseRedirect(_key_page(back))
    messages.info(request, NO_KEY)
    return HttpResponseRedirect(reverse("mfa_index"))


def again(request: HttpRequest, name: str, **row: UUID) -> HttpResponseRedirect:
    """Back to a page of the operator's rooms."""
    return HttpResponseRedirect(reverse(f"console:{name}", kwargs=row))
