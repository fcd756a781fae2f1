"""What a sender does to an agreement that is out, or over."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from hq.authz.permissions import Permission
from hq.lib.errors import Invalid, NotFound
from hq.lib.text import plural
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from signing import selectors
from signing.actions import sending
from signing.forms import CorrectForm, DaysForm, ReasonForm
from signing.models import Agreement
from signing.views.portal_draft import explain


@require_POST
def remind(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Mail the same link again to everybody who is asked now."""
    count = sending.remind_signers(actor=request.actor, agreement_id=id)
    tell(request, f"Reminded: {plural(count, 'mail')}. The link is the one that they have.", where)
    return to("signing:agreement", where, id=id)


def extend(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """More time."""
    found = selectors.get_agreement(request.actor, id, permission=Permission.SHARES_CREATE)
    form = DaysForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        sending.extend_agreement(actor=request.actor, agreement_id=id, days=form.cleaned_data["days"])
        tell(request, "It can be signed for longer.", where)
        return to("signing:agreement", where, id=id)
    return _form(request, "signing/extend.html", {"agreement": found, "form": form})


def correct(request: TenantRequest, id: UUID, signer_id: UUID, **where: str) -> HttpResponse:
    """A right name or address for somebody who has not agreed yet. Their former link is dead."""
    found = selectors.get_agreement(request.actor, id, permission=Permission.SHARES_CREATE)
    signer = next((one for one in selectors.list_signers(found) if one.id == signer_id), None)
    if signer is None:
        raise NotFound
    form = CorrectForm(
        request.POST if request.method == "POST" else None, initial={"name": signer.name, "email": signer.email}
    )
    if request.method == "POST" and form.is_valid():
        try:
            sending.correct_signer(actor=request.actor, agreement_id=id, signer_id=signer_id, **form.cleaned_data)
        except Invalid as refused:
            explain(form, refused)
        else:
            tell(request, "Corrected. The link that went out before opens nothing any more.", where)
            return to("signing:agreement", where, id=id)
    return _form(request, "signing/correct.html", {"agreement": found, "signer": signer, "form": form})


def void(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """End it before everybody has signed. Whoever was asked is told why."""
    found = selectors.get_agreement(request.actor, id, permission=Permission.SHARES_REVOKE)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        sending.void_agreement(actor=request.actor, agreement_id=id, reason=form.cleaned_data["reason"])
        tell(request, f"{found.title} is void. Nobody can sign it any more.", where)
        return to("signing:agreement", where, id=id)
    return _form(request, "signing/void.html", {"agreement": found, "form": form})


def _form(request: TenantRequest, page: str, context: dict[str, Any]) -> HttpResponse:
    form: forms.Form = context["form"]
    return render(request, page, context, status=400 if form.errors else 200)


def remove(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Says what is lost, and asks for the title before it removes."""
    found = selectors.get_agreement(request.actor, id, permission=Permission.SHARES_REVOKE)
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == found.title:
            sending.remove_agreement(actor=request.actor, agreement_id=id)
            tell(request, f"{found.title} removed.", where)
            return to("signing:list", where)
        wrong = True
    out = found.state in {Agreement.State.SENT, Agreement.State.SIGNED}
    context = {"agreement": found, "wrong": wrong, "loss": _loss(found), "refused": _OUT if out else ""}
    return render(request, "signing/remove.html", context, status=400 if wrong else 200)


_OUT = "It is out to be signed, or being sealed. Void it first."


def _loss(found: Agreement) -> str:
    if found.state == Agreement.State.DRAFT:
        return "Its document, people and fields go. Nobody was asked yet."
    return (
        "Its documents go, the sealed one and everybody’s signatures with them, and so do the names and addresses. The"
        " trail keeps that it was there, and the hashes. Whoever has the sealed PDF can still check it. It cannot be"
        " brought back."
    )
