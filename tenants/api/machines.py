"""Machines over /v1: API keys and service accounts."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.authz.permissions import Permission
from hq.web.api import Endpoint, choice_argument, page, page_arguments, read, uuid_argument, uuid_cursor
from tenants import actions, selectors
from tenants.actions.api_keys import MadeKey
from tenants.api.people import PAGING
from tenants.api.positions import position, position_of
from tenants.models import ApiKey, ServiceAccount
from tenants.selectors import Day
from tenants.selectors.machines import KEY_STATES
from tenants.serializers.machines import (
    ApiKeyBody,
    ApiKeyInput,
    ApiKeyList,
    ApiKeyRotateInput,
    MadeApiKeyBody,
    ServiceAccountBody,
    ServiceAccountInput,
    ServiceAccountList,
)

DAYS = 14
FILTERS = [
    OpenApiParameter("state", str, enum=KEY_STATES),
    OpenApiParameter("service_account_id", UUID, description="Keys of this service account only."),
]

SUCCESSORS_MAY = ("revoke", "keep")
SUCCESSORS = OpenApiParameter(
    "successors",
    str,
    enum=SUCCESSORS_MAY,
    default="revoke",
    description="`keep` leaves the keys that it was rotated into, to end its grace early. They stay too where one of"
    " them asks.",
)


def api_key_body(key: ApiKey, days: Sequence[Day]) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "scopes": key.scopes,
        "networks": key.networks,
        "service_account_id": key.service_account_id,
        "made_by_key_id": key.made_by_key_id,
        "replaced_by_id": key.replaced_by_id,
        "used_since_rotated": selectors.used_since_rotated(key),
        "state": selectors.key_state(key),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "last_used_ip": key.last_used_ip,
        "last_used_agent": key.last_used_agent,
        "days": [{"date": day.date, "requests": day.requests, "refused": day.refused} for day in days],
    }


def _filters(request: Request) -> dict[str, Any]:
    """`?state=` and `?service_account_id=`. Raises Invalid."""
    return {
        "state": choice_argument(request, "state", KEY_STATES),
        "service_account_id": uuid_argument(request, "service_account_id"),
    }


def _made(made: MadeKey) -> Response:
    """A key that was just made, with its secret. It has no days yet."""
    return Response(api_key_body(made.key, ()) | {"api_key": made.secret}, status=201)


class ApiKeys(Endpoint):
    """API keys of an environment, newest first."""

    shown_once = frozenset({"api_key"})

    @extend_schema(operation_id="list_api_keys", responses=ApiKeyList, parameters=[*PAGING, *FILTERS])
    def get(self, request: Request, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        rows = selectors.list_api_keys(self.actor, before=uuid_cursor(cursor), limit=limit, **_filters(request))
        days = selectors.list_days(self.actor, [key.id for key in rows], DAYS)
        return page(rows, limit, lambda key: api_key_body(key, days[key.id]), lambda row: str(row.id))

    @extend_schema(operation_id="create_api_key", request=ApiKeyInput, responses={201: MadeApiKeyBody})
    def post(self, request: Request, **_: Any) -> Response:
        body = read(ApiKeyInput, request)
        scopes = frozenset(Permission(scope) for scope in body["scopes"])
        made = actions.create_api_key(
            actor=self.actor,
            name=body["name"],
            scopes=scopes,
            expires_at=body.get("expires_at"),
            service_account_id=body.get("service_account_id"),
            networks=body.get("networks", ()),
        )
        return _made(made)


class ApiKeyItem(Endpoint):
    """One API key."""

    @extend_schema(operation_id="get_api_key", responses=ApiKeyBody)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        key = selectors.read_api_key(self.actor, id)
        return Response(api_key_body(key, selectors.list_days(self.actor, [key.id], DAYS)[key.id]))

    @extend_schema(operation_id="revoke_api_key", responses={204: None}, parameters=[SUCCESSORS])
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        """With it end the keys that it was rotated into, those that any of these made, and the one that it replaced."""
        kept = choice_argument(request, "successors", SUCCESSORS_MAY) == "keep"
        actions.revoke_api_key(actor=self.actor, key_id=id, successors=not kept)
        return Response(status=204)


class RotateApiKey(Endpoint):
    """A successor for an API key."""

    shown_once = frozenset({"api_key"})

    @extend_schema(operation_id="rotate_api_key", request=ApiKeyRotateInput, responses={201: MadeApiKeyBody})
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """The new key is as the old one was, and lives as long from now on. For the grace both work.

        One into which a key rotates itself ends when that would have.
        """
        body = read(ApiKeyRotateInput, request)
        return _made(actions.rotate_api_key(actor=self.actor, key_id=id, grace_hours=body["grace_hours"]))


def service_account_body(account: ServiceAccount) -> dict[str, Any]:
    return {"id": account.id, "name": account.name, "created_at": account.created_at}


class ServiceAccounts(Endpoint):
    """Service accounts of an organization, by name. Keys for one are made with `service_account_id`."""

    @extend_schema(operation_id="list_service_accounts", responses=ServiceAccountList, parameters=PAGING)
    def get(self, request: Request, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        rows = selectors.list_service_accounts(self.actor, after=position(cursor), limit=limit)
        return page(rows, limit, service_account_body, lambda row: position_of(row.id, row.name))

    @extend_schema(
        operation_id="create_service_account", request=ServiceAccountInput, responses={201: ServiceAccountBody}
    )
    def post(self, request: Request, **_: Any) -> Response:
        body = read(ServiceAccountInput, request)
        account = actions.create_service_account(actor=self.actor, name=body["name"])
        return Response(service_account_body(account), status=201)


class ServiceAccountItem(Endpoint):
    """One service account."""

    @extend_schema(operation_id="get_service_account", responses=ServiceAccountBody)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        return Response(service_account_body(selectors.read_service_account(self.actor, id)))

    @extend_schema(operation_id="end_service_account", responses={204: None})
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        """Its keys are refused with their next request, and its access rules go."""
        actions.end_service_account(actor=self.actor, account_id=id)
        return Response(status=204)
