"""Preparing an agreement, step by step: its document, its people, where they fill in what, its terms, and sending."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.errors import Invalid, Refused
from hq.web.portal import own_context, tell, to
from hq.web.request import TenantRequest
from signing import selectors
from signing.actions import drafts, sending
from signing.actions.drafts import Place, Wish
from signing.actions.faults import NotADraft
from signing.actions.templates import list_templates
from signing.forms import NameForm, NewForm, PdfForm, TermsForm, TextForm
from signing.models import Agreement, Signer
from signing.models.agreements import SIGNERS_MOST
from signing.paper.text import BadText, Written, html_of, read_text
from signing.views import review as looking
from signing.views import sheets
from signing.views.board import Board, Part, context_of, placed_on
from signing.views.uploads import takes_papers

TEXT = Agreement.Source.TEXT


@takes_papers
def new(request: TenantRequest, **where: str) -> HttpResponse:
    """A title and a document; the next pages ask for the rest."""
    gate.require(request.actor, Permission.SHARES_CREATE)
    form = NewForm(request.POST, request.FILES) if _sends(request) else NewForm(initial=request.POST.dict())
    if _sends(request) and form.is_valid():
        data = form.cleaned_data
        try:
            made = drafts.create_agreement(
                actor=request.actor,
                wish=Wish(title=data["title"]),
                source=data["source"],
                content=data["content"],
                agreement_id=data["once"],
            )
        except (Invalid, Refused) as refused:
            explain(form, refused, other="file" if data["source"] == "pdf" else "text")
        else:
            tell(request, f"{made.title} made. Nothing is sent yet.", where)
            return to("signing:people", where, id=made.pk)
    with tenant(request.actor.organization_id):
        context = {
            "form": form,
            "shown": shown_of(form["text"].value()),
            "templates": list_templates(request.actor, limit=6),
        }
        return render(request, "signing/new.html", context, status=400 if form.errors else 200)


def _sends(request: TenantRequest) -> bool:
    """Whether the form is meant; the other button only shows how its text reads, where no script does."""
    return request.method == "POST" and "look" not in request.POST


def explain(form: Any, refused: Invalid | Refused, other: str = "") -> None:
    """Put each fault beside its field; one that says no place stands beside `other`."""
    for fault in getattr(refused, "errors", []) or [{"pointer": "/", "detail": str(refused)}]:
        name = fault["pointer"].split("/")[1]
        place = name if name in form.fields else other if other in form.fields else None
        form.add_error(place, fault["detail"])


@require_POST
def preview(request: TenantRequest, **where: str) -> HttpResponse:
    """How a text reads to its signers, while it is being written."""
    gate.require(request.actor, Permission.SHARES_CREATE)
    return render(request, "signing/_text.html", {"shown": shown_of(request.POST.get("text", ""))})


def shown_of(text: str | None) -> dict[str, Any]:
    """The HTML of a text, or what is wrong with it."""
    if not (text or "").strip():
        return {"empty": True}
    try:
        written = read_text(text or "")
    except BadText as bad:
        return {"problem": str(bad)}
    return {"html": html_of(written, looking.place_holder), "markers": written.markers}


@takes_papers
def document(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """What is in the draft, and another in its place."""
    organization_id = request.actor.organization_id
    with tenant(organization_id):
        found = _draft(request, id)
    is_text = found.source == TEXT
    form: Any = TextForm if is_text else PdfForm
    if _sends(request):
        form = form(request.POST) if is_text else form(request.POST, request.FILES)
        if form.is_valid():
            data = form.cleaned_data
            content = data["text"].encode() if is_text else data["content"]
            try:
                drafts.replace_document(actor=request.actor, agreement_id=id, source=found.source, content=content)
            except (Invalid, Refused) as refused:
                explain(form, refused, other="text" if is_text else "file")
            else:
                tell(request, "The document was replaced.", where)
                return to("signing:document", where, id=id)
    else:
        form = form(initial={"text": request.POST.get("text") or sending.text_of(found)} if is_text else None)
    with tenant(organization_id):
        context = {**looking.of_draft(found, "document", where), "form": form}
        context["shown"] = shown_of(form["text"].value()) if is_text else None
        return render(request, "signing/document.html", context, status=400 if form.errors else 200)


def _draft(request: TenantRequest, id: UUID) -> Agreement:
    found = selectors.get_agreement(request.actor, id, permission=Permission.SHARES_CREATE)
    if found.state != Agreement.State.DRAFT:
        raise NotADraft
    return found


def people(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Who signs, approves or sees it, and in which order. Every button works without a script."""
    found = _draft(request, id)
    signers = selectors.list_signers(found)
    rows, order = sheets.people_rows(signers), sheets.order_of(signers)
    faults: list[str] = []
    if request.method == "POST":
        act, order = request.POST.get("do", "save"), request.POST.get("order", "")
        rows = sheets.rows_of(request.POST, sheets.PERSON, SIGNERS_MOST)
        if act != "save":
            rows = sheets.done_to(rows, act, {**sheets.NEW_PERSON, "turn": str(len(rows) + 1)})
        else:
            try:
                drafts.set_signers(actor=request.actor, agreement_id=id, people=sheets.people_of(rows, order))
            except Invalid as refused:
                rows, faults = sheets.with_faults(rows, refused.errors)
            else:
                tell(request, "People saved.", where)
                return to("signing:fields", where, id=id)
    wrong = bool(faults) or any("faults" in row for row in rows)
    context = {
        **looking.of_draft(found, "people", where),
        "rows": rows,
        "order": order,
        "faults": faults,
        "wrong": wrong,
        "full": len(rows) >= SIGNERS_MOST,
        "orders": looking.ORDERS,
        "kinds": looking.KINDS,
        "methods": looking.METHODS,
    }
    name = "signing/_people.html" if request.headers.get("HX-Request") else "signing/people.html"
    return render(request, name, context, status=400 if wrong else 200)


