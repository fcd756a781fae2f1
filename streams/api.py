"""Streams over /v1: where the trail is sent, how far each is, and sending it again."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.web.api import Endpoint, page, page_arguments, read, uuid_cursor
from jobs.serializers import JobShape, shape
from streams import actions, selectors
from streams.models import Batch, Stream
from streams.serializers import (
    BatchList,
    MadeStreamBody,
    StreamBody,
    StreamChangeInput,
    StreamInput,
    StreamList,
    StreamPositionBody,
    StreamReplayInput,
)

PAGING = [OpenApiParameter("cursor", str), OpenApiParameter("limit", int, description="1 to 200, 50 when left out.")]


def stream_body(stream: Stream, lengths: Mapping[str, int]) -> dict[str, Any]:
    names = ("id", "name", "kind", "target", "state", "paused_at", "failing_since", "next_at", "sent_at", "created_at")
    positions = selectors.list_positions(stream)
    lag = selectors.lag_of(stream, positions, lengths)
    return {name: getattr(stream, name) for name in (*names, "changed_at")} | {
        "paused_reason": stream.paused_reason or None,
        "last_error": stream.said,
        "positions": [
            {"log": each.log, "acknowledged": each.acknowledged, "length": lengths.get(each.log, 0)}
            for each in positions
        ],
        "lag": {"entries": lag.entries, "seconds": lag.seconds},
    }


def batch_body(batch: Batch) -> dict[str, Any]:
    names = ("id", "first", "last", "at", "arrived", "milliseconds")
    told = {"log": batch.log or None, "error": batch.said, "bytes": batch.size}
    return {name: getattr(batch, name) for name in names} | told


def _told(stream: Stream) -> dict[str, Any]:
    return stream_body(stream, selectors.lengths_of(stream.organization_id, stream.environment_id))


class Streams(Endpoint):
    """Streams of an environment, newest first."""

    shown_once = frozenset({"signing_secret"})

    @extend_schema(operation_id="list_streams", responses=StreamList, parameters=PAGING)
    def get(self, request: Request, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        rows = selectors.list_streams(self.actor, before=uuid_cursor(cursor), limit=limit)
        lengths = selectors.lengths_of(rows[0].organization_id, rows[0].environment_id) if rows else {}
        return page(rows, limit, lambda row: stream_body(row, lengths), lambda row: str(row.id))

    @extend_schema(operation_id="create_stream", request=StreamInput, responses={201: MadeStreamBody})
    def post(self, request: Request, **_: Any) -> Response:
        """Have the trail sent to a target, at most 10 in an environment. Needs audit:read besides webhooks:manage."""
        made = actions.create_stream(actor=self.actor, **read(StreamInput, request))
        shown = {"signing_secret": made.secret or None, "public_key": made.public or None}
        return Response(_told(made.stream) | shown, status=201)


class StreamItem(Endpoint):
    """One stream."""

    @extend_schema(operation_id="get_stream", responses=StreamBody)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        return Response(_told(selectors.get_stream(self.actor, id)))

    @extend_schema(operation_id="change_stream", request=StreamChangeInput, responses=StreamBody)
    def patch(self, request: Request, id: UUID, **_: Any) -> Response:
        """What is left out stays. The next batch goes to the new target."""
        now = selectors.get_stream(self.actor, id, lock=True)
        asked: dict[str, Any] = {"name": now.name, "target": now.target, "secret": {}}
        asked |= {"logs": [each.log for each in selectors.list_positions(now)]} | read(StreamChangeInput, request)
        return Response(_told(actions.change_stream(actor=self.actor, stream_id=id, **asked)))

    @extend_schema(operation_id="remove_stream", responses={204: None})
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        """With its secret and its positions. What arrived stays where it is."""
        actions.remove_stream(actor=self.actor, stream_id=id)
        return Response(status=204)


class PauseStream(Endpoint):
    """Pausing a stream."""

    @extend_schema(operation_id="pause_stream", request=None, responses=StreamBody)
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Nothing is sent until it goes on; nothing is lost."""
        return Response(_told(actions.pause_stream(actor=self.actor, stream_id=id)))


class ResumeStream(Endpoint):
    """Letting a stream go on."""

    @extend_schema(operation_id="resume_stream", request=None, responses=StreamBody)
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Behind the last entry that arrived."""
        return Response(_told(actions.resume_stream(actor=self.actor, stream_id=id)))


class TestStream(Endpoint):
    """Trying a stream out."""

    @extend_schema(operation_id="test_stream", request=None, responses={202: JobShape})
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Send one message that says it is a test, once. What came of it stands among the batches."""
        return Response(shape(actions.test_stream(actor=self.actor, stream_id=id)), status=202)


class ReplayStream(Endpoint):
    """Sending a log again."""

    @extend_schema(operation_id="replay_stream", request=StreamReplayInput, responses=StreamPositionBody)
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """From an index or a time on, to the end. What is on its way may still arrive first."""
        position = actions.replay_stream(actor=self.actor, stream_id=id, **read(StreamReplayInput, request))
        lengths = selectors.lengths_of(position.organization_id, position.stream.environment_id)
        told = {"log": position.log, "acknowledged": position.acknowledged, "length": lengths.get(position.log, 0)}
        return Response(told)


class StreamBatches(Endpoint):
    """The last batches that were sent, newest first."""

    @extend_schema(operation_id="list_stream_batches", responses=BatchList, parameters=PAGING)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        rows = selectors.list_batches(self.actor, id, before=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, batch_body, lambda row: str(row.id))


routes = [
    path("audit/streams", Streams.as_view()),
    path("audit/streams/<uuid:id>", StreamItem.as_view()),
    path("audit/streams/<uuid:id>/pause", PauseStream.as_view()),
    path("audit/streams/<uuid:id>/resume", ResumeStream.as_view()),
    path("audit/streams/<uuid:id>/test", TestStream.as_view()),
    path("audit/streams/<uuid:id>/replay", ReplayStream.as_view()),
    path("audit/streams/<uuid:id>/batches", StreamBatches.as_view()),
]
