"""Erasing one's own account."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from hq.lib.errors import Refused
from hq.web import fresh
from hq.web.portal import person_of
from hq.web.request import TenantRequest
from retention import actions, selectors
from retention.forms import TypedForm
from tenants.actions.erasure import sole_owner_of


@login_required
def erase_account(request: HttpRequest) -> HttpResponse:
    """What goes, what stays, and asking for it; while it waits, until when it can be called off."""
    person, proof = person_of(request), fresh.proof_of(cast("TenantRequest", request))
    waiting = selectors.find_own_erasure(person.pk)
    form = TypedForm(request.POST if request.method == "POST" else None, typed=person.email)
    if request.method == "POST" and not proof.fresh:
        return fresh.ask_for(proof)
    if request.method == "POST" and form.is_valid():
        try:
            actions.request_own_erasure(person=person)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, "Asked for. You can call it off here for seven days.")
            return redirect("erase_account")
    context = {
        "waiting": waiting,
        "form": form,
        "proof": proof,
        "typed": person.email,
        "alone": sole_owner_of(person.pk),
    }
    return render(request, "retention/erase_account.html", context, status=400 if form.errors else 200)


@require_POST
@login_required
def cancel_own(request: HttpRequest) -> HttpResponse:
    try:
        actions.cancel_own_erasure(person=person_of(request))
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "Called off. Your account stays.")
    return redirect("erase_account")
