"""Legal holds."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from retention import actions, selectors
from retention.forms import HoldForm, LiftForm


def holds(request: TenantRequest, **_: str) -> HttpResponse:
    """Those that stand, and those that stood."""
    return render(request, "retention/holds.html", {"holds": selectors.list_holds(request.actor)})


def new_hold(request: TenantRequest, **where: str) -> HttpResponse:
    gate.require(request.actor, Permission.HOLDS_CHANGE)
    form = HoldForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            actions.place_hold(actor=request.actor, name=given["name"], reason=given["reason"], prefixes=given["paths"])
        except Invalid as refused:
            form.add_error("paths", str(refused))
        else:
            tell(request, f"{given['name']} is placed. What it covers is not removed until it is lifted.", where)
            return to("retention:holds", where)
    return render(request, "retention/new_hold.html", {"form": form}, status=400 if form.errors else 200)


def lift_hold(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    hold = selectors.get_hold(request.actor, id)
    form = LiftForm(request.POST or None)
    if hold.lifted_at is not None:
        messages.warning(request, "This hold was lifted already.")
        return to("retention:holds", where)
    if request.method == "POST" and form.is_valid():
        actions.lift_hold(actor=request.actor, hold_id=id, reason=form.cleaned_data["reason"])
        tell(request, f"{hold.name} is lifted. What is past its retention goes with the next look.", where)
        return to("retention:holds", where)
    return render(request, "retention/lift_hold.html", {"form": form, "hold": hold}, status=400 if form.errors else 200)
