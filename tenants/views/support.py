"""Support access, from the organization's side: which operators ask to be let in, and who was."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Refused
from hq.web.fresh import ask_for, proof_of
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from tenants import actions, selectors


def support(request: TenantRequest, **_: str) -> HttpResponse:
    """What waits for an answer, what runs, and what was."""
    requests = selectors.list_requests(request.actor)
    context = {
        "requests": requests,
        "waiting": [asked for asked in requests if asked.state == "waiting"],
        "names": selectors.name_subjects(request.actor, requests),
        "support_by": selectors.get_organization(request.actor).support_by,
        "proof": proof_of(request),
        "me": request.actor.id,
    }
    return render(request, "tenants/support.html", context)


@require_POST
def approve_support(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Let an operator in, after showing that it is you."""
    gate.require(request.actor, Permission.SUPPORT_DECIDE)
    proof = proof_of(request, back=reverse("support", kwargs=where))
    if not proof.fresh:
        return ask_for(proof)
    try:
        asked = actions.approve_support(actor=request.actor, request_id=id)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        tell(request, f"{asked.operator_label} may come in, for {asked.minutes} minutes from when they begin.", where)
    return to("support", where)


@require_POST
def refuse_support(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Say no."""
    try:
        asked = actions.refuse_support(actor=request.actor, request_id=id)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        tell(request, f"Refused. {asked.operator_label} was told by mail.", where)
    return to("support", where)


@require_POST
def end_support(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Put an operator out, with their next request."""
    try:
        asked = actions.end_support(actor=request.actor, request_id=id)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        tell(request, f"Over. {asked.operator_label} sees nothing here any more.", where)
    return to("support", where)
