"""The list of endpoints, and the forms that make, change, re-key and remove one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.clock import now
from hq.lib.errors import Invalid, Refused
from hq.lib.text import plural
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from webhooks import actions, selectors
from webhooks.forms import EndpointForm, GraceForm
from webhooks.models import EVERYTHING, Endpoint
from webhooks.views import health, picker, preview, recipes


class ReplacedMeanwhile(Refused):
    """A new secret was made since this page was opened, and this form changed nothing."""


@dataclass(frozen=True, slots=True)
class Line:
    """An endpoint as the list shows it."""

    endpoint: Endpoint
    health: health.Health
    events: str


def endpoint_list(request: TenantRequest, **_: str) -> HttpResponse:
    """Every endpoint of the environment, with how its last 24 hours were."""
    rows = selectors.list_endpoints(request.actor)
    strips = selectors.health_strip(request.actor, [row.id for row in rows])
    lines = [Line(row, health.of(strips[row.id]), _events(row)) for row in rows]
    off = [row for row in rows if row.disabled_reason in {Endpoint.Reason.GONE, Endpoint.Reason.FAILING}]
    return render(request, "webhooks/list.html", {"lines": lines, "off": off})


def _events(endpoint: Endpoint) -> str:
    return "Everything" if EVERYTHING in endpoint.events else plural(len(endpoint.events), "event")


def new_endpoint(request: TenantRequest, **_: str) -> HttpResponse:
    """Make an endpoint. Its secret is on the answer to this form and never again."""
    gate.require(request.actor, Permission.WEBHOOKS_MANAGE)
    offered = picker.offered(request.actor)
    form = EndpointForm(request.POST if request.method == "POST" else None, offered=offered)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = actions.create_endpoint(
                actor=request.actor,
                name=data["name"],
                url=data["url"],
                events=data["events"],
                endpoint_id=data["once"],
            )
        except (Invalid, Refused) as problem:
            _blame(form, problem)
        else:
            return render(request, "webhooks/made.html", {"made": made, "tabs": recipes.TABS})
    context = {**_choosing(form, offered), "preview": preview.of(request.actor, form.ticked)}
    return render(request, "webhooks/new.html", context, status=400 if form.errors else 200)


def _choosing(form: EndpointForm, offered: Sequence[str]) -> dict[str, Any]:
    return {"form": form, "groups": picker.groups(offered, form.ticked)}


def _blame(form: EndpointForm, problem: Invalid | Refused) -> None:
    """Put what is wrong beside its field, where the action says which one that is."""
    fields = {"/name": "name", "/url": "url", "/events": "scope"}
    faults = getattr(problem, "errors", [])
    for fault in faults:
        form.add_error(next((fields[key] for key in fields if fault["pointer"].startswith(key)), None), fault["detail"])
    if not faults:
        form.add_error(None, str(problem))


def change_endpoint(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Its name, address and events."""
    row = selectors.get_endpoint(request.actor, id)
    offered = picker.offered(request.actor)
    form = EndpointForm(
        request.POST if request.method == "POST" else None,
        offered=offered,
        events=row.events,
        initial={"name": row.name, "url": row.url},
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            actions.change_endpoint(
                actor=request.actor, endpoint_id=id, name=data["name"], url=data["url"], events=data["events"]
            )
        except (Invalid, Refused) as problem:
            _blame(form, problem)
        else:
            tell(request, f"{data['name']} changed. What waits to be sent goes to this address too.", where)
            return to("webhooks:endpoint", where, id=id)
    context = {"endpoint": row, **_choosing(form, offered)}
    return render(request, "webhooks/change.html", context, status=400 if form.errors else 200)


def rotate_secret(request: TenantRequest, id: UUID, **_: str) -> HttpResponse:
    """A new secret, on the answer to this form and never again. The former one signs on for as long as was chosen.

    The endpoint stays locked from before the look at its secret: of a form sent twice the second changes nothing.
    """
    row = selectors.get_endpoint(request.actor, id, lock=request.method == "POST")
    current = selectors.list_secrets(request.actor, id)[0]
    form = GraceForm(request.POST if request.method == "POST" else None, initial={"current": current.id})
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["current"] != current.id:
            raise ReplacedMeanwhile
        hours = form.cleaned_data["grace_hours"]
        made = actions.rotate_secret(actor=request.actor, endpoint_id=id, grace_hours=hours)
        until = now() + timedelta(hours=hours) if hours else None
        context = {"made": made, "rotated": True, "former_until": until, "tabs": recipes.TABS}
        return render(request, "webhooks/made.html", context)
    context = {"endpoint": row, "form": form}
    return render(request, "webhooks/rotate.html", context, status=400 if form.errors else 200)


def remove_endpoint(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Asks for its name before it removes."""
    row = selectors.get_endpoint(request.actor, id)
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == row.name.strip():
            actions.remove_endpoint(actor=request.actor, endpoint_id=id)
            tell(request, f"{row.name} removed. Nothing more is sent to it.", where)
            return to("webhooks:list", where)
        wrong = True
    context = {"endpoint": row, "wrong": wrong}
    return render(request, "webhooks/remove.html", context, status=400 if wrong else 200)
