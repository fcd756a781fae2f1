"""The page of one endpoint: how it does, what was sent to it, how it is set, and switching it off and on."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from hq.lib.errors import Invalid
from hq.lib.text import plural
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from webhooks import actions, selectors
from webhooks.actions.endpoints import AlreadyOff, AlreadyOn
from webhooks.models import EVERYTHING, KEPT_DAYS, Delivery, Endpoint
from webhooks.views import health, picker, recipes, replays

PAGE = 50
DAYS = 7
STATES = [
    (Delivery.State.DELIVERED.value, "delivered"),
    (Delivery.State.FAILED.value, "failed"),
    (Delivery.State.PENDING.value, "on its way"),
    (Delivery.State.CANCELLED.value, "cancelled"),
]


def endpoint(request: TenantRequest, id: UUID, **_: str) -> HttpResponse:
    """Everything about one endpoint; the log's filters stand in the address."""
    row = selectors.get_endpoint(request.actor, id)
    everything = EVERYTHING in row.events
    context = {
        "endpoint": row,
        "health": health.of(selectors.health_strip(request.actor, [id])[id]),
        "secrets": selectors.list_secrets(request.actor, id),
        "replay": replays.under_way(request.actor, id),
        "everything": everything,
        "groups": picker.groups(row.events),
        "events_short": "Everything" if everything else plural(len(row.events), "event"),
        "events_note": _nouns(row),
        "tabs": recipes.TABS,
        "kept_days": KEPT_DAYS,
        **_log(request, id),
    }
    return render(request, "webhooks/endpoint.html", context)


def _nouns(row: Endpoint) -> str:
    if EVERYTHING in row.events:
        return "Of this environment"
    titles = [group.title for group in picker.groups(row.events)]
    return ", ".join(titles[:2]) + (f" and {len(titles) - 2} more" if len(titles) > 2 else "")


def _log(request: TenantRequest, id: UUID) -> dict[str, Any]:
    asked = request.GET
    state, tag, day, cursor = (asked.get(name, "") for name in ("state", "event", "day", "cursor"))
    if state not in {"", *Delivery.State.values}:
        raise Invalid("There is no such state of a delivery.")
    since, until = _bounds(day)
    rows = selectors.list_deliveries(
        request.actor,
        id,
        state=state,
        tag=tag,
        since=since,
        until=until,
        before=_cursor(cursor),
        limit=PAGE,
    )
    kept = [(name, value) for name, value in (("state", state), ("event", tag), ("day", day)) if value]
    return {
        "deliveries": rows[:PAGE],
        "filtered": bool(kept or cursor),
        "states": STATES,
        "tags": [(each, each) for each in selectors.list_tags(request.actor, id)],
        "days": _days(),
        "older": _at([*kept, ("cursor", str(rows[PAGE - 1].id))]) if len(rows) > PAGE else "",
        "newest": _at(kept) if cursor else "",
    }


def _at(pairs: list[tuple[str, str]]) -> str:
    return f"?{urlencode(pairs)}#deliveries"


def _days() -> list[tuple[str, str]]:
    """Today and the six days before it, in the person's zone."""
    today = timezone.localdate()
    dates = [today - timedelta(days=back) for back in range(DAYS)]
    return [(on.isoformat(), "today" if on == today else f"{on.day} {on:%B}") for on in dates]


def _bounds(day: str) -> tuple[datetime | None, datetime | None]:
    """A day of the person's zone, from its first moment to the next one's."""
    if not day:
        return None, None
    try:
        on = date.fromisoformat(day)
        first, after = (timezone.make_aware(datetime.combine(each, time())) for each in (on, on + timedelta(days=1)))
    except (ValueError, OverflowError):
        raise Invalid("Write a day like 2026-11-22.") from None
    return first, after


def _cursor(raw: str) -> UUID | None:
    try:
        return UUID(raw) if raw else None
    except ValueError:
        raise Invalid("The address of this page is not one of ours.") from None


@require_POST
def enable(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    told = "Switched on. It is sent the next event that it asks for."
    return _switch(request, actions.enable_endpoint, id, told, where)


@require_POST
def disable(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Nothing is lost by it that switching it on would not give back, but what happens meanwhile."""
    return _switch(request, actions.disable_endpoint, id, "Switched off. Nothing is sent to it.", where)


def _switch(
    request: TenantRequest, verb: Callable[..., Endpoint], id: UUID, told: str, where: dict[str, str]
) -> HttpResponse:
    """Do it and say so, or say that somebody else has; either way the page of the endpoint is next."""
    try:
        verb(actor=request.actor, endpoint_id=id)
    except (AlreadyOn, AlreadyOff) as refused:
        messages.warning(request, str(refused))
    else:
        tell(request, told, where)
    return to("webhooks:endpoint", where, id=id)
