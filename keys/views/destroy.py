"""Destroying keys: asking, agreeing, calling off, and what is left of it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.errors import Refused
from hq.lib.text import plural
from hq.web import fresh
from hq.web.portal import own_context, tell, to
from hq.web.request import TenantRequest
from keys import actions, selectors
from keys.actions import AlreadyAsked, NotOpen
from keys.forms import DestroyForm
from keys.models import Cmk, Destruction
from keys.providers import ProviderError
from keys.views import told


@own_context
def destroy(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Ask for it. For the key in use this erases the organization's data; for a former one it takes nothing."""
    actor = request.actor
    gate.require(actor, Permission.KEYS_DESTROY)
    with tenant(actor.organization_id):
        cmk = selectors.get_key(actor, id)
    proof = fresh.proof_of(request)
    form = DestroyForm(request.POST if request.method == "POST" else None, typed=where["org_slug"])
    if request.method == "POST" and not proof.fresh:
        return fresh.ask_for(proof)
    if request.method == "POST" and form.is_valid():
        try:
            _ask(actor, cmk, form)
        except AlreadyAsked as refused:
            messages.warning(request, str(refused))
            return to("keys:list", where)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            tell(request, "Asked for. Nothing changes until another owner or an admin agrees.", where)
            return to("keys:list", where)
    with tenant(actor.organization_id):
        held = selectors.list_held(actor) if cmk.retired_at is None else {}
        context = {
            "cmk": cmk,
            "place": told.place_of(cmk)[0],
            "erases": cmk.retired_at is None,
            "losses": told.losses(actor.organization_id, held),
            "protects": selectors.protected_by(held.values()),
            "form": form,
            "typed": where["org_slug"],
            "proof": proof,
        }
        return render(request, "keys/destroy.html", context, status=400 if form.errors else 200)


def _ask(actor: Actor, cmk: Cmk, form: DestroyForm) -> None:
    actions.request_destruction(
        actor=actor,
        key_id=cmk.id,
        days=form.cleaned_data["days"],
        reason=form.cleaned_data["reason"],
        erase=cmk.retired_at is None,
    )


@own_context
def destruction(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """One wish: who wants what, and why. Whoever may agree agrees here, as another person than the one who asked."""
    actor = request.actor
    proof = fresh.proof_of(request)
    fault = ""
    if request.method == "POST":
        gate.require(actor, Permission.KEYS_APPROVE_DESTRUCTION)
        if not proof.fresh:
            return fresh.ask_for(proof)
        if request.POST.get("confirm", "").strip() == where["org_slug"]:
            return _agree(request, id, where)
        fault = f"Type {where['org_slug']}, as it stands there. Nothing was changed."
    with tenant(actor.organization_id):
        context = _wish(actor, selectors.get_destruction(actor, id))
        context |= {"proof": proof, "typed": where["org_slug"], "fault": fault}
        return render(request, "keys/destruction.html", context, status=400 if fault else 200)


def _wish(actor: Actor, wish: Destruction) -> dict[str, Any]:
    open_ = wish.state in Destruction.OPEN
    may_decide = gate.allows(actor, Permission.KEYS_APPROVE_DESTRUCTION)
    statement = selectors.get_statement(actor, wish.statement_id) if wish.statement_id else None
    return {
        "wish": wish,
        "place": told.place_of(wish.cmk)[0],
        "own": wish.requested_by_id == actor.id,
        "may_agree": may_decide and wish.state == Destruction.State.REQUESTED and wish.requested_by_id != actor.id,
        "may_cancel": may_decide and open_,
        "listing": told.by_size(wish.listing),
        "rows": sum(line["rows"] for line in wish.listing),
        "bytes": sum(line["bytes"] for line in wish.listing),
        "evidence": told.evidence_of(statement) if statement else None,
    }


def _agree(request: TenantRequest, id: UUID, where: dict[str, str]) -> HttpResponse:
    try:
        wish = actions.approve_destruction(actor=request.actor, destruction_id=id)
    except (Refused, ProviderError) as refused:
        messages.error(request, str(refused))
        return to("keys:destruction", where, id=id)
    tell(request, f"Agreed. The key is destroyed in {plural(wish.days, 'day')}, unless somebody cancels it.", where)
    return to("keys:list", where)


@require_POST
@own_context
def cancel(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Refuse, take back, or call off. It brings everything back, so nothing is typed and nobody is asked again."""
    try:
        actions.cancel_destruction(actor=request.actor, destruction_id=id)
    except NotOpen as refused:
        messages.warning(request, str(refused))
    except (Refused, ProviderError) as refused:
        messages.error(request, str(refused))
    else:
        tell(request, "Cancelled. Everything is as before.", where)
    return to("keys:list", where)
