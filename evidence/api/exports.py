"""Exports of the trail over /v1: asked for, looked at, downloaded, removed (AUD-7)."""

from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.tags import Log
from evidence.actions import exports as actions
from evidence.actions.exports import Range
from evidence.selectors import exports as selectors
from evidence.selectors.exports import ListedExport
from hq.authz.permissions import Permission
from hq.web import transfer
from hq.web.api import Endpoint, Input, page, page_arguments, read, uuid_cursor
from hq.web.request import may_still

_FORMATS = ["jsonl", "csv"]
_PAGING = [OpenApiParameter("cursor", str), OpenApiParameter("limit", int, description="1 to 200, 50 when left out.")]


class TrailExportInput(Input):
    log = serializers.ChoiceField(choices=[log.value for log in Log])
    since = serializers.DateTimeField(required=False, allow_null=True, help_text="From this time on.")
    until = serializers.DateTimeField(required=False, allow_null=True, help_text="What happened then is left out.")
    format = serializers.ChoiceField(
        choices=_FORMATS, default="jsonl", help_text="`csv` adds a table for people; the lines are in it in any case."
    )


class TrailExportBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    log = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    format = serializers.CharField()
    state = serializers.ChoiceField(choices=["making", "ready", "empty", "failed"])
    first = serializers.IntegerField(allow_null=True, help_text="The index of its first entry.")
    last = serializers.IntegerField(allow_null=True)
    shredded = serializers.IntegerField(help_text="Entries whose detail can no longer be opened.")
    name = serializers.CharField()
    size = serializers.IntegerField()
    job_id = serializers.UUIDField(allow_null=True, help_text="Its progress: GET …/jobs/{id}.")
    requested_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    made_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField()


class TrailExportList(serializers.Serializer[Any]):
    items = TrailExportBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def export_body(listed: ListedExport) -> dict[str, Any]:
    export = listed.export
    plain = (
        "id log since until first last shredded name size job_id created_at made_at expires_at"  # as the row has them
    )
    return {name: getattr(export, name) for name in plain.split()} | {
        "format": _FORMATS[export.with_csv],
        "state": listed.state,
        "requested_by": export.requested_by_label,
    }


class TrailExports(Endpoint):
    """Exports of the trail."""

    @extend_schema(operation_id="list_trail_exports", parameters=_PAGING, responses=TrailExportList)
    def get(self, request: Request, **_: Any) -> Response:
        """Exports of the trail, newest first. Each is kept for 7 days."""
        cursor, limit = page_arguments(request)
        rows = selectors.list_trail_exports(self.actor, before=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, export_body, lambda listed: str(listed.export.pk))

    @extend_schema(operation_id="create_trail_export", request=TrailExportInput, responses={202: TrailExportBody})
    def post(self, request: Request, **_: Any) -> Response:
        """Export a range of a log, with a signed list and proofs. It is made in the background."""
        body = read(TrailExportInput, request)
        wish = Range(
            log=Log(body["log"]),
            since=body.get("since"),
            until=body.get("until"),
            with_csv=body["format"] == "csv",
        )
        export = actions.request_trail_export(actor=self.actor, wish=wish)
        return Response(export_body(ListedExport(export, None)), status=202)


class TrailExportItem(Endpoint):
    """One export of the trail."""

    @extend_schema(operation_id="get_trail_export", responses=TrailExportBody)
    def get(self, _request: Request, id: UUID, **_: Any) -> Response:
        """An export, and whether it is ready."""
        export = selectors.get_trail_export(self.actor, id)
        (listed,) = selectors.listed(self.actor.organization_id, [export])
        return Response(export_body(listed))

    @extend_schema(operation_id="remove_trail_export", responses={204: None})
    def delete(self, _request: Request, id: UUID, **_: Any) -> Response:
        """Take an export away, made or not."""
        actions.remove_trail_export(actor=self.actor, export_id=id)
        return Response(status=204)


class TrailExportFile(Endpoint):
    """The file of an export. Bytes are streamed, so it opens the tenant's context itself."""

    own_context = True

    @extend_schema(
        operation_id="download_trail_export",
        parameters=[OpenApiParameter("Range", str, "header", description="One range.")],
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def get(self, _request: Request, id: UUID, **_: Any) -> HttpResponseBase:
        """Download the ZIP, or a part of it. `bin/verify` checks it without HQ."""
        given = actions.open_trail_export(actor=self.actor, export_id=id)
        return transfer.download(
            self.plain, given.described, given.read, may_still(self.plain, Permission.AUDIT_READ, "")
        )


routes = [
    path("audit/exports", TrailExports.as_view()),
    path("audit/exports/<uuid:id>", TrailExportItem.as_view()),
    path("audit/exports/<uuid:id>/file", TrailExportFile.as_view()),
]
