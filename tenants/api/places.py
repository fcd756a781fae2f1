"""Organizations and their environments over /v1."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.web.api import Endpoint
from tenants import selectors
from tenants.models import Environment
from tenants.serializers.places import EnvironmentBody, EnvironmentList, PlaceBody


def environment_body(environment: Environment) -> dict[str, Any]:
    return {
        "id": environment.id,
        "name": environment.name,
        "organization_id": environment.organization_id,
    }


class OrganizationItem(Endpoint):
    """One organization."""

    @extend_schema(operation_id="get_organization", responses=PlaceBody)
    def get(self, request: Request, **_: Any) -> Response:
        found = selectors.get_organization(self.actor)
        told = ("id", "name", "slug", "region", "created_at")
        return Response({name: getattr(found, name) for name in told})


class Environments(Endpoint):
    """The environments of an organization."""

    @extend_schema(operation_id="list_environments", responses=EnvironmentList)
    def get(self, request: Request, **_: Any) -> Response:
        """There are two, by name, so there is one page."""
        rows = selectors.list_environments(self.actor)
        return Response({"items": [environment_body(row) for row in rows], "next_cursor": None})


class EnvironmentItem(Endpoint):
    """One environment: the key's own."""

    @extend_schema(operation_id="get_environment", responses=EnvironmentBody)
    def get(self, request: Request, **_: Any) -> Response:
        return Response(environment_body(selectors.read_environment(self.actor)))
