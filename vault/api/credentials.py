"""Storage credentials over /v1: for programs that speak S3 (VLT-4)."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import path
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hq.web.api import Endpoint, Input, page, page_arguments, read, uuid_cursor
from vault import actions, selectors
from vault.actions.credentials import DEFAULT, LONGEST, MOST_PATHS, SHORTEST
from vault.models import StorageCredential

LEVELS = StorageCredential.Level.values
_ASKED = OpenApiExample(
    "A folder for an hour",
    request_only=True,
    value={"paths": ["claims/2026/"], "permission": "read", "ttl_seconds": 3600},
)


class CredentialsInput(Input):
    paths = serializers.ListField(
        child=serializers.CharField(max_length=4096, allow_blank=True, trim_whitespace=False),
        min_length=1,
        max_length=MOST_PATHS,
        help_text='A folder ends with a slash and gives what lies below it. "" is everything that you reach.',
    )
    permission = serializers.ChoiceField(
        choices=LEVELS, default="read", help_text="`write` reads, and deletes, too, where you may."
    )
    ttl_seconds = serializers.IntegerField(
        default=DEFAULT,
        min_value=SHORTEST,
        max_value=LONGEST,
        help_text="How long they live: 900 to 43200, 3600 when left out.",
    )


class CredentialsBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    access_key_id = serializers.CharField()
    bucket = serializers.CharField(help_text="What the environment is called at the endpoint.")
    paths = serializers.ListField(child=serializers.CharField())
    permission = serializers.ChoiceField(choices=LEVELS)
    issued_to = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class IssuedCredentialsBody(CredentialsBody):
    secret_access_key = serializers.CharField(help_text="Shown once.")
    session_token = serializers.CharField(help_text="Shown once. Each request carries it.")
    endpoint = serializers.URLField(help_text="S3's `endpoint_url`. Buckets stand in the path.")
    region = serializers.CharField()


class DirectWayBody(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Of the storage credentials.")
    endpoint = serializers.URLField(help_text="S3's own `endpoint_url`.")
    region = serializers.CharField()
    bucket = serializers.CharField()
    prefix = serializers.CharField(help_text="Put a file for `a/b` at this and `a/b`.")
    paths = serializers.ListField(child=serializers.CharField(), help_text="What may stand behind the prefix.")
    access_key_id = serializers.CharField()
    secret_access_key = serializers.CharField(help_text="Shown once.")
    session_token = serializers.CharField(help_text="Shown once. Each request carries it.")
    expires_at = serializers.DateTimeField(help_text="It may be earlier than that of the storage credentials.")


class CredentialsList(serializers.Serializer[Any]):
    items = CredentialsBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def credentials_body(row: StorageCredential) -> dict[str, Any]:
    """Credentials as integrators see them, without what signs: nobody is shown that again."""
    return {
        "id": row.id,
        "access_key_id": row.access_key,
        "bucket": selectors.bucket_name_of(row),
        "paths": row.paths,
        "permission": row.permission,
        "issued_to": row.label,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "last_used_at": row.last_used_at,
    }


class Credentials(Endpoint):
    """Storage credentials of an environment."""

    shown_once = frozenset({"secret_access_key", "session_token"})

    @extend_schema(
        operation_id="list_storage_credentials",
        responses=CredentialsList,
        parameters=[
            OpenApiParameter("cursor", str),
            OpenApiParameter("limit", int, description="1 to 200, 50 when left out."),
        ],
    )
    def get(self, request: Request, **_: Any) -> Response:
        """List live credentials, newest first: your own, or all of them if you see API keys."""
        cursor, limit = page_arguments(request)
        rows = selectors.list_credentials(self.actor, before=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, credentials_body, lambda row: str(row.id))

    @extend_schema(
        operation_id="issue_storage_credentials",
        request=CredentialsInput,
        responses={201: IssuedCredentialsBody},
        examples=[_ASKED],
    )
    def post(self, request: Request, **_: Any) -> Response:
        """Get credentials for paths that you reach yourself. They end with their time, or with your right."""
        issued = actions.issue_credentials(actor=self.actor, **read(CredentialsInput, request))
        body = credentials_body(issued.row) | {
            "secret_access_key": issued.secret,
            "session_token": issued.session_token,
            "endpoint": issued.endpoint,
            "region": settings.REGION,
        }
        return Response(body, status=201)


class CredentialsItem(Endpoint):
    """Some storage credentials."""

    @extend_schema(operation_id="get_storage_credentials", responses=CredentialsBody)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        """Read what is known of credentials, ended ones too, until a day after their end."""
        return Response(credentials_body(selectors.get_credentials(self.actor, id)))

    @extend_schema(operation_id="revoke_storage_credentials", responses={204: None})
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        """End them now: your own, or anybody's if you may revoke API keys."""
        actions.revoke_credentials(actor=self.actor, credentials_id=id)
        return Response(status=204)


class CredentialsDirect(Endpoint):
    """The direct way into S3, where this HQ keeps files there and has a role to lend."""

    own_context = True

    @extend_schema(operation_id="open_direct_way", request=None, responses={201: DirectWayBody})
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Get a session of AWS STS that puts files into the landing area of your credentials, and nothing else.

        HQ takes in what lands there within about half a minute, by the same rules as any other file, or tells the
        trail why not. Reading goes by HQ's own S3 address, with the storage credentials themselves.
        """
        way = actions.open_direct_way(actor=self.actor, credentials_id=id)
        body = {
            "id": way.row.id,
            "endpoint": way.session.endpoint,
            "region": way.session.region,
            "bucket": way.bucket,
            "prefix": way.prefix,
            "paths": way.row.paths,
            "access_key_id": way.session.access_key,
            "secret_access_key": way.session.secret,
            "session_token": way.session.session_token,
            "expires_at": way.session.expires_at,
        }
        return Response(body, status=201)


routes = [
    path("credentials/<uuid:id>/direct", CredentialsDirect.as_view()),
    path("credentials", Credentials.as_view()),
    path("credentials/<uuid:id>", CredentialsItem.as_view()),
]
