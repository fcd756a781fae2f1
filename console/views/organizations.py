"""Organizations of this HQ: how they are, making one, and suspending, closing and opening one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from console import actions, selectors
from console.actions.organizations import NameNotTyped
from console.forms import ORGANIZATION_STATES, ChangeForm, NewOrganizationForm, OrganizationFilterForm
from console.views.door import again, operator_only, operator_verb, proof_of
from hq.authz.actor import Actor
from hq.lib.errors import Invalid, Refused
from jobs import selectors as jobs
from tenants import selectors as tenants

JOBS_SHOWN = 5
MADE = "{} is being made. Its owner was mailed the way in."


@operator_only
def home(request: HttpRequest, actor: Actor) -> HttpResponse:
    return again(request, "organizations")


@operator_only
def organizations(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Every organization, newest first. The filter and the page stand in the address."""
    form = OrganizationFilterForm(request.GET)
    if not form.is_valid():
        raise Invalid("This page's address is not whole. Open the list of organizations again.")
    wanted = form.cleaned_data
    size = selectors.PAGE
    rows = selectors.list_organizations(
        actor, words=wanted["q"], state=wanted["state"], before=wanted["cursor"], limit=size + 1
    )
    kept = {name: wanted[name] for name in ("q", "state") if wanted[name]}
    context = {
        "rows": rows[:size],
        "states": ORGANIZATION_STATES,
        "kept": kept,
        "older": f"?{urlencode(kept | {'cursor': rows[size - 1].line.id})}" if len(rows) > size else "",
        "newest": f"?{urlencode(kept)}" if wanted["cursor"] else "",
    }
    return render(request, "console/organizations.html", context)


@operator_only
def organization(request: HttpRequest, actor: Actor, organization_id: UUID) -> HttpResponse:
    """One organization: the same in more detail, its jobs, and who of the operators asked to be let in."""
    found = selectors.get_organization(actor, organization_id)
    context = {
        "found": found,
        "owners": tenants.list_owners(actor, organization_id),
        "jobs": jobs.list_for_operator(actor, organization_id=organization_id, limit=JOBS_SHOWN),
        "requests": tenants.list_access(actor, organization_id=organization_id, limit=JOBS_SHOWN),
    }
    return render(request, "console/organization.html", context)


@operator_verb()
def new(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Make an organization for somebody who will own it."""
    form = NewOrganizationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = actions.create_organization(
                actor=actor, name=data["name"], email=data["email"], organization_id=data["once"]
            )
        except Refused as refused:
            form.add_error("name", str(refused))
        else:
            messages.success(request, MADE.format(data["name"]))
            return again(request, "organization", organization_id=made)
    context = {"form": form, "proof": proof_of(request)}
    return render(request, "console/new_organization.html", context, status=400 if form.errors else 200)


@dataclass(frozen=True, slots=True)
class Change:
    """One of the four ways to change an organization, in words. `typed` asks for its address."""

    act: Callable[..., None]
    title: str
    verb: str
    text: str
    done: str
    typed: bool = False


SUSPEND = Change(
    actions.suspend_organization,
    "Suspend {}",
    "Suspend it",
    "Its people see a page that says so. API keys, share links and running support access stop at once. What it stores "
    "stays, and so do its keys. It can be resumed at any time.",
    "{} is suspended.",
    typed=True,
)
RESUME = Change(
    actions.resume_organization,
    "Resume {}",
    "Resume it",
    "Its people, API keys and share links work again, as before.",
    "{} is open again.",
)
CLOSE = Change(
    actions.close_organization,
    "Close {}",
    "Close it",
    "To its people it is not there any more. API keys, share links and running support access stop at once. Nothing is "
    "erased by this, and it can be reopened.",
    "{} is closed.",
    typed=True,
)
REOPEN = Change(
    actions.reopen_organization,
    "Reopen {}",
    "Reopen it",
    "Its people, API keys and share links work again, as before it was closed.",
    "{} is open again.",
)


def _change(request: HttpRequest, actor: Actor, organization_id: UUID, change: Change) -> HttpResponse:
    line = tenants.get_for_operator(actor, organization_id)
    form = ChangeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data: dict[str, Any] = {"reason": form.cleaned_data["reason"]}
        if change.typed:
            data["typed"] = form.cleaned_data["confirm"]
        try:
            change.act(actor=actor, organization_id=organization_id, **data)
        except NameNotTyped as wrong:
            form.add_error("confirm", str(wrong))
        else:
            messages.success(request, change.done.format(line.name))
            return again(request, "organization", organization_id=organization_id)
    context = {
        "line": line,
        "form": form,
        "change": change,
        "title": change.title.format(line.name),
        "proof": proof_of(request),
    }
    return render(request, "console/change.html", context, status=400 if form.errors else 200)


@operator_verb()
def suspend(request: HttpRequest, actor: Actor, organization_id: UUID) -> HttpResponse:
    """Let nobody in."""
    return _change(request, actor, organization_id, SUSPEND)


@operator_verb()
def resume(request: HttpRequest, actor: Actor, organization_id: UUID) -> HttpResponse:
    """Let everybody in again."""
    return _change(request, actor, organization_id, RESUME)


@operator_verb()
def close(request: HttpRequest, actor: Actor, organization_id: UUID) -> HttpResponse:
    """As if it were not there."""
    return _change(request, actor, organization_id, CLOSE)


@operator_verb()
def reopen(request: HttpRequest, actor: Actor, organization_id: UUID) -> HttpResponse:
    """As it was before it was closed."""
    return _change(request, actor, organization_id, REOPEN)
