"""A new trust, changes to one, switching it off and on, its end."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.errors import Denied, Invalid, Problem, Refused
from hq.lib.text import plural
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from tenants import selectors as tenants
from workloads import actions, selectors
from workloads.forms import TrustForm, form_of
from workloads.forms.base import Account, told_life
from workloads.models import Trust
from workloads.selectors import pages
from workloads.views.guides import CHOICES, before
from workloads.views.reading import conditions_of

MOST_ACCOUNTS = 500


class KindForm(forms.Form):
    kind = forms.ChoiceField(
        label="Platform", choices=CHOICES, initial=Trust.Kind.GITHUB.value, widget=forms.RadioSelect
    )


def new_trust(request: TenantRequest, **where: str) -> HttpResponse:
    """First the platform, which then stands in the address; then its form; then what it will accept."""
    gate.require(request.actor, Permission.WORKLOADS_MANAGE)
    here, kind = reverse("workloads:new", kwargs=where), request.GET.get("kind", "")
    if not kind:
        return render(request, "workloads/choose.html", {"form": KindForm()})
    if kind not in Trust.Kind.values:
        raise Invalid("There is no such platform.")
    accounts = _accounts(request.actor)
    form = form_of(kind)(request.POST if request.method == "POST" else None, accounts=accounts)

    def save(arguments: dict[str, Any]) -> HttpResponse:
        made = actions.create_trust(actor=request.actor, kind=kind, trust_id=form.cleaned_data["once"], **arguments)
        tell(request, f"{made.name} is trusted. The steps below get it in.", where)
        return to("workloads:trust", where, id=made.id)

    context = {
        "kind_name": Trust.Kind(kind).label,
        "before": before(kind),
        "action": f"{here}?kind={kind}",
        "back_url": here,
    }
    return _answer(request, form, accounts, save, context)


def change_trust(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """The same form, filled in. What the platform's own fields cannot say is shown as it is."""
    gate.require(request.actor, Permission.WORKLOADS_MANAGE)
    trust = selectors.get_trust(request.actor, id)
    conditions, accounts = conditions_of(trust), _accounts(request.actor)
    shape = form_of(trust.kind, conditions)
    initial = {
        **(shape.read(conditions) or {}),
        "name": trust.name,
        "service_account": str(trust.service_account_id),
        "scopes": trust.scopes,
        "seconds": trust.seconds,
        "single_use": trust.single_use,
    }
    form = shape(request.POST if request.method == "POST" else None, accounts=accounts, initial=initial)

    def save(arguments: dict[str, Any]) -> HttpResponse:
        actions.change_trust(actor=request.actor, trust_id=id, **arguments)
        tell(request, f"{form.cleaned_data['name']} changed. What is exchanged from now on follows it.", where)
        return to("workloads:trust", where, id=id)

    context = {
        "trust": trust,
        "kind_name": trust.get_kind_display(),
        "before": before(trust.kind),
        "action": request.path,
        "back_url": reverse("workloads:trust", kwargs={**where, "id": id}),
    }
    return _answer(request, form, accounts, save, context)


def _accounts(actor: Actor) -> Sequence[Account]:
    """Those that have not ended, by name."""
    if not gate.allows(actor, Permission.ACCESS_READ):
        return []
    return [Account(each.id, each.name) for each in tenants.list_service_accounts(actor, limit=MOST_ACCOUNTS)]


def _answer(
    request: TenantRequest,
    form: TrustForm,
    accounts: Sequence[Account],
    save: Callable[[dict[str, Any]], HttpResponse],
    context: dict[str, Any],
) -> HttpResponse:
    """The form; sent and right, what it will accept; agreed to as it was shown, done."""
    if request.method == "POST" and form.is_valid():
        if request.POST.get("act") == "save" and form.was_seen:
            try:
                return save(_arguments(form))
            except (Invalid, Refused, Denied) as refused:
                _blame(form, refused)
        else:
            context |= _shown(form, accounts) | {"changed_since": request.POST.get("act") == "save"}
    context |= {"form": form, "own": [form[name] for name in form.own], "accounts": accounts}
    return render(request, "workloads/form.html", context, status=400 if form.errors else 200)


def _blame(form: TrustForm, refused: Problem) -> None:
    """The refusal, at the field that it is about, where the form has one of this name."""
    errors = refused.errors if isinstance(refused, Invalid) else []
    name = errors[0]["pointer"].removeprefix("/") if errors else ""
    form.add_error(name if name in form.fields else None, str(refused))


def _arguments(form: TrustForm) -> dict[str, Any]:
    data, conditions = form.cleaned_data, form.conditions
    return {
        "name": data["name"].strip(),
        "issuer": conditions.issuer,
        "audience": conditions.audience,
        "subject": conditions.subject,
        "claims": dict(conditions.claims),
        "keys": conditions.keys or None,
        "service_account_id": UUID(data["service_account"]),
        "scopes": form.scopes_chosen,
        "seconds": data["seconds"],
        "single_use": data["single_use"],
    }


def _shown(form: TrustForm, accounts: Sequence[Account]) -> dict[str, Any]:
    """What will be accepted, and what it gets, for the page."""
    data = form.cleaned_data
    return {
        "accepted": form.conditions,
        "mark": form.mark,
        "single_use": data["single_use"],
        "account": next(each for each in accounts if str(each.id) == data["service_account"]),
        "scopes": sorted(data["scopes"]),
        "life": told_life(data["seconds"]),
    }


@require_POST
def disable_trust(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    actions.disable_trust(actor=request.actor, trust_id=id)
    tell(request, "Switched off. Every token is refused from now on.", where)
    return to("workloads:trust", where, id=id)


@require_POST
def enable_trust(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    actions.enable_trust(actor=request.actor, trust_id=id)
    tell(request, "Switched on. Tokens that fit are taken again.", where)
    return to("workloads:trust", where, id=id)


def remove_trust(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Says what ends, and asks for the name before it removes."""
    gate.require(request.actor, Permission.WORKLOADS_MANAGE)
    trust = selectors.get_trust(request.actor, id)
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == trust.name:
            actions.remove_trust(actor=request.actor, trust_id=id)
            tell(request, f"{trust.name} removed. Its tokens have ended.", where)
            return to("workloads:list", where)
        wrong = True
    live = pages.count_live(request.actor, id)
    works = "1 token of HQ works now and ends" if live == 1 else f"{plural(live, 'token')} of HQ work now and end"
    context = {
        "trust": trust,
        "wrong": wrong,
        "loss": f"{f'{works} at once' if live else 'No token of HQ works now'}. The workload is refused from then on."
        " Its exchanges and refusals are no longer listed; the trail keeps what was given. The service account stays."
        " It cannot be brought back.",
    }
    return render(request, "workloads/remove.html", context, status=400 if wrong else 200)
