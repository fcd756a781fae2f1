"""Uploads in parts over /v1, and the address that takes a part in where HQ keeps files itself."""

from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.web import transfer
from hq.web.api import Endpoint, page, page_arguments, read, uuid_cursor
from hq.web.limits import refuse_unknown
from hq.web.request import identify, origin
from vault import actions, selectors
from vault.actions.uploads import NoSuchAddress
from vault.api.objects import PAGING, PRECONDITIONS, conditions
from vault.models import Upload
from vault.serializers import (
    AddressList,
    PartsInput,
    UploadBody,
    UploadInput,
    UploadList,
    address_body,
    arrived_body,
    upload_body,
)

_ASKED = OpenApiExample(
    "A file of 300 MB",
    request_only=True,
    value={
        "path": "claims/2026-q3/register.parquet",
        "size": 300_000_000,
        "content_type": "application/vnd.apache.parquet",
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
)


class Uploads(Endpoint):
    """Your uploads that are under way."""

    own_conditions = True

    @extend_schema(
        operation_id="list_uploads",
        parameters=[OpenApiParameter("path", str, description="Only uploads to this path."), *PAGING],
        responses=UploadList,
    )
    def get(self, request: Request, **_: Any) -> Response:
        """List your own uploads that are not over, newest first: after a lost connection they go on here."""
        cursor, limit = page_arguments(request)
        asked = request.query_params.get("path", "")
        rows = selectors.list_uploads(self.actor, path=asked, before=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, upload_body, lambda row: str(row.id))

    @extend_schema(
        operation_id="begin_upload",
        parameters=PRECONDITIONS,
        request=UploadInput,
        responses={201: UploadBody},
        examples=[_ASKED],
    )
    def post(self, request: Request, **_: Any) -> Response:
        """Announce a file. Preconditions are met now, and once more when the file is complete."""
        upload = actions.begin_upload(actor=self.actor, conditions=conditions(request), **read(UploadInput, request))
        return Response(upload_body(upload), status=201)


class UploadItem(Endpoint):
    """One of your uploads. The store is asked what has arrived, so it opens the tenant's context itself."""

    own_context = True

    @extend_schema(operation_id="get_upload", responses=UploadBody)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        """Say how far it is: which parts have arrived, or the receipt."""
        return Response(arrived_body(actions.look_at_upload(actor=self.actor, upload_id=id)))

    @extend_schema(operation_id="give_up_upload", responses={204: None})
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        """Give it up. Nothing of it is kept."""
        actions.give_up_upload(actor=self.actor, upload_id=id)
        return Response(status=204)


class UploadParts(Endpoint):
    """Where to send parts."""

    own_context = True
    only_asks = True

    @extend_schema(operation_id="address_upload_parts", request=PartsInput, responses=AddressList)
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Get an address for each of some parts. Send the part there, by its method and with its headers, as it is.

        An address is good for 10 minutes, for this part and for exactly this many bytes. No other credential is sent.
        """
        parts = read(PartsInput, request)["parts"]
        signed = actions.address_parts(actor=self.actor, upload_id=id, parts=parts)
        return Response({"items": [address_body(part) for part in signed]})


class UploadCompletion(Endpoint):
    """The end of an upload. Sent again it answers the same: of one upload comes one version."""

    own_context = True
    only_asks = True

    @extend_schema(
        operation_id="complete_upload", request=None, responses={200: UploadBody, 201: UploadBody, 202: UploadBody}
    )
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Make the path's next version of the parts. 202: it takes a while; get the upload until it is done."""
        upload = actions.complete_upload(actor=self.actor, upload_id=id)
        if upload.state == Upload.State.ASSEMBLING:
            return Response(upload_body(upload), status=202)
        return Response(upload_body(upload), status=201 if upload.created else 200)


class UploadPart(Endpoint):
    """One part, for whoever has its address. The address is all that is asked for."""

    public = True
    own_context = True
    parser_classes = ()  # nothing reads the body but the action

    @extend_schema(
        operation_id="put_upload_part",
        auth=[],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={204: None},
    )
    def put(self, request: Request, token: str) -> Response:
        """Take in one part. Use the address as it was given; a deployment on S3 gives addresses of S3 instead."""
        try:
            place = actions.open_part(token=token, origin=origin(self.plain))
        except NoSuchAddress as refusal:
            refuse_unknown(self.plain, refusal)
        if place.maker is not None:
            identify(self.plain, place.maker)
        body = transfer.body(self.plain)
        place.receive(body.length, body.chunks)
        return Response(status=204)


routes = [
    path("uploads", Uploads.as_view()),
    path("uploads/<uuid:id>", UploadItem.as_view()),
    path("uploads/<uuid:id>/parts", UploadParts.as_view()),
    path("uploads/<uuid:id>/complete", UploadCompletion.as_view()),
]
public_routes = [path("upload-parts/<str:token>", UploadPart.as_view())]
