"""Groups, access rules and the access explorer over /v1."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.authz.actor import Actor
from hq.authz.levels import Level
from hq.lib.errors import Invalid, NotFound
from hq.web.api import Endpoint, page, page_arguments, read, uuid_argument, uuid_cursor
from tenants import actions, selectors
from tenants.api.people import PAGING
from tenants.api.positions import position, position_of
from tenants.models import AclEntry, Group, GroupMember
from tenants.selectors.explain import ACTS, Decision, Explanation, Reacher
from tenants.selectors.principals import Principal
from tenants.serializers.access import (
    AclEntryBody,
    AclEntryInput,
    AclEntryList,
    ExplanationBody,
    GroupBody,
    GroupInput,
    GroupList,
    GroupMemberList,
    GroupMembersInput,
    LevelInput,
    ReachList,
)

ENVIRONMENT = OpenApiParameter("environment_id", UUID, description="The key's own; left out, it is that one.")
PRINCIPAL = OpenApiParameter("principal", UUID, description="A member or a service account.")


def group_body(group: Group) -> dict[str, Any]:
    return {"id": group.id, "name": group.name, "source": group.source, "created_at": group.created_at}


class Groups(Endpoint):
    """Groups of an organization, by name."""

    @extend_schema(operation_id="list_groups", responses=GroupList, parameters=PAGING)
    def get(self, request: Request, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        rows = selectors.list_groups(self.actor, after=position(cursor), limit=limit)
        return page(rows, limit, group_body, lambda row: position_of(row.id, row.name))

    @extend_schema(operation_id="create_group", request=GroupInput, responses={201: GroupBody})
    def post(self, request: Request, **_: Any) -> Response:
        body = read(GroupInput, request)
        return Response(group_body(actions.create_group(actor=self.actor, name=body["name"])), status=201)


class GroupItem(Endpoint):
    """One group."""

    @extend_schema(operation_id="get_group", responses=GroupBody)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        return Response(group_body(selectors.read_group(self.actor, id)))

    @extend_schema(operation_id="rename_group", request=GroupInput, responses=GroupBody)
    def patch(self, request: Request, id: UUID, **_: Any) -> Response:
        body = read(GroupInput, request)
        return Response(group_body(actions.rename_group(actor=self.actor, group_id=id, name=body["name"])))

    @extend_schema(operation_id="remove_group", responses={204: None})
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        """Its members stay members of the organization; rules that name it go."""
        actions.remove_group(actor=self.actor, group_id=id)
        return Response(status=204)


def place_body(place: GroupMember) -> dict[str, Any]:
    user = place.membership.user
    return {"id": place.membership_id, "name": user.name or "", "email": user.email, "added_at": place.added_at}


class GroupMembers(Endpoint):
    """Members of a group, in the order in which they came."""

    @extend_schema(operation_id="list_group_members", responses=GroupMemberList, parameters=PAGING)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        rows = selectors.list_group_members(self.actor, id, after=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, place_body, lambda row: str(row.id))

    @extend_schema(operation_id="put_in_group", request=GroupMembersInput, responses={204: None})
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Adds members by id, all or none. Who is in it already stays."""
        body = read(GroupMembersInput, request)
        actions.put_in_group(actor=self.actor, group_id=id, membership_ids=body["members"])
        return Response(status=204)


class GroupMemberItem(Endpoint):
    """One member of a group."""

    @extend_schema(operation_id="take_out_of_group", responses={204: None})
    def delete(self, request: Request, id: UUID, member_id: UUID, **_: Any) -> Response:
        if not actions.take_out_of_group(actor=self.actor, group_id=id, membership_ids=[member_id]):
            raise NotFound
        return Response(status=204)


# ---- rules


def principal_body(principal: Principal) -> dict[str, Any]:
    return {"kind": principal.kind, "id": principal.id, "name": principal.name}


def entry_body(entry: AclEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "environment_id": entry.environment_id,
        "prefix": entry.prefix,
        "level": Level(entry.level).name.lower(),
        "principal": principal_body(selectors.principal_of(entry)),
        "created_at": entry.created_at,
    }


def _is_here(actor: Actor, environment_id: UUID | None) -> None:
    """A key acts in its own environment; any other looks like nothing."""
    if environment_id not in {None, actor.environment_id}:
        raise NotFound


def _path(request: Request, *, needed: bool = False) -> str | None:
    path = request.query_params.get("path")
    if path is None and needed:
        raise Invalid("Say on which path.", errors=[{"pointer": "/path", "detail": "Required; empty is everything."}])
    return path


