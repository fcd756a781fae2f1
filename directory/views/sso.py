"""Pages of single sign-on: the list, a new connection, one connection in steps, its removal."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from directory.actions import connections as actions
from directory.forms import ConnectionForm
from directory.models import SsoConnection
from directory.selectors import connections as selectors
from directory.selectors.domains import list_domains
from directory.views import sso_acts
from directory.views.guides import guide_of
from directory.views.sso_page import ends_soon, page
from hq.authz import gate
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Refused
from hq.web import fresh
from hq.web.portal import own_context, tell, to
from hq.web.request import TenantRequest

State = SsoConnection.State


def sso(request: TenantRequest, **where: str) -> HttpResponse:
    """Which connections and which domains there are."""
    actor = request.actor
    connections, domains = selectors.list_connections(actor), list_domains(actor)
    active = next((each for each in connections if each.state == State.ACTIVE), None)
    context = {
        "connections": [(each, ends_soon(each, now())) for each in connections],
        "domains": domains,
        "active": active,
        "verified": any(domain.verified_at for domain in domains),
        "required": selectors.is_required(actor),
        "may_change": gate.allows(actor, Permission.IDENTITY_CHANGE),
    }
    return render(request, "directory/sso.html", context)


def new_connection(request: TenantRequest, **where: str) -> HttpResponse:
    """Which provider, and by what it signs people in."""
    gate.require(request.actor, Permission.IDENTITY_CHANGE)
    form = ConnectionForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = actions.create_connection(
                actor=request.actor,
                kind=data["kind"],
                protocol=data["protocol"],
                name=data["name"].strip(),
                names=guide_of(data["kind"], data["protocol"]).names,
                connection_id=data["once"],
            )
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            return to("directory:connection", where, id=made.id)
    return render(request, "directory/sso_new.html", {"form": form}, status=400 if form.errors else 200)


@own_context
def connection(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """One connection in four steps. Posted, one of them is done: `act` says which."""
    actor = request.actor
    forms: dict[str, Any] = {}
    if request.method == "POST":
        gate.require(actor, Permission.IDENTITY_CHANGE)
        done = sso_acts.do(request, id, where)
        if isinstance(done, HttpResponse):
            return done
        forms = done
    with tenant(actor.organization_id):
        row = selectors.get_connection(actor, id)
        bad = any(getattr(form, "errors", None) for form in forms.values())
        return render(request, "directory/sso_connection.html", page(request, row, forms), status=400 if bad else 200)


def remove_connection(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Asks for the name, and for a proof that it is they, before it removes."""
    gate.require(request.actor, Permission.IDENTITY_CHANGE)
    row = selectors.get_connection(request.actor, id)
    proof = fresh.proof_of(request)
    fault = ""
    if request.method == "POST":
        if not proof.fresh:
            return fresh.ask_for(proof)
        if request.POST.get("confirm", "").strip() != row.name:
            fault = "This is not the name of the connection. Nothing was changed."
        else:
            actions.remove_connection(actor=request.actor, connection_id=id)
            tell(request, f"{row.name} removed. Nobody signs in by it any more.", where)
            return to("directory:sso", where)
    context = {"connection": row, "proof": proof, "fault": fault, "is_active": row.state == State.ACTIVE}
    return render(request, "directory/sso_remove.html", context, status=400 if fault else 200)
