"""The explorer's filter bar: what each filter offers, which are set, and the searches that were kept."""

from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.formats import date_format

from audit import selectors as trail
from audit.selectors.explorer import choices
from evidence.forms import KINDS, PERIODS, REQUESTS, ExplorerForm, ViewForm
from evidence.selectors.views import list_views
from hq.authz import gate
from hq.authz.permissions import Permission
from hq.web.request import TenantRequest

OUTCOMES: Final = [("done", "done"), ("refused", "refused")]
_DAYS: Final = ("first", "last")
_MOST_MEANT: Final = 6
# What a page of another filter keeps: everything in the address but its own field and where it was.
_KEPT: Final = frozenset({"cursor", "event", "q", "period", *_DAYS})
_PLACES: Final = frozenset({"cursor", "event"})
# What people call the fields, where something is wrong with one or it has no menu of its own.
LABELS: Final = {
    "q": "Search",
    "kind": "Kind",
    "period": "Time",
    "first": "From day",
    "last": "To day",
    "day": "Day",
    "since": "From",
    "until": "Before",
    "outcome": "Outcome",
    "tag": "Action",
    "actor_id": "Actor",
    "target_id": "Object",
    "ip": "From address",
    "request_id": "Request",
}


def bar(request: TenantRequest, form: ExplorerForm, typed: str) -> dict[str, Any]:
    """Everything that stands above the list. `typed` is what may be part of a name."""
    actor, kind = request.actor, form.cleaned_data.get("kind", "")
    tags = choices(actor, "tag")
    return {
        "status": trail.chain_status(actor),
        "kinds": [(REQUESTS, "requests"), *((each, text) for each, (text, _) in KINDS.items())],
        "outcomes": OUTCOMES,
        "actors": [(str(who), name) for who, name in trail.list_actors(actor)],
        "addresses": [(ip, ip) for ip in choices(actor, "ip")],
        "tags": [(tag, tag) for tag in tags],
        "meant": _meant(tags, typed) if kind != REQUESTS else [],
        "kept": [(name, value) for name, value in request.GET.items() if name not in _KEPT],
        "may_verify": gate.allows(actor, Permission.AUDIT_VERIFY),
        "faults": [(LABELS.get(name, name), fault) for name, all_of in form.errors.items() for fault in all_of],
        "also_set": _also_set(request, kind),
        **_period(request, form),
        **_views(request),
    }


def at(request: HttpRequest, **changed: str) -> str:
    """The same search with these fields changed, from its first page; an empty one is left out."""
    kept = [(key, value) for key, value in request.GET.items() if key not in _PLACES and key not in changed]
    return f"?{urlencode([*kept, *((key, value) for key, value in changed.items() if value)])}"


def _meant(tags: list[str], typed: str) -> list[str]:
    """Acts that have what was typed in their name: names of people and things are looked for, these are not."""
    wanted = typed.casefold().replace(" ", "_")
    return [tag for tag in tags if wanted in tag][:_MOST_MEANT] if wanted else []


def _also_set(request: HttpRequest, kind: str) -> list[dict[str, str]]:
    """Filters that are set and have no menu of their own in the bar, each with the way to be without it."""
    elsewhere = ["target_id", "request_id", "day", "since", "until", "tag" if kind == REQUESTS else "outcome"]
    return [
        {"label": LABELS[name], "value": value, "url": at(request, **{name: ""})}
        for name in elsewhere
        if (value := request.GET.get(name, ""))
    ]


def _period(request: HttpRequest, form: ExplorerForm) -> dict[str, Any]:
    """The menu of times: words for the usual ones, and from one day to another."""
    chosen, own = request.GET.get("period", ""), any(request.GET.get(name) for name in _DAYS)
    without = dict.fromkeys(_DAYS, "")
    rows = [
        {"text": text, "url": at(request, period=name, **without), "on": name == chosen and not own}
        for name, text in [("", "any"), *((name, text) for name, (text, _) in PERIODS.items())]
    ]
    words = _days(request, form) if own else ""
    return {"period_rows": rows, "period_shown": words or (PERIODS[chosen][0] if chosen in PERIODS else "")}


def _days(request: HttpRequest, form: ExplorerForm) -> str:
    """`1 Nov 2026 to 3 Nov 2026`, `from 1 Nov 2026`, `to 3 Nov 2026`; what is no day as it was written."""
    first, last = (
        date_format(day, "j M Y") if (day := form.cleaned_data.get(name)) else request.GET.get(name, "")
        for name in _DAYS
    )
    if first == last:
        return first
    return f"{first} to {last}" if first and last else f"from {first}" if first else f"to {last}"


def _views(request: TenantRequest) -> dict[str, Any]:
    query = urlencode([(key, value) for key, value in request.GET.items() if value and key not in _PLACES])
    views = list_views(request.actor)
    return {
        "views": views,
        "view": next((view for view in views if view.query == query), None),
        "view_form": ViewForm(initial={"query": query}) if query else None,
    }
