"""Support access, from the operator's side: asking, deciding for each other where that is the policy, and beginning."""

from urllib.parse import urlencode
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from console.forms import AccessFilterForm, AskForm
from console.views.door import again, operator_always, operator_only, operator_verb, proof_of
from hq.authz.actor import Actor
from hq.lib.errors import Invalid, Refused
from tenants import actions, selectors
from tenants.actions.support import SESSION_KEY

PAGE = 25
ASKED = "Asked. Whoever decides was told by mail."


@operator_only
def requests(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Every request of every operator, newest first."""
    form = AccessFilterForm(request.GET)
    if not form.is_valid():
        raise Invalid("This page's address is not whole. Open support access again.")
    wanted = form.cleaned_data
    rows = selectors.list_access(
        actor,
        organization_id=wanted["organization"],
        before=wanted["cursor"],
        only_open=wanted["open"] == "yes",
        limit=PAGE + 1,
    )
    kept = {name: wanted[name] for name in ("open", "organization") if wanted[name]}
    context = {
        "rows": rows[:PAGE],
        "names": selectors.name_people({row.operator_id for row in rows}),
        "kept": kept,
        "older": f"?{urlencode(kept | {'cursor': rows[PAGE - 1].id})}" if len(rows) > PAGE else "",
        "newest": f"?{urlencode(kept)}" if wanted["cursor"] else "",
    }
    return render(request, "console/access.html", context)


@operator_only
def request_page(request: HttpRequest, actor: Actor, request_id: UUID) -> HttpResponse:
    """One request: why, for how long, who decided, and what can be done about it now."""
    line = selectors.get_access(actor, request_id)
    own = line.operator_id == actor.id
    context = {
        "line": line,
        "told": selectors.get_told(actor, line),
        "operator": selectors.name_people({line.operator_id}).get(line.operator_id, ""),
        "own": own,
        "may_decide": not own and line.state == "waiting" and line.support_by == "operators",
        "begun_here": request.session.get(SESSION_KEY, {}).get(line.slug) == str(line.id),
        "proof": proof_of(request),
    }
    return render(request, "console/access_request.html", context)


@operator_verb()
def ask(request: HttpRequest, actor: Actor, organization_id: UUID) -> HttpResponse:
    """Ask to be let in."""
    line = selectors.get_for_operator(actor, organization_id)
    form = AskForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            asked = actions.request_support(
                actor=actor,
                organization_id=organization_id,
                reason=data["reason"],
                minutes=data["minutes"],
                writes=data["writes"],
                email=data["email"],
                request_id=data["once"],
            )
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, ASKED)
            return again(request, "access_request", request_id=asked.id)
    context = {"line": line, "form": form, "proof": proof_of(request)}
    return render(request, "console/ask_access.html", context, status=400 if form.errors else 200)


@require_POST
@operator_verb("console:access_request")
def approve(request: HttpRequest, actor: Actor, request_id: UUID) -> HttpResponse:
    """Agree to another operator's request."""
    try:
        actions.approve_support(actor=actor, request_id=request_id)
        messages.success(request, "Approved. Who asked was told by mail.")
    except Refused as refused:
        messages.error(request, str(refused))
    return again(request, "access_request", request_id=request_id)


@require_POST
@operator_verb("console:access_request")
def refuse(request: HttpRequest, actor: Actor, request_id: UUID) -> HttpResponse:
    """Say no to another operator's request."""
    try:
        actions.refuse_support(actor=actor, request_id=request_id)
        messages.success(request, "Refused. Who asked was told by mail.")
    except Refused as refused:
        messages.error(request, str(refused))
    return again(request, "access_request", request_id=request_id)


@require_POST
@operator_verb("console:access_request")
def start(request: HttpRequest, actor: Actor, request_id: UUID) -> HttpResponse:
    """Begin, in this session only. Its key is another one from here on, so that an older copy opens nothing."""
    try:
        begun = actions.start_support(actor=actor, request_id=request_id)
    except Refused as refused:
        messages.error(request, str(refused))
        return again(request, "access_request", request_id=request_id)
    former = request.session.session_key
    request.session[SESSION_KEY] = request.session.get(SESSION_KEY, {}) | {begun.slug: str(begun.request_id)}
    request.session.cycle_key()
    UserSession.objects.filter(session_key=former).update(session_key=request.session.session_key)
    return redirect(reverse("organization", kwargs={"org_slug": begun.slug}))


@require_POST
@operator_always
def end(request: HttpRequest, actor: Actor, request_id: UUID) -> HttpResponse:
    """Be done with one's own access, or take the request back."""
    begun: dict[str, str] = request.session.get(SESSION_KEY, {})
    try:
        actions.end_support(actor=actor, request_id=request_id)
        messages.success(request, "Over. You see nothing of this organization any more.")
    except Refused as refused:
        messages.info(request, str(refused))
    finally:
        request.session[SESSION_KEY] = {slug: value for slug, value in begun.items() if value != str(request_id)}
    return again(request, "access_request", request_id=request_id)
