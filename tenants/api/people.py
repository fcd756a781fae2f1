"""People over /v1: who asks, members, invitations."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.authz.roles import Role
from hq.web.api import Endpoint, choice_argument, page, page_arguments, read, uuid_cursor
from tenants import actions, selectors
from tenants.models import Invitation, Membership
from tenants.serializers.people import (
    PEOPLE_ROLES,
    InvitationBody,
    InvitationInput,
    InvitationList,
    MadeInvitationBody,
    Me,
    MemberBody,
    MemberInput,
    MemberList,
)

ROLE = OpenApiParameter("role", str, enum=PEOPLE_ROLES)
BEGINS = OpenApiParameter("email_prefix", str, description="What the address begins with.")
STATE = OpenApiParameter("state", str, enum=selectors.INVITATION_STATES)
PAGING = [OpenApiParameter("cursor", str), OpenApiParameter("limit", int, description="1 to 200, 50 when left out.")]


class WhoAmI(Endpoint):
    """The actor: what kind, where, and what it may do."""

    own_context = True

    @extend_schema(operation_id="get_me", responses=Me)
    def get(self, request: Request) -> Response:
        return Response(selectors.describe_actor(self.actor))


def member_body(member: Membership) -> dict[str, Any]:
    user = member.user
    return {
        "id": member.id,
        "user_id": user.id,
        "name": user.name or "",
        "email": user.email,
        "role": member.role,
        "joined_at": member.joined_at,
    }


class Members(Endpoint):
    """The people of an organization."""

    @extend_schema(operation_id="list_members", responses=MemberList, parameters=[*PAGING, ROLE, BEGINS])
    def get(self, request: Request, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        rows = selectors.page_members(
            self.actor,
            role=choice_argument(request, "role", PEOPLE_ROLES),
            begins=request.query_params.get("email_prefix", ""),
            after=uuid_cursor(cursor),
            limit=limit,
        )
        return page(rows, limit, member_body, lambda row: str(row.id))


class Member(Endpoint):
    """One person of an organization."""

    @extend_schema(operation_id="get_member", responses=MemberBody)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        return Response(member_body(selectors.read_member(self.actor, id)))

    @extend_schema(operation_id="change_role", request=MemberInput, responses=MemberBody)
    def patch(self, request: Request, id: UUID, **_: Any) -> Response:
        body = read(MemberInput, request)
        return Response(member_body(actions.change_role(actor=self.actor, member_id=id, role=Role(body["role"]))))

    @extend_schema(operation_id="remove_member", responses={204: None})
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        actions.remove_member(actor=self.actor, member_id=id)
        return Response(status=204)


def invitation_body(invitation: Invitation) -> dict[str, Any]:
    return {
        "id": invitation.id,
        "email": invitation.email,
        "role": invitation.role,
        "state": invitation.state,
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
    }


class Invitations(Endpoint):
    """Invitations of an organization, newest first."""

    shown_once = frozenset({"url"})

    @extend_schema(operation_id="list_invitations", responses=InvitationList, parameters=[*PAGING, STATE])
    def get(self, request: Request, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        state = choice_argument(request, "state", selectors.INVITATION_STATES)
        rows = selectors.page_invitations(self.actor, state=state, before=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, invitation_body, lambda row: str(row.id))

    @extend_schema(operation_id="invite_member", request=InvitationInput, responses={201: MadeInvitationBody})
    def post(self, request: Request, **_: Any) -> Response:
        body = read(InvitationInput, request)
        made = actions.invite_member(actor=self.actor, email=body["email"], role=Role(body["role"]))
        return Response(invitation_body(made.invitation) | {"url": made.url}, status=201)


class InvitationItem(Endpoint):
    """One invitation."""

    @extend_schema(operation_id="get_invitation", responses=InvitationBody)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        return Response(invitation_body(selectors.read_invitation(self.actor, id)))

    @extend_schema(operation_id="revoke_invitation", responses={204: None})
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        actions.revoke_invitation(actor=self.actor, invitation_id=id)
        return Response(status=204)
