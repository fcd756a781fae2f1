"""Groups: who is in them, and what rules name them."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.text import plural
from hq.web.portal import refuse_invalid, tell, to
from hq.web.request import TenantRequest
from tenants import actions, selectors
from tenants.actions.groups import GroupNameTaken, GroupOfDirectory
from tenants.forms import GroupForm, PeopleForm
from tenants.models import Group
from tenants.views.pages import Pages, rules_of

PAGE = 50
CANDIDATES = 20


def groups(request: TenantRequest, **where: str) -> HttpResponse:
    """Every group, by name."""
    pages = Pages(request, "groups", where)
    rows = selectors.list_groups(request.actor, after=pages.position(), limit=PAGE)
    context = {
        "groups": rows[:PAGE],
        "may_change": gate.allows(request.actor, Permission.ACCESS_CHANGE),
        **pages.around(f"{rows[PAGE - 1].id}:{rows[PAGE - 1].name}" if len(rows) > PAGE else ""),
    }
    return render(request, "tenants/groups.html", context)


def new_group(request: TenantRequest, **where: str) -> HttpResponse:
    gate.require(request.actor, Permission.ACCESS_CHANGE)
    form = GroupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            group = actions.create_group(actor=request.actor, name=data["name"], group_id=data["once"])
        except GroupNameTaken as taken:
            form.add_error("name", str(taken))
        else:
            tell(request, f"{group.name} made. Add its members now.", where)
            return to("group", where, id=group.id)
    return render(request, "tenants/new_group.html", {"form": form}, status=400 if form.errors else 200)


def group(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Its members, those who could be added, and its rules in this environment."""
    pages = Pages(request, "group", {**where, "id": str(id)})
    rows = selectors.list_group_members(request.actor, id, after=pages.uuid(), limit=PAGE)
    found = selectors.get_group(request.actor, id)
    may_change = _may_change(request.actor, found)
    outside = selectors.list_outside(request.actor, id, begins=pages.q, limit=CANDIDATES) if may_change else []
    context = {
        "group": found,
        "size": selectors.count_group_members(request.actor, id),
        "members": rows[:PAGE],
        "may_change": may_change,
        "by_directory": found.source == Group.Source.DIRECTORY,
        "outside": outside[:CANDIDATES],
        "more_outside": len(outside) > CANDIDATES,
        "q": pages.q,
        **rules_of(request.actor, id),
        **pages.around(str(rows[PAGE - 1].id) if len(rows) > PAGE else ""),
    }
    return render(request, "tenants/group.html", context)


def _may_change(actor: Actor, found: Group) -> bool:
    return found.source == Group.Source.HERE and gate.allows(actor, Permission.ACCESS_CHANGE)


def _to_change(request: TenantRequest, id: UUID) -> Group:
    """The group for a page that changes it. Raises Denied, NotFound, GroupOfDirectory."""
    gate.require(request.actor, Permission.ACCESS_CHANGE)
    found = selectors.get_group(request.actor, id)
    if found.source == Group.Source.DIRECTORY:
        raise GroupOfDirectory
    return found


def rename_group(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    found = _to_change(request, id)
    form = GroupForm(request.POST or None, initial={"name": found.name})
    if request.method == "POST" and form.is_valid():
        try:
            renamed = actions.rename_group(actor=request.actor, group_id=id, name=form.cleaned_data["name"])
        except GroupNameTaken as taken:
            form.add_error("name", str(taken))
        else:
            tell(request, f"The group is called {renamed.name} now.", where)
            return to("group", where, id=id)
    context = {"form": form, "group": found}
    return render(request, "tenants/rename_group.html", context, status=400 if form.errors else 200)


@require_POST
def add_to_group(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    count = actions.put_in_group(actor=request.actor, group_id=id, membership_ids=_chosen(request))
    name = selectors.get_group(request.actor, id).name
    tell(request, f"{_people(count)} added to {name}." if count else f"They are in {name} already.", where)
    return to("group", where, id=id)


@require_POST
def take_out_of_group(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    count = actions.take_out_of_group(actor=request.actor, group_id=id, membership_ids=_chosen(request))
    name = selectors.get_group(request.actor, id).name
    tell(request, f"{_people(count)} taken out of {name}." if count else f"They are not in {name} any more.", where)
    return to("group", where, id=id)


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _chosen(request: TenantRequest) -> list[UUID]:
    gate.require(request.actor, Permission.ACCESS_CHANGE)
    form = PeopleForm(request.POST)
    refuse_invalid(form)
    chosen: list[UUID] = form.cleaned_data["membership"]
    return chosen


def remove_group(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Asks for the name of the group before it removes."""
    found = _to_change(request, id)
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == found.name:
            actions.remove_group(actor=request.actor, group_id=id)
            tell(request, f"{found.name} removed. Rules that named it count no more.", where)
            return to("groups", where)
        wrong = True
    size, rules = (
        selectors.count_group_members(request.actor, id),
        selectors.count_entries(request.actor, who=id),
    )
    context = {
        "group": found,
        "wrong": wrong,
        "loss": f"Its {_people(size)} stay members of the organization, without what {plural(rules, 'rule')} gave them"
        " through it, in both environments. It cannot be brought back.",
    }
    return render(request, "tenants/remove_group.html", context, status=400 if wrong else 200)
