"""The audit explorer."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from audit import actions, selectors
from audit.forms import FilterForm
from audit.models import AuditEvent
from audit.selectors import Filters
from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid
from hq.web.portal import to
from hq.web.request import TenantRequest

PAGE = 50


def explorer(request: TenantRequest, **where: str) -> HttpResponse:
    """Administrative events, or requests with `kind=access`; every filter lives in the address."""
    form = FilterForm(request.GET)
    filters = form.filters() if form.is_valid() else Filters()
    kind = form.cleaned_data.get("kind", "")
    cursor = request.GET.get("cursor", "")
    shown = _access(request, filters, cursor) if kind == "access" else _events(request, filters, cursor)
    context: dict[str, Any] = {
        "form": form,
        "kind": kind,
        "status": selectors.chain_status(request.actor),
        "kinds": [("access", "requests")],
        "outcomes": [("done", "done"), ("refused", "refused")],
        "days": _days(),
        "actors": [(str(who), name) for who, name in selectors.list_actors(request.actor)],
        "addresses": [(ip, ip) for ip in selectors.list_addresses(request.actor)],
        "kept": [(name, value) for name, value in request.GET.items() if name not in {"cursor", "request_id"}],
        "tags": [(tag, tag) for tag in selectors.list_tags(request.actor)],
        "may_verify": gate.allows(request.actor, Permission.AUDIT_VERIFY),
        "filtered": any(value for key, value in request.GET.items() if key not in {"cursor", "kind"}),
        **shown,
    }
    return render(request, "audit/explorer.html", context, status=400 if form.errors else 200)


def _days() -> list[tuple[str, str]]:
    """Today and the six days before it, in the person's zone."""
    today = timezone.localdate()
    dates = [today - timedelta(days=back) for back in range(7)]
    return [(on.isoformat(), "today" if on == today else f"{on.day} {on:%B}") for on in dates]


def _older(request: TenantRequest, cursor: str) -> str:
    kept = [(key, value) for key, value in request.GET.items() if key != "cursor"]
    return f"?{urlencode([*kept, ('cursor', cursor)])}" if cursor else ""


def _first(request: TenantRequest) -> str:
    if "cursor" not in request.GET:
        return ""
    return f"?{urlencode([(key, value) for key, value in request.GET.items() if key != 'cursor'])}"


def _events(request: TenantRequest, filters: Filters, cursor: str) -> dict[str, Any]:
    before = int(cursor[:18]) if cursor.isascii() and cursor.isdigit() else None
    rows = selectors.list_events(request.actor, filters, before=before, limit=PAGE)
    older = str(rows[PAGE - 1].index) if len(rows) > PAGE else ""
    return {
        "events": rows[:PAGE],
        "count": selectors.count_events(request.actor, filters),
        "older": _older(request, older),
        "newest": _first(request),
    }


def _access(request: TenantRequest, filters: Filters, cursor: str) -> dict[str, Any]:
    try:
        before = UUID(cursor) if cursor else None
    except ValueError:
        raise Invalid("This page's address is not whole. Open the audit trail again.") from None
    rows = selectors.list_access(request.actor, filters, before=before, limit=PAGE)
    older = str(rows[PAGE - 1].pk) if len(rows) > PAGE else ""
    return {"requests": rows[:PAGE], "older": _older(request, older), "newest": _first(request)}


def event(request: TenantRequest, index: int, **_: str) -> HttpResponse:
    """One event: who, what, from where, before and after, and how its hash is made."""
    found = selectors.get_event_at(request.actor, index)
    status = selectors.chain_status(request.actor)
    context = {"event": found, "status": status, "checked": found.computed_hash() == bytes(found.hash), **_sides(found)}
    return render(request, "audit/event.html", context)


def _sides(found: AuditEvent) -> dict[str, Any]:
    detail = found.detail or {}
    return {
        "before": detail.get("before"),
        "after": detail.get("after"),
        "reason": detail.get("reason", ""),
        "agent": detail.get("user_agent", ""),
        "hash_hex": bytes(found.hash).hex(),
        "previous_hex": bytes(found.previous).hex(),
        "commitment_hex": bytes(found.commitment).hex(),
        "document": found.document().decode(),
    }


@require_POST
def verify(request: TenantRequest, **where: str) -> HttpResponse:
    """Check the whole chain now and say what was found."""
    verdict = actions.verify_chain(actor=request.actor)
    if verdict.ok:
        messages.success(request, f"Chain verified. {verdict.length:,} events, no gap.")
    else:
        messages.error(request, f"Chain broken at event {verdict.first_bad:,}. Reason: {verdict.reason}.")
    return to("audit", where)
