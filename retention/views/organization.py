"""Erasing the organization: what would go, asking, agreeing, calling it off."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Denied, Refused
from hq.web import fresh
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from retention import actions, selectors
from retention.forms import ErasureForm, TypedForm
from retention.models import Erasure
from tenants import selectors as tenants


def erasure(request: TenantRequest, **where: str) -> HttpResponse:
    """Before it is asked for, a dry run; afterwards, how it stands and until when it can be called off."""
    actor, wish = request.actor, selectors.find_erasure(request.actor)
    name = tenants.get_organization(actor).name
    if wish is not None:
        return render(request, "retention/erasure_open.html", _of(request, wish, name))
    proof = fresh.proof_of(request)
    form = ErasureForm(request.POST if request.method == "POST" else None, typed=name)
    if request.method == "POST" and not proof.fresh:
        return fresh.ask_for(proof)
    if request.method == "POST" and form.is_valid():
        try:
            wish = actions.request_erasure(
                actor=actor, days=form.cleaned_data["days"], reason=form.cleaned_data["reason"]
            )
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            alone = wish.state == Erasure.State.WAITING
            said = "It waits from now on." if alone else "Nothing happens until another owner agrees."
            tell(request, f"Asked for. {said}", where)
            return to("retention:erasure", where)
    context = {"dry": actions.look_ahead(actor), "form": form, "proof": proof, "typed": name}
    return render(request, "retention/erasure.html", context, status=400 if form.errors else 200)


def _of(request: TenantRequest, wish: Erasure, name: str) -> dict[str, object]:
    may_decide = gate.allows(request.actor, Permission.ORGANIZATION_APPROVE_ERASURE)
    own = wish.requested_by_id == request.actor.id
    asked = wish.state == Erasure.State.REQUESTED
    return {
        "wish": wish,
        "own": own,
        "may_agree": may_decide and asked and not own and request.actor.id in wish.owners,
        "may_cancel": may_decide,
        "form": TypedForm(typed=name),
        "typed": name,
        "proof": fresh.proof_of(request),
        "dry": actions.look_ahead(request.actor),
    }


@require_POST
def approve(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Typed, by another owner who has just shown who they are."""
    gate.require(request.actor, Permission.ORGANIZATION_APPROVE_ERASURE)
    proof = fresh.proof_of(request)
    if not proof.fresh:
        return fresh.ask_for(proof)
    form = TypedForm(request.POST, typed=tenants.get_organization(request.actor).name)
    if not form.is_valid():
        messages.error(request, str(form.errors["confirm"][0]))
        return to("retention:erasure", where)
    try:
        wish = actions.approve_erasure(actor=request.actor, erasure_id=id)
    except (Denied, Refused) as refused:
        messages.error(request, str(refused))
    else:
        tell(request, f"Agreed. It begins in {wish.days} days, unless an owner calls it off.", where)
    return to("retention:erasure", where)


@require_POST
def cancel(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """It leaves everything as it is, so nothing is typed and nobody is asked again."""
    gate.require(request.actor, Permission.ORGANIZATION_APPROVE_ERASURE)
    try:
        actions.cancel_erasure(actor=request.actor, erasure_id=id)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        tell(request, "Called off. The organization stays as it is.", where)
    return to("retention:erasure", where)
