"""Share links over /v1, for those who make them and for those who hold one."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.db.context import tenant
from hq.lib.errors import Unauthenticated
from hq.web import transfer
from hq.web.api import Endpoint, choice_argument, page, page_arguments, read, uuid_cursor
from hq.web.request import identify, origin
from sharing import actions, selectors
from sharing.actions import Recipient
from sharing.actions.links import MadeShare
from sharing.models import ShareAttempt, ShareLink, State
from sharing.serializers import (
    MadeShareBody,
    RedeemedBody,
    RedeemInput,
    SharedObjectBody,
    SharedObjectList,
    ShareInput,
    ShareLifeBody,
    ShareList,
)

_TOKEN = "hqs_AQGTr0x2…"
_ASKED = OpenApiExample(
    "Two files for a quarter of an hour",
    request_only=True,
    value={
        "paths": ["claims/2026-q3/register.parquet", "claims/2026-q3/method.md"],
        "permission": "read",
        "ttl_seconds": 900,
        "purpose": "Q3 claims for the audit",
    },
)
_MADE = OpenApiExample(
    "The link, shown once",
    response_only=True,
    value={
        "id": "019aa9a5-3c1e-7c3d-9f0a-2f6d1d1f4a10",
        "url": f"https://hq.example/s/{_TOKEN}",
        "token": _TOKEN,
        "expires_at": "2026-11-22T14:47:00Z",
        "permission": "read",
        "paths": ["claims/2026-q3/register.parquet", "claims/2026-q3/method.md"],
        "recipient": "",
        "links": [],
    },
)
_REDEEMED = OpenApiExample(
    "A session of 15 minutes",
    response_only=True,
    value={
        "session_token": "hqt_0Jq3…",
        "paths": ["claims/2026-q3/method.md"],
        "permission": "read",
        "expires_at": "2026-11-22T14:51:21Z",
    },
)
_RECIPIENT: Any = [{"shareSession": []}]  # drf-spectacular passes it on as it is
_PATH = OpenApiParameter("path", str, "path", description="One of the session's paths.")
_PRECONDITIONS = [OpenApiParameter(name, str, "header") for name in ("If-Match", "If-None-Match")]
_BYTES = {
    (200, "application/octet-stream"): OpenApiTypes.BINARY,
    (206, "application/octet-stream"): OpenApiTypes.BINARY,
}


def share_body(link: ShareLink) -> dict[str, Any]:
    """A link as integrators see it, without its token, which nobody has any more."""
    return {
        "id": link.id,
        "state": link.state.value,
        "permission": link.permission,
        "purpose": link.purpose,
        "recipient": link.recipient or "",
        "batch_id": link.batch_id,
        "password": bool(link.password_hash),
        "paths": [pin.path for pin in link.pins.all()],
        "created_at": link.created_at,
        "created_by": link.created_by_label,
        "expires_at": link.expires_at,
        "opened_at": link.opened_at,
        "opened_ip": link.opened_ip,
        "access_ends_at": link.access_ends_at,
        "revoked_at": link.revoked_at,
        "revoked_by": link.revoked_by_label,
    }


def attempt_body(attempt: ShareAttempt) -> dict[str, Any]:
    fields = ("at", "kind", "reason", "ip", "user_agent", "path", "size")
    return {name: getattr(attempt, name) for name in fields}


def _made_body(made: MadeShare) -> dict[str, Any]:
    return {
        "id": made.link.id,
        "url": made.url,
        "token": made.token,
        "expires_at": made.link.expires_at,
        "permission": made.link.permission,
        "paths": made.paths,
        "recipient": made.link.recipient or "",
    }


class Shares(Endpoint):
    """Share-session links of an environment (SHR-1)."""

    shown_once = frozenset({"links", "token", "url"})

    @extend_schema(
        operation_id="list_shares",
        responses=ShareList,
        parameters=[
            OpenApiParameter("state", str, enum=State.values),
            OpenApiParameter("cursor", str),
            OpenApiParameter("limit", int, description="1 to 200, 50 when left out."),
        ],
    )
    def get(self, request: Request, **_: Any) -> Response:
        """Newest first."""
        cursor, limit = page_arguments(request)
        state = choice_argument(request, "state", State.values)
        rows = selectors.list_shares(self.actor, state=state, before=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, share_body, lambda row: str(row.id))

    @extend_schema(
        operation_id="create_share", request=ShareInput, responses={201: MadeShareBody}, examples=[_ASKED, _MADE]
    )
    def post(self, request: Request, **_: Any) -> Response:
        """Make a link that opens once, or one for each recipient. You must be allowed yourself to do what it gives."""
        body = read(ShareInput, request)
        people = [Recipient(**one) for one in body.pop("recipients")]
        made = actions.create_shares(actor=self.actor, recipients=people, **body)
        links = [_made_body(one) for one in made]
        return Response({**links[0], "links": links}, status=201)


class ShareItem(Endpoint):
    """One share-session link and its life (SHR-5)."""

    @extend_schema(operation_id="get_share", responses=ShareLifeBody)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        link = selectors.get_share(self.actor, id)
        attempts = selectors.list_attempts(self.actor, id)
        return Response(share_body(link) | {"attempts": [attempt_body(attempt) for attempt in attempts]})

    @extend_schema(operation_id="revoke_share", responses={204: None})
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        """End it, and the session that came of it, at once."""
        actions.revoke_share(actor=self.actor, share_id=id)
        return Response(status=204)


class Redeem(Endpoint):
    """Opening a link. The token is all that is asked for."""

    public = True
    own_context = True

    @extend_schema(
        operation_id="redeem_share", request=RedeemInput, responses=RedeemedBody, auth=[], examples=[_REDEEMED]
    )
    def post(self, request: Request) -> Response:
        """Use the link up. Whatever stands in the way, the answer is the same 404; but a wrong password is told."""
        asked = read(RedeemInput, request)
        redeemed = actions.redeem_share(token=asked["token"], password=asked["password"], origin=origin(self.plain))
        identify(self.plain, redeemed.actor)
        answer = {
            "session_token": redeemed.session_token,
            "paths": redeemed.paths,
            "permission": redeemed.permission,
            "expires_at": redeemed.expires_at,
        }
        return Response(answer)


class Shared(Endpoint):
    """Base of what a recipient reaches with a session token: asked anew each time, so a revoked link stops at once."""

    public = True
    own_context = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("Send the session token that redeeming the link gave, as Authorization: Bearer.")
        actor = actions.open_session(session_token=token.strip(), origin=origin(self.plain))
        identify(self.plain, actor)

    def still(self) -> bool:
        """Asked while bytes are on their way."""
        return actions.still_given(self.actor)


class SharedObjects(Shared):
    """What a session gives."""

    @extend_schema(
        operation_id="list_shared_objects",
        responses=SharedObjectList,
        auth=_RECIPIENT,
        parameters=[
            OpenApiParameter("cursor", str),
            OpenApiParameter("limit", int, description="1 to 200 of what is below folders, 50 when left out."),
        ],
    )
    def get(self, request: Request) -> Response:
        """The chosen objects in their order, then what lies below the chosen folders, by path."""
        after, limit = page_arguments(request)
        with tenant(self.actor.organization_id):
            named = () if after else selectors.list_named(self.actor)
            below = selectors.list_below(self.actor, after=after, limit=limit)
        answer = page(below, limit, asdict, lambda file: file.path)
        answer.data["items"] = [*(asdict(file) for file in named), *answer.data["items"]]
        return answer


class SharedObject(Shared):
    """One object of a session. Bytes are streamed both ways."""

    own_conditions = True
    parser_classes = ()  # nothing reads the body but the action

    @extend_schema(
        operation_id="get_shared_object",
        parameters=[_PATH, *_PRECONDITIONS, OpenApiParameter("Range", str, "header", description="One range.")],
        responses=_BYTES,
        auth=_RECIPIENT,
    )
    def get(self, request: Request, path: str) -> HttpResponseBase:
        """Read it, or the part of it that Range names. Anything but the session's paths is not there."""
        opened = actions.open_shared(actor=self.actor, path=path)
        return transfer.download(request, opened.described, opened.read, self.still)

    @extend_schema(
        operation_id="head_shared_object", parameters=[_PATH, *_PRECONDITIONS], responses={200: None}, auth=_RECIPIENT
    )
    def head(self, request: Request, path: str) -> HttpResponseBase:
        """What GET would say of it, without its bytes."""
        return self.get(request, path)

    @extend_schema(
        operation_id="put_shared_object",
        parameters=[_PATH, *_PRECONDITIONS],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={200: SharedObjectBody, 201: SharedObjectBody},
        auth=_RECIPIENT,
    )
    def put(self, request: Request, path: str) -> Response:
        """Store the body as its current version, if the link gives writing. Content-Length is required."""
        stored = actions.put_shared(
            actor=self.actor,
            path=path,
            body=transfer.body(request, self.still),
            match=transfer.if_match(request),
            none_match=transfer.if_none_match(request),
        )
        version = stored.version
        answer = {"path": version.path, "size": version.size, "sha256": version.sha256}
        return Response(answer, status=201 if stored.created else 200, headers={"ETag": version.etag})
