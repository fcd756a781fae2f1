"""Encryption keys and classes of data over /v1."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.web.api import Endpoint, page, page_arguments, read, uuid_cursor
from keys import actions, selectors
from keys.serializers import (
    DataMapBody,
    DestructionBody,
    DestructionListBody,
    KeyListBody,
    RotateInput,
    RotationBody,
    RotationInput,
    RotationListBody,
    data_map_body,
    destruction_body,
    key_list_body,
    rotation_body,
)

PAGING = [OpenApiParameter("cursor", str), OpenApiParameter("limit", int, description="1 to 200, 50 when left out.")]


class DataMap(Endpoint):
    """What HQ stores, field by field (VLT-12)."""

    @extend_schema(operation_id="get_data_map", responses=DataMapBody)
    def get(self, request: Request, **_: Any) -> Response:
        """Every stored field with its class and what follows from that. It describes; it holds no stored value."""
        return Response(data_map_body(selectors.get_data_map(self.actor)))


class Keys(Endpoint):
    """The organization's CMK and its data keys, never the keys themselves."""

    @extend_schema(operation_id="list_keys", responses=KeyListBody)
    def get(self, request: Request, **_: Any) -> Response:
        return Response(key_list_body(selectors.list_keys(self.actor)))


class KeyRotate(Endpoint):
    """A new version of the CMK, and everything re-encrypted (KEY-2)."""

    @extend_schema(operation_id="rotate_key", request=RotateInput, responses={202: RotationBody})
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Answers at once. Reads and writes go on while a job does it; `key-rotations/{id}` says how far it is."""
        body = read(RotateInput, request)
        return Response(rotation_body(actions.rotate_key(actor=self.actor, key_id=id, **body)), status=202)


class Rotations(Endpoint):
    """Rotations of the organization's key, newest first."""

    @extend_schema(operation_id="list_key_rotations", responses=RotationListBody, parameters=PAGING)
    def get(self, request: Request, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        rows = selectors.page_rotations(self.actor, before=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, rotation_body, lambda row: str(row.id))


class RotationItem(Endpoint):
    """One rotation."""

    @extend_schema(operation_id="get_key_rotation", responses=RotationBody)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        return Response(rotation_body(selectors.get_rotation(self.actor, id)))

    @extend_schema(operation_id="pause_key_rotation", request=RotationInput, responses=RotationBody)
    def patch(self, request: Request, id: UUID, **_: Any) -> Response:
        """Stop after the present batch, or go on. Both versions stay readable meanwhile."""
        verb = actions.pause_rotation if read(RotationInput, request)["paused"] else actions.resume_rotation
        return Response(rotation_body(verb(actor=self.actor, rotation_id=id)))


class RotationAbandon(Endpoint):
    """Giving a rotation up."""

    @extend_schema(operation_id="abandon_key_rotation", request=None, responses=RotationBody)
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Only before its new version is in use."""
        return Response(rotation_body(actions.abandon_rotation(actor=self.actor, rotation_id=id)))


class Destructions(Endpoint):
    """Wishes to destroy keys of the organization, newest first. People make and decide them, in the portal."""

    @extend_schema(operation_id="list_key_destructions", responses=DestructionListBody, parameters=PAGING)
    def get(self, request: Request, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        rows = selectors.page_destructions(self.actor, before=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, destruction_body, lambda row: str(row.id))


class DestructionItem(Endpoint):
    """One wish to destroy a key."""

    @extend_schema(operation_id="get_key_destruction", responses=DestructionBody)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        return Response(destruction_body(selectors.get_destruction(self.actor, id)))


class StatementFile(Endpoint):
    """A signed statement: that a rotation left nothing behind, or that keys are destroyed."""

    @extend_schema(
        operation_id="get_key_statement",
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, description="The file, which `bin/verify` checks.")},
    )
    def get(self, request: Request, id: UUID, **_: Any) -> HttpResponse:
        """The file as it was signed, byte for byte."""
        return HttpResponse(selectors.get_statement(self.actor, id).file, content_type="application/json")


environment_routes = [
    path("data-map", DataMap.as_view()),
    path("keys", Keys.as_view()),
    path("keys/<uuid:id>/rotate", KeyRotate.as_view()),
    path("key-rotations", Rotations.as_view()),
    path("key-rotations/<uuid:id>", RotationItem.as_view()),
    path("key-rotations/<uuid:id>/abandon", RotationAbandon.as_view()),
    path("key-destructions", Destructions.as_view()),
    path("key-destructions/<uuid:id>", DestructionItem.as_view()),
    path("key-statements/<uuid:id>", StatementFile.as_view()),
]
