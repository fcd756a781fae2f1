"""Upload requests over /v1, for those who make them, and the sharing rules, for those who are bound by them.

Whoever sends needs no API: PUT below the address of the request stores a file.
"""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.web.api import Endpoint, choice_argument, page, page_arguments, read, uuid_cursor
from sharing import actions, selectors
from sharing.models import RequestState, SharingRule, UploadAttempt, UploadRequest
from sharing.serializers import (
    MadeRequestBody,
    SharingRuleList,
    UploadRequestInput,
    UploadRequestLife,
    UploadRequestList,
)

_ASKED = OpenApiExample(
    "Up to five PDFs within a day",
    request_only=True,
    value={
        "folder": "inbox/claims/",
        "purpose": "Your invoices for Q3",
        "ttl_seconds": 86400,
        "files_most": 5,
        "file_size_most": 10_000_000,
        "size_most": 50_000_000,
        "types": ["pdf"],
    },
)
_SAME = ("id", "folder", "purpose", "files", "size", "files_most", "file_size_most", "size_most", "types")
_TIMES = ("created_at", "expires_at", "closed_at")
_TRIED = ("at", "kind", "reason", "ip", "user_agent", "path", "size", "sha256")
_RULE = ("group_id", "longest_seconds", "password_required", "domains", "write_allowed", "requests_allowed")


def request_body(row: UploadRequest) -> dict[str, Any]:
    """A request as integrators see it, without its address, which nobody has any more."""
    return {name: getattr(row, name) for name in (*_SAME, *_TIMES)} | {
        "state": row.state.value,
        "created_by": row.created_by_label,
        "closed_by": row.closed_by_label,
    }


def upload_body(upload: UploadAttempt) -> dict[str, Any]:
    return {name: getattr(upload, name) for name in _TRIED}


def rule_body(rule: SharingRule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in _RULE}


class UploadRequests(Endpoint):
    """Addresses at which strangers send files into a folder."""

    shown_once = frozenset({"url"})

    @extend_schema(
        operation_id="list_upload_requests",
        responses=UploadRequestList,
        parameters=[
            OpenApiParameter("state", str, enum=RequestState.values),
            OpenApiParameter("cursor", str),
            OpenApiParameter("limit", int, description="1 to 200, 50 when left out."),
        ],
    )
    def get(self, request: Request, **_: Any) -> Response:
        """Newest first."""
        cursor, limit = page_arguments(request)
        state = choice_argument(request, "state", RequestState.values)
        rows = selectors.list_requests(self.actor, state=state, before=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, request_body, lambda row: str(row.id))

    @extend_schema(
        operation_id="create_upload_request",
        request=UploadRequestInput,
        responses={201: MadeRequestBody},
        examples=[_ASKED],
    )
    def post(self, request: Request, **_: Any) -> Response:
        """Ask for files. You must be allowed yourself to share and to write in the folder."""
        body = read(UploadRequestInput, request)
        limits = actions.Limits(
            body.pop("files_most"), body.pop("file_size_most"), body.pop("size_most"), tuple(body.pop("types"))
        )
        made = actions.create_request(actor=self.actor, limits=limits, **body)
        return Response({**request_body(made.request), "url": made.url}, status=201)


class UploadRequestItem(Endpoint):
    """One upload request and its life."""

    @extend_schema(operation_id="get_upload_request", responses=UploadRequestLife)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        row = selectors.get_request(self.actor, id)
        uploads = selectors.list_uploads(self.actor, id)
        return Response(request_body(row) | {"uploads": [upload_body(upload) for upload in uploads]})

    @extend_schema(operation_id="close_upload_request", responses={204: None})
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        """Take nothing more, at once. What came stays."""
        actions.close_request(actor=self.actor, request_id=id)
        return Response(status=204)


class SharingRules(Endpoint):
    """What members may share at most. People change these rules in the portal; no key does."""

    @extend_schema(operation_id="list_sharing_rules", responses=SharingRuleList)
    def get(self, request: Request, **_: Any) -> Response:
        """The rule for everybody, then those of groups, which stand in its place for who is in them."""
        rules = selectors.list_rules(self.actor)
        return Response({"items": [rule_body(rule) for rule in rules], "next_cursor": None})
