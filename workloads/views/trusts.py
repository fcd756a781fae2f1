"""All trusts of an environment, and one of them with its exchanges."""

from datetime import timedelta
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid
from hq.web.request import TenantRequest
from workloads import selectors
from workloads.forms.base import told_life
from workloads.selectors import pages
from workloads.views.guides import Entrance, steps
from workloads.views.reading import conditions_of, told

PAGE = 50
OUTCOMES = [("given", "given"), ("refused", "refused")]


def trusts(request: TenantRequest, **where: str) -> HttpResponse:
    """What comes in, as whom, and how that went in the last day."""
    before = _cursor(request)
    rows = selectors.list_trusts(request.actor, before=before, limit=PAGE)
    shown, here = rows[:PAGE], reverse("workloads:list", kwargs=where)
    refused = pages.count_refused(request.actor, [each.pk for each in shown])
    context = {
        "trusts": [(each, refused.get(each.pk, 0)) for each in shown],
        "may_change": gate.allows(request.actor, Permission.WORKLOADS_MANAGE),
        "older": f"{here}?cursor={shown[-1].pk}" if len(rows) > PAGE else "",
        "first": here if before else "",
    }
    return render(request, "workloads/list.html", context)


def _cursor(request: TenantRequest) -> UUID | None:
    raw = request.GET.get("cursor", "")
    try:
        return UUID(raw) if raw else None
    except ValueError:
        raise Invalid("There is no such page.") from None


def trust(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """One trust: how it comes in, what is accepted, what was exchanged. `?outcome=` shows one kind of the latter."""
    actor, outcome = request.actor, request.GET.get("outcome", "")
    if outcome not in {"", *(value for value, _ in OUTCOMES)}:
        raise Invalid("There is no such filter.")
    before = _cursor(request)
    found = selectors.get_trust(actor, id)
    rows = selectors.list_exchanges(actor, trust_id=id, outcome=outcome, before=before, limit=PAGE)
    conditions = conditions_of(found)
    kept = f"outcome={outcome}&" if outcome else ""
    context = {
        "trust": found,
        "conditions": conditions,
        "steps": steps(found.kind, Entrance(found.id, conditions, found.seconds)),
        "life": told_life(found.seconds),
        "was_changed": found.changed_at - found.created_at > timedelta(seconds=1),
        "figures": pages.get_figures(actor, id),
        "exchanges": [(row, told(row)) for row in rows[:PAGE]],
        "outcome": outcome,
        "outcomes": OUTCOMES,
        "older": f"{request.path}?{kept}cursor={rows[PAGE - 1].pk}#exchanges" if len(rows) > PAGE else "",
        "newest": f"{request.path}?{kept}#exchanges" if before else "",
        "account": found.service_account,
        "scopes": found.scopes,
        "may_change": gate.allows(actor, Permission.WORKLOADS_MANAGE),
        "may_see_accounts": gate.allows(actor, Permission.ACCESS_READ),
    }
    return render(request, "workloads/trust.html", context)
