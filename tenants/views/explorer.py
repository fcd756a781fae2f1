"""The access explorer: who may do what on a path, and why."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from hq.authz import gate
from hq.authz.levels import Level
from hq.authz.permissions import Permission
from hq.web.request import TenantRequest
from tenants import selectors
from tenants.forms import ExplainForm, role_label
from tenants.models import AclEntry
from tenants.selectors.explain import ACTS, Decision, Explanation, Reacher, Way
from tenants.views.access import uuid_of
from tenants.views.pages import Pages, choices_of

PAGE = 50
TITLES = {"read": "Read", "write": "Write", "delete": "Delete", "share": "Share"}
_PARTS = {Permission.OBJECTS_READ: "To read what is shared", Permission.SHARES_CREATE: "To make links"}


def explorer(request: TenantRequest, **where: str) -> HttpResponse:
    """A person and a path: each decision with its reasons. A path alone: everybody who reaches it."""
    gate.require(request.actor, Permission.ACCESS_READ)
    pages = Pages(request, "explorer", where, "who", "path")
    principals = selectors.list_principals(request.actor, begins=pages.q)
    choices = choices_of(request.actor, principals, uuid_of(request.GET.get("who", "")), groups=False)
    form = ExplainForm(request.GET if {"who", "path"} & set(request.GET) else None, principals=choices)
    context: dict[str, Any] = {"form": form, "more": principals.more or bool(pages.q), "q": pages.q}
    if form.is_bound and form.is_valid():
        who, path = form.cleaned_data["who"], form.cleaned_data["path"]
        context |= {"path": path, "place": path or "every file"}
        context |= _one(request, who, path, where) if who else _all(request, path, pages)
    return render(request, "tenants/explorer.html", context, status=400 if form.errors else 200)


def _one(request: TenantRequest, who: UUID, path: str, where: dict[str, str]) -> dict[str, Any]:
    found = selectors.explain(request.actor, principal=who, path=path)
    may_give = gate.allows(request.actor, Permission.ACCESS_CHANGE, path=_folder(path))
    give = reverse("new_access", kwargs=where) if may_give else ""
    return {
        "found": found,
        "role": role_label(found.role),
        "decisions": [_told(found, decision, give) for decision in found.decisions],
    }


def _folder(path: str) -> str:
    return path[: path.rfind("/") + 1]


def _told(found: Explanation, decision: Decision, give: str) -> dict[str, Any]:
    level = decision.level
    shown = {
        "title": TITLES[decision.act],
        "allowed": decision.allowed,
        "parts": _parts(found, decision),
        "level": level.name.capitalize() if level else "",
        "give": "",
    }
    if level and give and found.active:
        query = {"folder": _folder(found.path), "who": str(found.principal.id), "level": level.name.lower()}
        shown["give"] = f"{give}?{urlencode(query)}"
    return shown


def _parts(found: Explanation, decision: Decision) -> list[dict[str, Any]]:
    """The reasons, under a heading each where an act takes more than one permission."""
    takes = ACTS[decision.act]
    return [
        {
            "what": _PARTS[permission] if len(takes) > 1 else "",
            "ways": [_way(found, way) for way in decision.ways if way.permission is permission],
        }
        for permission in takes
    ]


def _way(found: Explanation, way: Way) -> dict[str, Any]:
    if way.entry is None:
        return {"counts": way.counts, "text": _role_said(found, way), "prefix": None}
    enough = "" if way.counts or not found.active else ", which is not enough"
    return {"counts": way.counts, "text": f"{rule_said(way.entry)}{enough}.", "prefix": way.entry.prefix}


def _role_said(found: Explanation, way: Way) -> str:
    role = role_label(found.role)
    if way.counts:
        return f"The role {role} gives it, on every file."
    if not found.active:
        return f"The role {role} does not count: the account is switched off."
    return f"The role {role} does not count: in this organization only rules open files."


def rule_said(entry: AclEntry) -> str:
    """A rule in words: how much, where, and through which group."""
    through = f", through the group {entry.group.name}" if entry.group else ""
    return f"{Level(entry.level).name.capitalize()} on {entry.prefix or 'every file'}{through}"


def _all(request: TenantRequest, path: str, pages: Pages) -> dict[str, Any]:
    rows = selectors.who_reaches(request.actor, path, after=pages.uuid(), limit=PAGE)
    return {
        "reached": [_reacher(row) for row in rows[:PAGE]],
        **pages.around(str(rows[PAGE - 1].principal.id) if len(rows) > PAGE else ""),
    }


def _reacher(row: Reacher) -> dict[str, Any]:
    ways = [f"Role {role_label(row.role)}"] if row.by_role else []
    return {
        "row": row,
        "acts": ", ".join(TITLES[act].lower() for act in row.acts).capitalize(),
        "ways": ways + [rule_said(entry) for entry in row.entries],
    }
