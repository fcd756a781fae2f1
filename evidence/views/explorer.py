"""The explorer: everything that happened in an environment, found by what people know of it, with its proof."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from audit import selectors as trail
from audit.selectors import Filters
from audit.selectors.explorer import Search, choices, count_matches, search_events
from evidence.forms import KINDS, PERIODS, REQUESTS, ExplorerForm, Typed, ViewForm, tags_of
from evidence.selectors.search import find_names
from evidence.selectors.views import list_views
from evidence.views.event import about_event
from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid, NotFound
from hq.web.request import TenantRequest

PAGE = 50
OUTCOMES = [("done", "done"), ("refused", "refused")]
_NOT_FILTERS = frozenset({"cursor", "event", "kind"})
# What a page of another filter keeps: everything in the address but its own field and where it was.
_DAYS = ("first", "last")
_KEPT = frozenset({"cursor", "event", "q", "period", *_DAYS})


def explorer(request: TenantRequest, **where: str) -> HttpResponse:
    """Events, or requests with `kind=access`; every filter lives in the address, and is recorded with the request."""
    form = ExplorerForm(request.GET)
    valid = form.is_valid()
    typed = Typed(form.cleaned_data.get("q", "") if valid else "")
    if typed.index is not None:
        return _go_to(request, typed.index, where)
    filters = _filters(form, typed) if valid else Filters()
    kind = form.cleaned_data.get("kind", "")
    names = find_names(request.actor, typed.names) if typed.names else None
    named = names.found if names else None
    if typed.id is not None:  # an id is of somebody who acted or of what was acted on
        named = (("actor", str(typed.id)), ("target", str(typed.id)))
    _note(request)
    shown = _requests(request, filters, named) if kind == REQUESTS else _events(request, filters, named, kind)
    context = {
        "form": form,
        "kind": kind,
        "nobody": named == (),
        "names_cut": bool(names and names.cut),
        "filtered": any(value for key, value in request.GET.items() if key not in _NOT_FILTERS),
        **_bar(request),
        **_views(request),
        **shown,
    }
    if filters.request_id and kind != REQUESTS and "requests" not in shown:
        context |= {"also": _requests(request, filters, None)["requests"]}
    return render(request, "audit/explorer.html", context, status=200 if valid else 400)


def _go_to(request: HttpRequest, index: int, where: dict[str, str]) -> HttpResponse:
    """Who types the number of an event means that event."""
    return redirect(reverse("audit_event", kwargs={**where, "index": index}))


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
        "older": _at(request, cursor=str(rows[PAGE - 1].index)) if len(rows) > PAGE else "",
        "newest": _at(request, cursor="") if cursor else "",
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
        "older": _at(request, cursor=str(rows[PAGE - 1].pk)) if len(rows) > PAGE else "",
        "newest": _at(request, cursor="") if cursor else "",
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


def _bar(request: TenantRequest) -> dict[str, Any]:
    """What each filter offers."""
    actor = request.actor
    return {
        "status": trail.chain_status(actor),
        "kinds": [(REQUESTS, "requests"), *((kind, text) for kind, (text, _) in KINDS.items())],
        "outcomes": OUTCOMES,
        **_period(request),
        "actors": [(str(who), name) for who, name in trail.list_actors(actor)],
        "addresses": [(ip, ip) for ip in choices(actor, "ip")],
        "tags": [(tag, tag) for tag in choices(actor, "tag")],
        "kept": [(name, value) for name, value in request.GET.items() if name not in _KEPT],
        "may_verify": gate.allows(actor, Permission.AUDIT_VERIFY),
    }


def _period(request: HttpRequest) -> dict[str, Any]:
    """The menu of times: words for the usual ones, and from one day to another."""
    chosen, own = request.GET.get("period", ""), [request.GET.get(name, "") for name in _DAYS]
    kept = [(key, value) for key, value in request.GET.items() if key not in {*_DAYS, "period", "cursor", "event"}]
    rows = [
        {
            "text": text,
            "url": f"?{urlencode([*kept, ('period', name)] if name else kept)}",
            "on": name == chosen and not any(own),
        }
        for name, text in [("", "any"), *((name, text) for name, (text, _) in PERIODS.items())]
    ]
    words = " to ".join(day for day in own if day) if any(own) else ""
    return {"period_rows": rows, "period_shown": words or (PERIODS[chosen][0] if chosen in PERIODS else "")}


def _views(request: TenantRequest) -> dict[str, Any]:
    query = urlencode([(key, value) for key, value in request.GET.items() if value and key not in {"cursor", "event"}])
    views = list_views(request.actor)
    return {
        "views": views,
        "view": next((view for view in views if view.query == query), None),
        "view_form": ViewForm(initial={"query": query}) if query else None,
    }


def _at(request: HttpRequest, *, cursor: str) -> str:
    kept = [(key, value) for key, value in request.GET.items() if key not in {"cursor", "event"}]
    return f"?{urlencode([*kept, ('cursor', cursor)] if cursor else kept)}"
