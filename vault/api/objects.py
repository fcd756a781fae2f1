"""Objects over /v1: raw bytes in and out."""

from typing import Any

from django.http import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.authz.permissions import Permission
from hq.lib.errors import Invalid
from hq.lib.paths import clean_path
from hq.web import transfer
from hq.web.api import Endpoint, encode_cursor, page, page_arguments, read
from hq.web.request import may_still
from vault import actions, selectors
from vault.actions import Conditions
from vault.serializers import (
    DeletedList,
    EntryList,
    RestoreInput,
    VersionBody,
    VersionList,
    deleted_body,
    entry_body,
    version_body,
)

PATH = OpenApiParameter(
    "path", str, "path", description="Names joined by slashes; its slashes may be sent as they are."
)
PAGING = [OpenApiParameter("cursor", str), OpenApiParameter("limit", int, description="1 to 200, 50 when left out.")]
PRECONDITIONS = [
    OpenApiParameter("If-Match", str, "header", description="Entity tags, or `*`: only if one of these is there."),
    OpenApiParameter(
        "If-None-Match", str, "header", description="Entity tags, or `*`: only if none of these is there."
    ),
]
VERSION = OpenApiParameter("version", int, description="An older version; the current one when left out.")
DIGESTS = [
    OpenApiParameter(
        "Content-Digest", str, "header", description="`sha-256=:…:` (RFC 9530). Refused if it does not fit."
    ),
    OpenApiParameter("X-Content-SHA256", str, "header", description="The same in hex."),
]
BYTES = {(200, "application/octet-stream"): OpenApiTypes.BINARY, (206, "application/octet-stream"): OpenApiTypes.BINARY}


def conditions(request: Request) -> Conditions:
    """If-Match and If-None-Match. Raises Invalid."""
    return Conditions(transfer.if_match(request), transfer.if_none_match(request))


def version_number(request: Request) -> int | None:
    """`?version=`. Raises Invalid."""
    raw = request.query_params.get("version")
    if raw is None:
        return None
    if not (raw.isascii() and raw.isdigit() and 1 <= len(raw) <= 9 and int(raw) >= 1):
        raise Invalid(
            "version is a number from 1.", errors=[{"pointer": "/version", "detail": "Enter a number from 1."}]
        )
    return int(raw)


class ObjectItem(Endpoint):
    """One object. Bytes are streamed both ways, so it opens the tenant's context itself."""

    own_context = True
    own_conditions = True
    digest_is_checked = True
    parser_classes = ()  # nothing reads the body but the action

    @extend_schema(
        operation_id="get_object",
        parameters=[PATH, VERSION, *PRECONDITIONS, OpenApiParameter("Range", str, "header", description="One range.")],
        responses=BYTES,
    )
    def get(self, request: Request, path: str, **_: Any) -> HttpResponseBase:
        """Read an object, or the part of it that Range names."""
        opened = actions.open_object(actor=self.actor, path=path, version=version_number(request))
        still = may_still(self.plain, Permission.OBJECTS_READ, opened.version.path)
        response = transfer.download(request, opened.described, opened.read, still)
        response["X-HQ-Version"] = str(opened.version.number)
        return response

    @extend_schema(operation_id="head_object", parameters=[PATH, VERSION, *PRECONDITIONS], responses={200: None})
    def head(self, request: Request, path: str, **more: Any) -> HttpResponseBase:
        """What GET would say of an object, without its bytes."""
        return self.get(request, path, **more)

    @extend_schema(
        operation_id="put_object",
        parameters=[PATH, *PRECONDITIONS, *DIGESTS],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={200: VersionBody, 201: VersionBody},
    )
    def put(self, request: Request, path: str, **_: Any) -> Response:
        """Store the body as the path's current version; older ones stay. Content-Length is required."""
        body = transfer.body(request, may_still(self.plain, Permission.OBJECTS_WRITE, clean_path(path)))
        stored = actions.put_object(
            actor=self.actor,
            path=path,
            chunks=body.chunks,
            content_type=body.content_type,
            conditions=conditions(request),
            expected_size=body.length,
            expected_sha256=body.sha256,
        )
        headers = {"ETag": stored.version.etag, "X-HQ-Version": str(stored.version.number)}
        return Response(version_body(stored.version), status=201 if stored.created else 200, headers=headers)

    @extend_schema(operation_id="delete_object", parameters=[PATH, PRECONDITIONS[0]], responses={204: None})
    def delete(self, request: Request, path: str, **_: Any) -> Response:
        """Delete an object. Its versions stay, and it can be restored."""
        actions.delete_object(actor=self.actor, path=path, conditions=conditions(request))
        return Response(status=204)


