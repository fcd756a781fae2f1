"""Templates of agreements, as members see them."""

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
from hq.web.portal import own_context, refuse_invalid, tell, to
from hq.web.request import TenantRequest
from signing import selectors
from signing.actions import papers, sending, templates
from signing.actions.drafts import Wish
from signing.actions.templates import Use
from signing.actions.variables import PATTERN
from signing.forms import KeepForm, NameForm, TemplateForm, TextForm, UseForm
from signing.models import Agreement, Template
from signing.views.portal import cursor
from signing.views.portal_draft import explain, shown_of

PAGE = 50


def template_list(request: TenantRequest, **where: str) -> HttpResponse:
    """Every template of the environment."""
    before = cursor(request.GET.get("cursor", ""))
    rows = templates.list_templates(request.actor, before=before, limit=PAGE + 1)
    here = reverse("signing:templates", kwargs=where)
    context = {
        "templates": rows[:PAGE],
        "may_create": gate.allows(request.actor, Permission.SHARES_CREATE),
        "older": f"{here}?cursor={rows[PAGE - 1].pk}" if len(rows) > PAGE else "",
        "newest": here if before else "",
    }
    return render(request, "signing/templates.html", context)


@require_POST
@own_context
def keep(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Make a template of an agreement."""
    gate.require(request.actor, Permission.SHARES_CREATE)
    form = NameForm(request.POST)
    refuse_invalid(form)
    with tenant(request.actor.organization_id):
        found = selectors.get_agreement(request.actor, id)
    text = sending.text_of(found) if found.source == Agreement.Source.TEXT else ""
    with tenant(request.actor.organization_id):
        made = templates.keep_as_template(
            actor=request.actor, agreement_id=id, name=form.cleaned_data["title"], text=text
        )
    tell(request, f"Template {made.name} made.", where)
    return to("signing:template", where, id=made.pk)


def template(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """One template: what it asks for, its rules, and how long what came of it stays."""
    row = templates.get_template(request.actor, id)
    form = TemplateForm(request.POST if request.method == "POST" else None, initial=_initial(row))
    if request.method == "POST":
        gate.require(request.actor, Permission.SHARES_CREATE)
        if form.is_valid():
            try:
                templates.change_template(
                    actor=request.actor,
                    template_id=id,
                    wish=Wish(**form.cleaned_data),
                    roles=request.POST.getlist("role"),
                )
            except Invalid as refused:
                explain(form, refused)
            else:
                tell(request, "Changed. What was made of it before stays as it is.", where)
                return to("signing:template", where, id=id)
    return render(request, "signing/template.html", _of(request, row, form), status=400 if form.errors else 200)


def _initial(row: Template) -> dict[str, Any]:
    names = ("message", "days", "remind_every", "may_delegate")
    return {"title": row.name, **{name: row.plan[name] for name in names}}


def _of(request: TenantRequest, row: Template, form: Any) -> dict[str, Any]:
    return {
        "template": row,
        "form": form,
        "keep_form": KeepForm(initial={"keep_days": row.keep_days}),
        "is_text": row.source == Agreement.Source.TEXT,
        "may_change": gate.allows(request.actor, Permission.SHARES_CREATE),
        "may_remove": gate.allows(request.actor, Permission.SHARES_REVOKE),
        "may_keep": gate.allows(request.actor, Permission.RETENTION_CHANGE),
        "may_hold": gate.allows(request.actor, Permission.HOLDS_CHANGE),
    }


@own_context
def text(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """The text of a template, with its markers and variables."""
    organization_id = request.actor.organization_id
    with tenant(organization_id):
        row = templates.get_template(request.actor, id, permission=Permission.SHARES_CREATE)
    if row.source != Agreement.Source.TEXT:
        raise Invalid("The document of this template is a PDF.")
    initial = papers.read(organization_id, row.document_id).decode()
    sent = request.method == "POST" and "look" not in request.POST
    shown = request.POST.get("text", initial)
    form = TextForm(request.POST if sent else None, initial={"text": shown})
    if sent and form.is_valid():
        try:
            templates.replace_text(actor=request.actor, template_id=id, text=form.cleaned_data["text"])
        except (Invalid, Refused) as refused:
            explain(form, refused, other="text")
        else:
            tell(request, "The text was replaced. What was made of it before stays as it is.", where)
            return to("signing:template", where, id=id)
    with tenant(organization_id):
        context = {
            "template": row,
            "form": form,
            "shown": shown_of(shown),
            "variables": [*dict.fromkeys(PATTERN.findall(shown))],
        }
        return render(request, "signing/template_text.html", context, status=400 if form.errors else 200)


@require_POST
def keep_days(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """How long what came of it stays."""
    gate.require(request.actor, Permission.RETENTION_CHANGE)
    form = KeepForm(request.POST)
    refuse_invalid(form)
    templates.keep_for(actor=request.actor, template_id=id, keep_days=form.cleaned_data["keep_days"])
    tell(request, "How long it stays was changed.", where)
    return to("signing:template", where, id=id)


@require_POST
def hold(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Place a legal hold on what comes of it, or lift it."""
    held = request.POST.get("held") == "yes"
    templates.hold_template(actor=request.actor, template_id=id, held=held)
    tell(request, "A legal hold stands on what came of it." if held else "The legal hold was lifted.", where)
    return to("signing:template", where, id=id)


def remove(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Says what is lost, and asks for the name before it removes."""
    row = templates.get_template(request.actor, id, permission=Permission.SHARES_REVOKE)
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == row.name:
            templates.remove_template(actor=request.actor, template_id=id)
            tell(request, f"{row.name} removed. What was made of it stays.", where)
            return to("signing:templates", where)
        wrong = True
    return render(
        request, "signing/template_remove.html", {"template": row, "wrong": wrong}, status=400 if wrong else 200
    )


@own_context
def use(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Say who plays each role and what stands for each variable; a draft comes of it."""
    with tenant(request.actor.organization_id):
        row = templates.get_template(request.actor, id, permission=Permission.SHARES_CREATE)
        asked = {"roles": [one["role"] for one in row.plan["roles"]], "variables": row.plan["variables"]}
        initial = {"title": row.name}
    form = UseForm(request.POST if request.method == "POST" else None, initial=initial, **asked)
    if request.method == "POST" and form.is_valid():
        wish = Use(form.cleaned_data["title"], form.people, form.values)
        try:
            made = templates.use_template(
                actor=request.actor, template_id=id, use=wish, agreement_id=form.cleaned_data["once"]
            )
        except (Invalid, Refused) as refused:
            explain(form, refused)
        else:
            tell(request, f"{made.title} made. Nothing is sent yet.", where)
            return to("signing:review", where, id=made.pk)
    with tenant(request.actor.organization_id):
        context = {"template": row, "form": form}
        return render(request, "signing/use.html", context, status=400 if form.errors else 200)
