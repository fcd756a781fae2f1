"""Access rules: the list, giving, changing, withdrawing with a way back."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.levels import Level
from hq.authz.permissions import Permission
from hq.lib.errors import Denied, NotFound
from hq.lib.paths import InvalidPath, clean_prefix
from hq.web.portal import refuse_invalid, tell, to
from hq.web.request import TenantRequest
from tenants import actions, selectors
from tenants.forms import LEVELS, AccessForm, LevelForm
from tenants.models import AclEntry
from tenants.selectors.principals import GROUP, MEMBER, SERVICE_ACCOUNT, Principal
from tenants.views.pages import Pages, choices_of, shown_rule

PAGE = 50
NAMES = {MEMBER: "membership_id", GROUP: "group_id", SERVICE_ACCOUNT: "service_account_id"}
_UNDO, _UNDO_SECONDS = "hq.access.withdrawn", 3600


def access(request: TenantRequest, **where: str) -> HttpResponse:
    """The rules of this environment by folder. What is looked for stands in the address."""
    actor = request.actor
    pages = Pages(request, "access", where, "path", "who")
    path, fault = clean(request.GET.get("path", ""))
    who, place = uuid_of(request.GET.get("who", "")), pages.position()
    rows = [] if fault else selectors.list_entries(actor, path=path or None, who=who, after=place, limit=PAGE)
    may_change = _places_to_change(actor)
    shown = [{**shown_rule(entry), "editable": _below(entry.prefix, may_change)} for entry in rows[:PAGE]]
    context = {
        "rules": shown,
        "people": _named(actor, shown, who),
        "path": request.GET.get("path", ""),
        "fault": fault,
        "filtered": bool(path or who or fault),
        "by_rules": request.belonging.by_rules,  # type: ignore[attr-defined]  # set beside the actor
        "may_give": may_change is None or bool(may_change),
        "may_explain": gate.allows(actor, Permission.ACCESS_READ),
        "levels": [(level.name.lower(), level.name.capitalize()) for level in Level],
        "told": [(level.name.capitalize(), text) for level, text in LEVELS.items()],
        "undo": _undo(actor, request.GET.get("undo", ""), may_change),
        **pages.around(f"{rows[PAGE - 1].id}:{rows[PAGE - 1].prefix}" if len(rows) > PAGE else ""),
    }
    return render(request, "tenants/access.html", context, status=400 if fault else 200)


def clean(raw: str) -> tuple[str, str]:
    """The path to look for, and what is wrong with it."""
    try:
        return clean_prefix(raw), ""
    except InvalidPath as problem:
        return "", str(problem)


def uuid_of(raw: str) -> UUID | None:
    if not raw:
        return None
    try:
        return UUID(raw)
    except ValueError:
        raise NotFound from None


def _places_to_change(actor: Actor) -> tuple[str, ...] | None:
    """Where the actor may change rules, for showing; None is everywhere."""
    try:
        return gate.reach(actor, Permission.ACCESS_CHANGE)
    except Denied:
        return ()


def _below(prefix: str, places: tuple[str, ...] | None) -> bool:
    return places is None or any(prefix.startswith(place) for place in places)


def _named(actor: Actor, shown: list[dict[str, Any]], who: UUID | None) -> list[tuple[str, str]]:
    """Those whom the rules on this page name, to look for all rules of one."""
    found = {str(rule["principal"].id): rule["principal"].name for rule in shown}
    if who is not None and str(who) not in found:
        found[str(who)] = selectors.find_principal(actor, who).name
    return sorted(found.items(), key=lambda item: item[1].casefold())


def new_access(request: TenantRequest, **where: str) -> HttpResponse:
    """Give access to one folder. Where, who and how much may come with the address, from the explorer."""
    places = gate.reach(request.actor, Permission.ACCESS_CHANGE)
    begins = request.GET.get("q", "").strip()[:254].replace("\0", "")
    principals = selectors.list_principals(request.actor, begins=begins)
    choices = choices_of(request.actor, principals, uuid_of(request.GET.get("who", "")))
    form = AccessForm(request.POST or None, principals=choices, initial=_initial(request, places))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            principal = selectors.find_principal(request.actor, data["who"])
            entry = give(request.actor, principal, data["folder"], data["level"])
        except NotFound:  # whoever it is has left since the form was opened
            form.add_error("who", "Choose one of the list.")
        except Denied:
            form.add_error("folder", f"You may give access only below {', '.join(places or ())}.")
        else:
            tell(request, _said(principal, entry), where)
            return to("access", where)
    context = {"form": form, "more": principals.more or bool(begins), "begins": begins, "places": places}
    return render(request, "tenants/new_access.html", context, status=400 if form.errors else 200)


def _initial(request: TenantRequest, places: tuple[str, ...] | None) -> dict[str, str]:
    level = request.GET.get("level", "read")
    return {
        "folder": request.GET.get("folder", places[0] if places else ""),
        "who": request.GET.get("who", ""),
        "level": level if level.upper() in Level.__members__ else "read",
    }


def give(actor: Actor, principal: Principal, prefix: str, level: Level) -> AclEntry:
    """Give access to whom the form names."""
    return actions.give_access(actor=actor, prefix=prefix, level=level, **{NAMES[principal.kind]: principal.id})


def _said(principal: Principal, entry: AclEntry) -> str:
    level = Level(entry.level).name.lower()
    return f"{principal.name} has {level} access to {entry.prefix or 'every file'}. It counts from now on."


@require_POST
def change_level(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    gate.reach(request.actor, Permission.ACCESS_CHANGE)
    form = LevelForm(request.POST)
    refuse_invalid(form)
    entry = actions.change_level(actor=request.actor, entry_id=id, level=form.cleaned_data["level"])
    tell(request, _said(selectors.principal_of(entry), entry), where)
    return to("access", where)


@require_POST
def withdraw_access(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Take it away at once; the next page offers to give it back."""
    entry = actions.withdraw_access(actor=request.actor, entry_id=id)
    principal = selectors.principal_of(entry)
    tell(request, f"{principal.name} has lost this access to {entry.prefix or 'every file'}.", where)
    undo = signing.dumps([_whose(request.actor), str(principal.id), entry.prefix, entry.level], salt=_UNDO)
    return HttpResponseRedirect(f"{_address(where)}?{urlencode({'undo': undo})}")


def _address(where: Mapping[str, str]) -> str:
    return reverse("access", kwargs=dict(where))


def _whose(actor: Actor) -> list[str]:
    return [str(actor.id), str(environment_of(actor))]


def _undo(actor: Actor, signed: str, places: tuple[str, ...] | None) -> dict[str, Any] | None:
    """What they withdrew here a moment ago, if it can be given back. Signed: a link of somebody else offers nothing."""
    if not signed:
        return None
    try:
        whose, who, prefix, level = signing.loads(signed, salt=_UNDO, max_age=_UNDO_SECONDS)
        principal = selectors.find_principal(actor, UUID(who))
    except (signing.BadSignature, NotFound):
        return None
    if whose != _whose(actor) or not _below(prefix, places):
        return None
    if any(entry.prefix == prefix for entry in selectors.list_entries(actor, who=principal.id, path=prefix)):
        return None
    name = Level(level).name.lower()
    return {"principal": principal, "prefix": prefix, "level": name}
