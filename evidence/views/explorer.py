"""The explorer: everything that happened in an environment, found by what people know of it, with its proof."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from audit import selectors as trail
from audit.selectors import Filters
from audit.selectors.explorer import Search, count_matches, search_events
from evidence.forms import REQUESTS, ExplorerForm, Typed, tags_of
from evidence.selectors.search import find_names
from evidence.views.bar import at, bar
from evidence.views.event import about_event
from hq.lib.errors import Invalid, NotFound
from hq.web.request import TenantRequest

PAGE = 50
_NOT_FILTERS = frozenset({"cursor", "event", "kind"})
_NOTHING: dict[str, Any] = {"events": [], "count": 0, "many": False}


def explorer(request: TenantRequest, **where: str) -> HttpResponse:
    """Events, or requests with `kind=access`; every filter lives in the address, and is recorded with the request.

    An address that cannot be read shows nothing: everything would pass for what was found.
    """
    form = ExplorerForm(request.GET)
    valid = form.is_valid()
    typed = Typed(form.cleaned_data.get("q", "") if valid else "")
    newest = trail.chain_status(request.actor).length if typed.index is not None else 0
    if typed.index is not None and 1 <= typed.index <= newest:
        return redirect(reverse("audit_event", kwargs={**where, "index": typed.index}))
    _note(request)
    context = {
        "form": form,
        "kind": form.cleaned_data.get("kind", ""),
        "no_such": "" if typed.index is None else f"The newest one is {newest:,}." if newest else "There is none yet.",
        "today": timezone.localdate(),
        "filtered": not valid or any(value for key, value in request.GET.items() if key not in _NOT_FILTERS),
        **bar(request, form, typed.names),
        **(_found(request, form, typed) if valid and typed.index is None else _NOTHING),
    }
    return render(request, "audit/explorer.html", context, status=200 if valid else 400)


def _found(request: TenantRequest, form: ExplorerForm, typed: Typed) -> dict[str, Any]:
    """The page of events or of requests that match."""
    filters, kind = _filters(form, typed), form.cleaned_data["kind"]
    names = find_names(request.actor, typed.names) if typed.names else None
    named = names.found if names else None
    if typed.id is not None:  # an id is of somebody who acted or of what was acted on
        named = (("actor", str(typed.id)), ("target", str(typed.id)))
    found: dict[str, Any] = {"nobody": named == (), "names_cut": bool(names and names.cut)}
    if kind == REQUESTS:
        narrowing = (("action", filters.tag), ("object", filters.target_id))
        unasked = [word for word, value in narrowing if value]  # a request has neither
        return found | _requests(request, filters, named) | {"unasked": unasked}
    if filters.outcome == "refused":  # an event is of what was done
        return found | _NOTHING | {"refusals": at(request, kind=REQUESTS)}
    found |= _events(request, filters, named, kind)
    return found | ({"also": _requests(request, filters, None)["requests"]} if filters.request_id else {})


def _filters(form: ExplorerForm, typed: Typed) -> Filters:
    data, found = form.cleaned_data, form.filters()
    return Filters(
        tag=found.tag or str(typed.tag or ""),
        actor_id=found.actor_id,
        ip=found.ip or typed.ip,
        request_id=found.request_id or typed.request_id,
        target_id=found.target_id,
        since=data.get("since") or found.since,
        until=data.get("until") or found.until,
        outcome=found.outcome,
    )


def _note(request: TenantRequest) -> None:
    """Searching the trail is in the trail: what was asked for stands, sealed, beside the request."""
    asked = {name: str(value) for name, value in request.GET.items() if value and name not in {"cursor", "event"}}
    if asked:
        request.searched = asked


def _events(
    request: TenantRequest, filters: Filters, named: tuple[tuple[str, str], ...] | None, kind: str
) -> dict[str, Any]:
    search = Search(filters=filters, tags=tags_of(kind), named=named)
    cursor = request.GET.get("cursor", "")
    before = int(cursor[:18]) if cursor.isascii() and cursor.isdigit() else None
    rows = search_events(request.actor, search, before=before, limit=PAGE)
    counted = count_matches(request.actor, search)
    return {
        "events": rows[:PAGE],
        "count": counted.events,
        "many": counted.more,
        "older": at(request, cursor=str(rows[PAGE - 1].index)) if len(rows) > PAGE else "",
        "newest": at(request) if cursor else "",
        **_selected(request),
    }


def _requests(request: TenantRequest, filters: Filters, named: tuple[tuple[str, str], ...] | None) -> dict[str, Any]:
    cursor = request.GET.get("cursor", "")
    try:
        before = UUID(cursor) if cursor else None
    except ValueError:
        raise Invalid("This page's address is not whole. Open the audit trail again.") from None
    actors = None if named is None else tuple(UUID(each) for kind, each in named if kind == "actor")
    rows = trail.list_access(request.actor, filters, before=before, limit=PAGE, actors=actors)
    return {
        "requests": rows[:PAGE],
        "older": at(request, cursor=str(rows[PAGE - 1].pk)) if len(rows) > PAGE else "",
        "newest": at(request) if cursor else "",
    }


def _selected(request: TenantRequest) -> dict[str, Any]:
    """The event that stands beside the list, if one was chosen and there is room."""
    chosen = request.GET.get("event", "")
    if not (chosen.isascii() and chosen.isdigit()):
        return {}
    try:
        return about_event(request, int(chosen[:18]))
    except NotFound:
        return {}
