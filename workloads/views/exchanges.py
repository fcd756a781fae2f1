"""One exchange, given or refused, and trying a token without giving anything for it."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.web.portal import own_context
from hq.web.request import TenantRequest
from workloads import actions, selectors
from workloads.forms import TokenForm
from workloads.forms.base import told_life
from workloads.selectors import pages
from workloads.views import reading


def exchange(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """What was looked at, what was expected, what came. Of the token nothing else was kept."""
    row = pages.get_exchange(request.actor, id)
    rows = reading.rows_of_exchange(row, reading.conditions_of(row.trust))
    given = row.detail.get("given")
    context = {
        "exchange": row,
        "trust": row.trust,
        "told": reading.told(row),
        "advice": reading.advice(row),
        "rows": rows,
        "given": given,
        "life": told_life(given["seconds"]) if given else "",
        "may_change": gate.allows(request.actor, Permission.WORKLOADS_MANAGE),
        "may_read_trail": gate.allows(request.actor, Permission.AUDIT_READ),
    }
    return render(request, "workloads/exchange.html", context)


@never_cache
@sensitive_post_parameters("token")
@own_context
def try_token(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Every check, passed or failed. The issuer may be asked for its keys, outside of a transaction.

    The token goes nowhere but into the checks: the form comes back empty.
    """
    gate.require(request.actor, Permission.API_KEYS_READ)
    context: dict[str, Any] = {"form": TokenForm(request.POST if request.method == "POST" else None)}
    token, checks = "", []
    if context["form"].is_valid():
        token = context["form"].cleaned_data["token"]
        checks = actions.dry_run(actor=request.actor, trust_id=id, token=token)
        context["form"] = TokenForm()
    with tenant(request.actor.organization_id):
        trust = selectors.get_trust(request.actor, id)
        rows = reading.rows_of_try(checks, token, reading.conditions_of(trust)) if checks else []
        context |= {
            "trust": trust,
            "life": told_life(trust.seconds),
            "rows": rows,
            "failed": sum(each.failed for each in rows),
        }
        return render(request, "workloads/try.html", context, status=400 if context["form"].errors else 200)
