"""A person's own pages."""

from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from allauth.account.app_settings import EmailVerificationMethod
from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from allauth.usersessions.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from audit import selectors as trail
from audit.tags import PERSON_TOLD, PersonTag
from hq.authz.permissions import Permission
from hq.authz.roles import Role, granted
from hq.lib.errors import Invalid, NotFound
from hq.web.portal import person_of
from tenants import actions, selectors
from tenants.forms import ProfileForm
from tenants.models import LIVE, TOTP, WEBAUTHN, Organization
from tenants.selectors.sessions import list_sessions

PAGE = 50
KINDS = [
    ("sessions", "signing in"),
    ("factors", "second factors"),
    ("password", "password"),
    ("organizations", "organizations"),
    ("operator", "operator"),
]
FACTORS = {TOTP: "authenticator app", WEBAUTHN: "passkey or security key"}


@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Name, time zone, theme."""
    person = person_of(request)
    initial = {"name": person.name, "time_zone": person.time_zone, "theme": person.theme}
    form = ProfileForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        actions.update_profile(person=person, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("profile")
    return render(request, "tenants/profile.html", {"form": form}, status=400 if form.errors else 200)


@login_required
def activity(request: HttpRequest) -> HttpResponse:
    """The person's own log, newest first; what is looked for lives in the address. Raises Invalid."""
    person, kind = person_of(request), request.GET.get("kind", "")
    tags = [tag for tag, (told, *_) in PERSON_TOLD.items() if told == kind] if kind else None
    try:
        before = UUID(request.GET["cursor"]) if "cursor" in request.GET else None
    except ValueError:
        raise Invalid("This page's address is not whole. Open your activity again.") from None
    rows = trail.page_person_events(person.pk, tags=tags, before=before, limit=PAGE)
    kept = {"kind": kind} if kind else {}
    context = {
        "lines": [_line(row) for row in rows[:PAGE]],
        "kinds": KINDS,
        "kind": kind,
        "older": f"?{urlencode(kept | {'cursor': rows[PAGE - 1].pk})}" if len(rows) > PAGE else "",
        "newest": f"?{urlencode(kept)}" if before else "",
        "trails": _trails(person),
    }
    return render(request, "tenants/activity.html", context)


def _line(row: Any) -> dict[str, Any]:
    """One event in words."""
    kind, symbol, text = PERSON_TOLD[PersonTag(row.tag)]
    more = FACTORS.get(row.target_id, "") if kind == "factors" else ""
    return {"event": row, "symbol": symbol, "text": text, "more": more, "refused": symbol == "refused"}


def _trails(person: Any) -> list[dict[str, str]]:
    """Where what they did in an organization stands, as far as they may read it."""
    return [
        {
            "name": place.name,
            "url": f"{reverse('audit', kwargs={'org_slug': place.slug, 'env_name': LIVE})}?actor_id={person.pk}",
        }
        for place in selectors.list_belongings(person.pk)
        if Permission.AUDIT_READ in granted(Role(place.role), by_rules=place.by_rules)
        and place.state == Organization.State.READY
    ]


@login_required
def sessions(request: HttpRequest) -> HttpResponse:
    """Every device that is signed in as this person; one of them, or all others, can be ended. Raises NotFound."""
    person = person_of(request)
    shown = list_sessions(person)
    if request.method == "POST":
        chosen = request.POST.get("session", "")
        others = [one.row for one in shown if one.row.session_key != request.session.session_key]
        ended = [row for row in others if chosen in {"", str(row.pk)}]
        if chosen and not ended:
            raise NotFound
        get_adapter().end_sessions(ended)
        messages.success(request, "Session ended." if chosen else "All other sessions ended.")
        return redirect("usersessions_list")
    context = {"sessions": shown, "here": request.session.session_key}
    return render(request, "usersessions/usersession_list.html", context)


def sign_in_once(request: HttpRequest, token: str) -> HttpResponse:
    """A link made on the server: a button signs its person in, once. Looking at the page uses nothing up.

    It stands for the password only: who has a second factor is asked for it.
    """
    if request.method == "POST":
        try:
            person = actions.use_sign_in_link(token=token)
        except NotFound:
            return render(request, "tenants/sign_in_once.html", {"dead": True}, status=404)
        logout(request)  # whoever was signed in here
        sign_in = Login(user=person, email_verification=EmailVerificationMethod.NONE)
        return cast("HttpResponse", perform_login(request, sign_in))
    return render(request, "tenants/sign_in_once.html", {"dead": False})
