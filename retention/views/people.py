"""Erasing members."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from hq.lib.errors import Refused
from hq.web import fresh
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from retention import actions, selectors
from retention.forms import MemberForm


def people(request: TenantRequest, **_: str) -> HttpResponse:
    """Who was or will be erased. Those who are gone have no name here."""
    return render(request, "retention/people.html", {"wishes": selectors.list_person_erasures(request.actor)})


def erase_member(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """What one loses, and asking for it. Raises Denied, NotFound."""
    membership, losses = actions.look_ahead_at(request.actor, id)
    proof = fresh.proof_of(request)
    form = MemberForm(request.POST if request.method == "POST" else None, typed=membership.user.email)
    if request.method == "POST" and not proof.fresh:
        return fresh.ask_for(proof)
    if request.method == "POST" and form.is_valid():
        try:
            wish = actions.request_member_erasure(actor=request.actor, member_id=id, reason=form.cleaned_data["reason"])
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            tell(
                request,
                f"{membership.user.label} is erased on {wish.due_at:%-d %B}, unless somebody calls it off.",
                where,
            )
            return to("retention:people", where)
    context = {
        "membership": membership,
        "losses": losses,
        "form": form,
        "proof": proof,
        "typed": membership.user.email,
    }
    return render(request, "retention/erase_member.html", context, status=400 if form.errors else 200)


@require_POST
def cancel_member(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    try:
        actions.cancel_member_erasure(actor=request.actor, erasure_id=id)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        tell(request, "Called off. The member stays.", where)
    return to("retention:people", where)