@own_context
def fields(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Where who fills in what: placed on the pages of a PDF, or said by the markers of a text."""
    with tenant(request.actor.organization_id):
        found = _draft(request, id)
        if found.source != TEXT:
            return _places(request, found, where)
    written = _written(found)
    with tenant(request.actor.organization_id):
        signers = selectors.list_signers(found)
        context = looking.of_draft(found, "fields", where, written)
        context["markers"] = looking.markers_of(written, signers)
        return render(request, "signing/markers.html", context)


def _written(found: Agreement) -> Written:
    return read_text(sending.text_of(found))


def _places(request: TenantRequest, found: Agreement, where: dict[str, str]) -> HttpResponse:
    signing = [one for one in selectors.list_signers(found) if one.kind == Signer.Kind.SIGNER]
    board = Board(
        original=reverse("signing:original", kwargs={**where, "id": found.pk}),
        pages=found.document.pages,
        parts=[Part(one.position, one.name, one.role) for one in signing],
        placed=sheets.place_rows(selectors.list_fields(found)),
    )
    faults = placed_on(board, request, lambda places: _keep_places(request, found, places))
    if faults is None:
        tell(request, "Fields saved.", where)
        return to("signing:terms", where, id=found.pk)
    context = {**looking.of_draft(found, "fields", where), **context_of(board, faults)}
    return render(request, "signing/fields.html", context, status=400 if context["wrong"] else 200)


def _keep_places(request: TenantRequest, found: Agreement, places: Sequence[Place]) -> None:
    drafts.set_fields(actor=request.actor, agreement_id=found.id, places=places)


def terms(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Its message, how long it may be signed, and whether HQ reminds."""
    found = _draft(request, id)
    names = ("title", "message", "days", "remind_every", "may_delegate")
    form = TermsForm(
        request.POST if request.method == "POST" else None, initial={name: getattr(found, name) for name in names}
    )
    if request.method == "POST" and form.is_valid():
        try:
            drafts.change_agreement(actor=request.actor, agreement_id=id, wish=Wish(**form.cleaned_data))
        except Invalid as refused:
            explain(form, refused)
        else:
            return to("signing:review", where, id=id)
    context = {**looking.of_draft(found, "terms", where), "form": form}
    return render(request, "signing/terms.html", context, status=400 if form.errors else 200)


@own_context
def review(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Everything once more, and what is still missing; then it goes out."""
    with tenant(request.actor.organization_id):
        found = selectors.get_agreement(request.actor, id)
    if found.state != Agreement.State.DRAFT:
        return to("signing:agreement", where, id=id)
    text = sending.text_of(found) if found.source == TEXT else ""
    written = read_text(text) if text else None
    if request.method == "POST":
        with tenant(request.actor.organization_id):
            sent = sending.send_agreement(actor=request.actor, agreement_id=id, text=text)
        tell(request, f"{sent.title} is out. Whose turn it is has mail.", where)
        return to("signing:agreement", where, id=id)
    with tenant(request.actor.organization_id):
        context = looking.of_draft(found, "review", where, written)
        context |= looking.summary_of(found, written) | {"name_form": NameForm(initial={"title": found.title})}
        context["may_send"] = gate.allows(request.actor, Permission.SHARES_CREATE)
        context["is_theirs"] = sending.goes_out_in_name_of(request.actor, found)
        context["may_remove"] = gate.allows(request.actor, Permission.SHARES_REVOKE)
        return render(request, "signing/review.html", context)
