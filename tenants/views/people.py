"""People and access: members, invitations, roles."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.authz.roles import DESCRIPTIONS, Role, may_assign
from hq.db.context import tenant
from hq.lib.errors import Refused
from hq.lib.text import plural
from hq.web.portal import own_context, refuse_invalid, tell, to
from hq.web.request import TenantRequest
from tenants import actions, selectors
from tenants.actions.people import MadeInvitation
from tenants.forms import InviteForm, RoleForm, role_label
from tenants.selectors.roster import Leaving
from tenants.views.api_keys import shown
from tenants.views.pages import Pages

PAGE = 50


def people(request: TenantRequest, **where: str) -> HttpResponse:
    """A page of the members, and everyone invited."""
    actor = request.actor
    pages = Pages(request, "people", where)
    rows = selectors.list_people(actor, begins=pages.q, after=pages.uuid(), limit=PAGE)
    members = [
        {
            "listed": row,
            "membership": row.membership,
            "role": role_label(Role(row.membership.role)),
            "editable": may_assign(actor.role, Role(row.membership.role)),
            "self": row.membership.user_id == actor.person_id,
        }
        for row in rows[:PAGE]
    ]
    context = {
        "members": members,
        "count": selectors.count_people(actor),
        "q": pages.q,
        "invitations": selectors.list_invitations(actor),
        "role_form": RoleForm(actor=actor, auto_id=False),
        "may_invite": gate.allows(actor, Permission.MEMBERS_INVITE),
        "may_change": gate.allows(actor, Permission.MEMBERS_CHANGE_ROLE),
        "may_remove": gate.allows(actor, Permission.MEMBERS_REMOVE),
        "may_explain": gate.allows(actor, Permission.ACCESS_READ),
        "roles": [(role_label(role), DESCRIPTIONS[role]) for role in Role],
        **pages.around(str(rows[PAGE - 1].membership.id) if len(rows) > PAGE else ""),
    }
    return render(request, "tenants/people.html", context)


@own_context
def invite(request: TenantRequest, **_: str) -> HttpResponse:
    """Invite one or many. Each is a transaction of its own, so that one refused address takes no other along."""
    gate.require(request.actor, Permission.MEMBERS_INVITE)
    form = InviteForm(request.POST or None, actor=request.actor, initial={"role": Role.DEVELOPER.value})
    sent: list[MadeInvitation] = []
    refused: list[tuple[str, str]] = []
    if request.method == "POST" and form.is_valid():
        for address in form.cleaned_data["addresses"]:
            try:
                sent.append(_invite(request.actor, address, Role(form.cleaned_data["role"])))
            except Refused as refusal:
                refused.append((address, str(refusal)))
    context = {
        "form": form,
        "sent": sent,
        "refused": refused,
        "roles": [(role_label(role), DESCRIPTIONS[role]) for role in Role if role is not Role.SERVICE_ACCOUNT],
    }
    with tenant(request.actor.organization_id):
        return render(request, "tenants/invite.html", context, status=400 if form.errors else 200)


def _invite(actor: Actor, address: str, role: Role) -> MadeInvitation:
    with tenant(actor.organization_id):
        return actions.invite_member(actor=actor, email=address, role=role)


@require_POST
def revoke_invitation(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    actions.revoke_invitation(actor=request.actor, invitation_id=id)
    tell(request, "Invitation revoked. Its link opens nothing now.", where)
    return to("people", where)


@require_POST
def change_role(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    gate.require(request.actor, Permission.MEMBERS_CHANGE_ROLE)
    form = RoleForm(request.POST, actor=request.actor)
    refuse_invalid(form)
    membership = actions.change_role(actor=request.actor, member_id=id, role=Role(form.cleaned_data["role"]))
    tell(request, f"{membership.user.label} is now {role_label(Role(membership.role))}.", where)
    return to("people", where)


def remove_member(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Asks for the address of the member before it removes."""
    gate.require(request.actor, Permission.MEMBERS_REMOVE)
    membership = selectors.get_member(request.actor, id)
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip().lower() == membership.user.email:
            label = membership.user.label
            actions.remove_member(actor=request.actor, member_id=id)
            tell(request, f"{label} removed. Their API keys here stopped working.", where)
            return to("people", where)
        wrong = True
    context = {
        "membership": membership,
        "wrong": wrong,
        "loss": _loss(selectors.what_leaves(request.actor, membership)),
        "known_keys": [shown(request.actor, key) for key in selectors.list_known_to(request.actor, membership.user_id)],
    }
    return render(request, "tenants/remove_member.html", context, status=400 if wrong else 200)


def _loss(leaving: Leaving) -> str:
    """What ends, counted: the keys they made, the groups they are in, the rules that name them."""
    return (
        "They lose every file, link and page here with their next request. With them end"
        f" {plural(leaving.keys, 'API key')} that they made, their place in {plural(leaving.groups, 'group')} and"
        f" {plural(leaving.rules, 'access rule')}, in both environments, and the open invitations that they sent. What"
        " they stored stays. They can be invited again."
    )
