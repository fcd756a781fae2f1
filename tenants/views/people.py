"""People and access: members, invitations, roles."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.authz.roles import DESCRIPTIONS, Role, may_assign
from hq.web.portal import refuse_invalid, tell, to
from hq.web.request import TenantRequest
from tenants import actions, selectors
from tenants.actions.people import AlreadyInvited, AlreadyMember
from tenants.forms import InviteForm, RoleForm, role_label


def people(request: TenantRequest, **_: str) -> HttpResponse:
    """Everyone in the organization and everyone invited."""
    actor = request.actor
    members = [
        {
            "membership": member,
            "role": role_label(Role(member.role)),
            "editable": may_assign(actor.role, Role(member.role)),
            "self": member.user_id == actor.person_id,
        }
        for member in selectors.list_members(actor)
    ]
    context = {
        "members": members,
        "invitations": selectors.list_invitations(actor),
        "role_form": RoleForm(actor=actor, auto_id=False),
        "may_invite": gate.allows(actor, Permission.MEMBERS_INVITE),
        "may_change": gate.allows(actor, Permission.MEMBERS_CHANGE_ROLE),
        "may_remove": gate.allows(actor, Permission.MEMBERS_REMOVE),
        "roles": [(role_label(role), DESCRIPTIONS[role]) for role in Role],
    }
    return render(request, "tenants/people.html", context)


def invite(request: TenantRequest, **_: str) -> HttpResponse:
    """Invite one person. The address of the invitation is shown once, and mailed."""
    gate.require(request.actor, Permission.MEMBERS_INVITE)
    form = InviteForm(request.POST or None, actor=request.actor, initial={"role": Role.DEVELOPER.value})
    made = None
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = actions.invite_member(
                actor=request.actor, email=data["email"], role=Role(data["role"]), invitation_id=data["once"]
            )
        except (AlreadyMember, AlreadyInvited) as refused:
            form.add_error("email", str(refused))
    context = {
        "form": form,
        "made": made,
        "roles": [(role_label(role), DESCRIPTIONS[role]) for role in Role if role is not Role.SERVICE_ACCOUNT],
    }
    return render(request, "tenants/invite.html", context, status=400 if form.errors else 200)


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
    return render(
        request, "tenants/remove_member.html", {"membership": membership, "wrong": wrong}, status=400 if wrong else 200
    )