class Objects(Endpoint):
    """The objects of an environment."""

    @extend_schema(
        operation_id="list_objects",
        parameters=[
            OpenApiParameter("prefix", str, description="What the paths begin with."),
            OpenApiParameter(
                "delimiter", str, enum=["/"], description="Show what lies deeper as folders; they come first."
            ),
            OpenApiParameter(
                "name",
                str,
                description="What names begin with, in capitals or not, in every folder below `prefix`. A page may be"
                " short and not the last.",
            ),
            *PAGING,
        ],
        responses=EntryList,
    )
    def get(self, request: Request, **_: Any) -> Response:
        """List objects by path, or find them by name."""
        after, limit = page_arguments(request)
        if "name" in request.query_params:
            return self._found(request, after, limit)
        delimiter = request.query_params.get("delimiter", "")
        if delimiter not in {"", "/"}:
            raise Invalid(
                "The delimiter is a slash.", errors=[{"pointer": "/delimiter", "detail": "Enter / or leave it out."}]
            )
        prefix = request.query_params.get("prefix", "")
        rows = selectors.list_objects(self.actor, prefix=prefix, folders=bool(delimiter), after=after, limit=limit)
        return page(rows, limit, entry_body, selectors.position)

    def _found(self, request: Request, after: str, limit: int) -> Response:
        asked = request.query_params
        folder = asked.get("prefix", "")
        if "delimiter" in asked or (folder and not folder.endswith("/")):
            raise Invalid(
                "A name is looked for in every folder below one.",
                errors=[{"pointer": "/prefix", "detail": "Enter a folder with its slash, and no delimiter."}],
            )
        found = selectors.search_objects(self.actor, asked["name"], folder=folder, after=after, limit=limit)
        items = [entry_body(version) for version in found.versions]
        return Response({"items": items, "next_cursor": encode_cursor(found.after) if found.after else None})


class ObjectMetadata(Endpoint):
    """What is known of an object without reading it: what programs ask most, so in as few steps as there can be."""

    own_context = True

    @extend_schema(
        operation_id="get_object_metadata",
        parameters=[OpenApiParameter("path", str, required=True), VERSION],
        responses=VersionBody,
    )
    def get(self, request: Request, **_: Any) -> Response:
        """Read what is known of an object: size, digest, type, who stored it and when."""
        path = request.query_params.get("path", "")
        found = selectors.get_object_at_once(self.actor, path, version=version_number(request))
        return Response(version_body(found), headers={"ETag": found.etag})


class ObjectVersions(Endpoint):
    """The history of a path."""

    @extend_schema(
        operation_id="list_object_versions",
        parameters=[OpenApiParameter("path", str, required=True), *PAGING],
        responses=VersionList,
    )
    def get(self, request: Request, **_: Any) -> Response:
        """List the versions of a path, newest first; of a deleted object too."""
        after, limit = page_arguments(request)
        if after and not (after.isascii() and after.isdigit() and len(after) <= 9):
            raise selectors.NotOurCursor
        path = request.query_params.get("path", "")
        rows = selectors.list_versions(self.actor, path, before=int(after) if after else None, limit=limit)
        return page(rows, limit, version_body, lambda version: str(version.number))


class DeletedObjects(Endpoint):
    """What was deleted and can be restored."""

    @extend_schema(operation_id="list_deleted_objects", parameters=PAGING, responses=DeletedList)
    def get(self, request: Request, **_: Any) -> Response:
        """List deleted objects, last deleted first."""
        after, limit = page_arguments(request)
        rows = selectors.list_deleted(self.actor, after=after, limit=limit)
        return page(rows, limit, deleted_body, selectors.position_of_deleted)


class ObjectRestores(Endpoint):
    """Bringing back."""

    @extend_schema(operation_id="restore_object", request=RestoreInput, responses={201: VersionBody})
    def post(self, request: Request, **_: Any) -> Response:
        """Bring back a deleted object, or an older version as a new one."""
        body = read(RestoreInput, request)
        version = actions.restore_object(actor=self.actor, path=body["path"], version=body.get("version"))
        return Response(version_body(version), status=201, headers={"ETag": version.etag})


routes = [
    path("objects", Objects.as_view()),
    path("objects/<path:path>", ObjectItem.as_view()),
    path("object-metadata", ObjectMetadata.as_view()),
    path("object-versions", ObjectVersions.as_view()),
    path("object-restores", ObjectRestores.as_view()),
    path("deleted-objects", DeletedObjects.as_view()),
]
