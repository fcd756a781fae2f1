"""Verbs of the trail's pages: checking the chain, committing to it, keeping searches, asking witnesses."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from audit import actions as trail
from audit.tags import Log
from evidence.actions import mailing
from evidence.actions import views as actions
from evidence.actions.checkpoints import request_checkpoints
from evidence.actions.mailing import add_witness
from evidence.forms import ViewForm, WitnessForm
from evidence.selectors.views import list_views
from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid, Refused, TooMany
from hq.web.portal import own_context, refuse_invalid, to
from hq.web.request import TenantRequest


@require_POST
def verify(request: TenantRequest, **where: str) -> HttpResponse:
    """Check the whole chain now and say what was found; from the page of integrity, the log of requests too."""
    both = request.POST.get("from") == "integrity"
    for log in (Log.ADMIN, Log.ACCESS) if both else (Log.ADMIN,):
        chain, entries = ("Chain", "event") if log is Log.ADMIN else ("Requests", "request")
        verdict = trail.verify_chain(actor=request.actor, log=log)
        if verdict.ok:
            counted = f"{verdict.length:,} {entries}{'' if verdict.length == 1 else 's'}"
            messages.success(request, f"{chain} verified. {counted}, no gap.")
        else:
            messages.error(request, f"{chain} broken at {entries} {verdict.first_bad:,}. Reason: {verdict.reason}.")
    return to("integrity" if both else "audit", where)


@own_context
@require_POST
def checkpoint(request: TenantRequest, **where: str) -> HttpResponse:
    """Commit to both logs now."""
    made = request_checkpoints(actor=request.actor)
    sizes = " and ".join(f"{row.size:,} entries of the {row.log} log" for row in made)
    messages.success(request, f"Checkpoints cover {sizes}." if made else "There is nothing yet to commit to.")
    return to("integrity", where)


@require_POST
def ask_witness(request: TenantRequest, **where: str) -> HttpResponse:
    """Ask somebody by mail whether they want to be sent the checkpoints."""
    gate.require(request.actor, Permission.WEBHOOKS_MANAGE)
    form = WitnessForm(request.POST)
    try:
        refuse_invalid(form)
        witness = add_witness(actor=request.actor, address=form.cleaned_data["address"])
    except (Invalid, Refused, TooMany) as refused:  # beside what was typed there is the list of those who were asked
        messages.error(request, str(refused))
    else:
        messages.success(request, f"Asked {witness.address}. Checkpoints are sent once they agree.")
    return to("integrity", where)


@require_POST
def remove_witness(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Send somebody no more checkpoints."""
    mailing.remove_witness(actor=request.actor, witness_id=id)
    messages.success(request, "They are sent no more checkpoints. What they have kept still proves what it did.")
    return to("integrity", where)


@require_POST
def save_view(request: TenantRequest, **where: str) -> HttpResponse:
    """Keep the search that is shown, and show it again."""
    gate.require(request.actor, Permission.AUDIT_READ)
    form = ViewForm(request.POST)
    refuse_invalid(form)
    data = form.cleaned_data
    taken = [view for view in list_views(request.actor) if view.pk != data["once"]]
    if any((view.name or "").casefold() == data["name"].casefold() for view in taken):
        messages.warning(request, f"You have a view called {data['name']} already. Give this one another name.")
        return HttpResponseRedirect(f"{reverse('audit', kwargs=where)}?{data['query'].removeprefix('?')}")
    view = actions.save_view(
        actor=request.actor, name=data["name"], query=data["query"].removeprefix("?"), view_id=data["once"]
    )
    messages.success(request, f"Kept as {view.name}.")
    return HttpResponseRedirect(f"{reverse('audit', kwargs=where)}?{view.query}")


@require_POST
def remove_view(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Forget one search."""
    actions.remove_view(actor=request.actor, view_id=id)
    messages.success(request, "The view is removed. Nothing else changed.")
    return to("audit", where)
