"""Pages of an organization's domains: which there are, the record to publish, what was found."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render

from directory.actions import domains as actions
from directory.forms import DomainForm
from directory.models import Domain
from directory.selectors import domains as selectors
from hq.authz import gate
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.errors import Invalid, Refused
from hq.web.portal import own_context, tell, to
from hq.web.request import TenantRequest


def domains(request: TenantRequest, **where: str) -> HttpResponse:
    """All of them, and a form for one more."""
    actor = request.actor
    form = DomainForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        gate.require(actor, Permission.IDENTITY_CHANGE)
        if form.is_valid():
            data = form.cleaned_data
            try:
                made = actions.add_domain(actor=actor, name=data["name"], domain_id=data["once"])
            except (Invalid, Refused) as refused:
                form.add_error("name", str(refused))
            else:
                tell(request, f"{made.name} added. Publish the record, then check it.", where)
                return to("directory:domain", where, id=made.id)
    context = {
        "domains": selectors.list_domains(actor),
        "form": form,
        "may_change": gate.allows(actor, Permission.IDENTITY_CHANGE),
    }
    return render(request, "directory/domains.html", context, status=400 if form.errors else 200)


@own_context
def domain(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """One domain. Posted, it is looked at now: its name servers are asked outside of the transaction."""
    actor = request.actor
    if request.method == "POST":
        return _check(request, id, where)
    with tenant(actor.organization_id):
        found = selectors.get_domain(actor, id)
        context = _told(found) | {"may_change": gate.allows(actor, Permission.IDENTITY_CHANGE)}
        return render(request, "directory/domain.html", context)


def _told(found: Domain) -> dict[str, Any]:
    look = actions.last_look(found)
    return {
        "domain": found,
        "record": actions.record_name(found),
        "value": actions.record_value(found),
        "look": look,
        "missing": bool(look and not look.found and found.verified_at),
        "lapses_at": found.checked_at + actions.LAPSES_AFTER if found.checked_at else None,
    }


def _check(request: TenantRequest, id: UUID, where: dict[str, str]) -> HttpResponse:
    try:
        look = actions.check_domain(actor=request.actor, domain_id=id)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        if look.found:
            tell(request, "Verified. People with addresses there can sign in by single sign-on.", where)
    return to("directory:domain", where, id=id)


def remove_domain(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Asks for the name before it removes."""
    gate.require(request.actor, Permission.IDENTITY_CHANGE)
    found = selectors.get_domain(request.actor, id)
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip().lower() == found.name:
            actions.remove_domain(actor=request.actor, domain_id=id)
            tell(request, f"{found.name} removed.", where)
            return to("directory:domains", where)
        wrong = True
    context = {"domain": found, "wrong": wrong}
    return render(request, "directory/domain_remove.html", context, status=400 if wrong else 200)