class Acl(Endpoint):
    """Access rules of the key's environment, by folder; where access is held below some folders only, those there."""

    @extend_schema(
        operation_id="list_access",
        responses=AclEntryList,
        parameters=[
            *PAGING,
            ENVIRONMENT,
            PRINCIPAL,
            OpenApiParameter("path", str, description="Rules that count on it, or on something below it."),
        ],
    )
    def get(self, request: Request, **_: Any) -> Response:
        _is_here(self.actor, uuid_argument(request, "environment_id"))
        cursor, limit = page_arguments(request)
        rows = selectors.list_entries(
            self.actor,
            path=_path(request),
            who=uuid_argument(request, "principal"),
            after=position(cursor),
            limit=limit,
        )
        return page(rows, limit, entry_body, lambda row: position_of(row.id, row.prefix))

    @extend_schema(operation_id="give_access", request=AclEntryInput, responses={201: AclEntryBody})
    def post(self, request: Request, **_: Any) -> Response:
        """Gives one member, group or service account a level below a folder; it replaces the level they have there."""
        body = read(AclEntryInput, request)
        _is_here(self.actor, body.get("environment_id"))
        entry = actions.give_access(
            actor=self.actor,
            prefix=body["prefix"],
            level=Level[body["level"].upper()],
            membership_id=body.get("member_id"),
            group_id=body.get("group_id"),
            service_account_id=body.get("service_account_id"),
        )
        return Response(entry_body(entry), status=201)


class AclItem(Endpoint):
    """One access rule."""

    @extend_schema(operation_id="get_access", responses=AclEntryBody)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        return Response(entry_body(selectors.read_entry(self.actor, id)))

    @extend_schema(operation_id="change_access_level", request=LevelInput, responses=AclEntryBody)
    def patch(self, request: Request, id: UUID, **_: Any) -> Response:
        level = Level[read(LevelInput, request)["level"].upper()]
        return Response(entry_body(actions.change_level(actor=self.actor, entry_id=id, level=level)))

    @extend_schema(operation_id="withdraw_access", responses={204: None})
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        actions.withdraw_access(actor=self.actor, entry_id=id)
        return Response(status=204)


# ---- why


def way_of(entry: AclEntry) -> dict[str, Any]:
    group = entry.group
    return {
        "by": "rule",
        "rule_id": entry.id,
        "prefix": entry.prefix,
        "level": Level(entry.level).name.lower(),
        "group": {"id": group.id, "name": group.name} if group else None,
    }


def decision_body(found: Explanation, decision: Decision) -> dict[str, Any]:
    reasons = []
    for way in decision.ways:
        how = way_of(way.entry) if way.entry else {"by": "role", "role": found.role}
        reasons.append({**how, "permission": way.permission, "counts": way.counts})
    return {
        "act": decision.act,
        "permissions": list(ACTS[decision.act]),
        "allowed": decision.allowed,
        "missing": list(decision.missing),
        "reasons": reasons,
    }


def reacher_body(row: Reacher) -> dict[str, Any]:
    by_role = [{"by": "role", "role": row.role}] if row.by_role else []
    return {
        "principal": principal_body(row.principal),
        "acts": list(row.acts),
        "reasons": by_role + [way_of(entry) for entry in row.entries],
        "api_keys": row.keys,
    }


class AclExplain(Endpoint):
    """Who can do what on a path, and why, decided as each request is."""

    @extend_schema(
        operation_id="explain_access",
        responses=PolymorphicProxySerializer(
            component_name="AccessExplained",
            serializers=[ExplanationBody, ReachList],
            resource_type_field_name=None,
            many=False,
        ),
        parameters=[
            *PAGING,
            ENVIRONMENT,
            PRINCIPAL,
            OpenApiParameter("path", str, required=True, description="A file, or a folder with its slash."),
        ],
    )
    def get(self, request: Request, **_: Any) -> Response:
        """With `principal`, each decision about it with all that led to it; without, everybody who reaches the path."""
        _is_here(self.actor, uuid_argument(request, "environment_id"))
        path, principal = _path(request, needed=True) or "", uuid_argument(request, "principal")
        if principal is None:
            cursor, limit = page_arguments(request)
            rows = selectors.who_reaches(self.actor, path, after=uuid_cursor(cursor), limit=limit)
            return page(rows, limit, reacher_body, lambda row: str(row.principal.id))
        found = selectors.explain(self.actor, principal=principal, path=path)
        return Response(
            {
                "principal": principal_body(found.principal),
                "role": found.role,
                "active": found.active,
                "path": found.path,
                "rules_only": found.by_rules,
                "decisions": [decision_body(found, decision) for decision in found.decisions],
            }
        )
