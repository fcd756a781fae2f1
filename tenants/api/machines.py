"""Machines over /v1: API keys and service accounts."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.authz.permissions import Permission
from hq.web.api import Endpoint, page, page_arguments, read, uuid_cursor
from tenants import actions, selectors
from tenants.api.people import PAGING
from tenants.api.positions import position, position_of
from tenants.models import ApiKey, ServiceAccount
from tenants.serializers.machines import (
    ApiKeyInput,
    ApiKeyList,
    MadeApiKeyBody,
    ServiceAccountBody,
    ServiceAccountInput,
    ServiceAccountList,
)


def api_key_body(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "scopes": key.scopes,
        "service_account_id": key.service_account_id,
        "state": key.state,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "last_used_ip": key.last_used_ip,
    }


class ApiKeys(Endpoint):
    """API keys of an environment, newest first."""

    @extend_schema(operation_id="list_api_keys", responses=ApiKeyList, parameters=PAGING)
    def get(self, request: Request, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        rows = selectors.list_api_keys(self.actor, before=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, api_key_body, lambda row: str(row.id))

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
        )
        return Response(api_key_body(made.key) | {"api_key": made.secret}, status=201)


class ApiKeyItem(Endpoint):
    """One API key."""

    @extend_schema(operation_id="revoke_api_key", responses={204: None})
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        actions.revoke_api_key(actor=self.actor, key_id=id)
        return Response(status=204)


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

    @extend_schema(operation_id="end_service_account", responses={204: None})
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        """Its keys are refused with their next request, and its access rules go."""
        actions.end_service_account(actor=self.actor, account_id=id)
        return Response(status=204)
