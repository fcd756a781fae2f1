"""One template to many people over /v1: a table is read and answered row by row, and goes out when that is asked."""

from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hq.web.api import Endpoint, page, page_arguments, read, uuid_cursor
from signing.actions import bulk
from signing.actions.tables import BYTES_MOST
from signing.api.agreements import PAGING
from signing.models import Batch
from signing.serializers import AgreementBatchBody, TableInput

_BATCH = "id template_id name state total sent created_at ended_at reason"
_ROW = "line title values problem"
_TABLE = OpenApiExample(
    "Two people, and what stands for a variable",
    request_only=True,
    value={"table": "name,email,company\nKim Ferro,kim@ferro.example,Ferro Ltd\nAda Holm,ada@holm.example,Holm\n"},
)


class AgreementBatchLine(AgreementBatchBody):
    rows = None  # type: ignore[assignment]  # how DRF leaves out a member


class AgreementBatchList(serializers.Serializer[Any]):
    items = AgreementBatchLine(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def line_body(batch: Batch) -> dict[str, Any]:
    return {name: getattr(batch, name) for name in _BATCH.split()} | {"created_by": batch.created_by_label}


def batch_body(batch: Batch) -> dict[str, Any]:
    """With its rows; which of them has become an agreement is told by how far it is."""
    return line_body(batch) | {
        "rows": [_row(row, done=number <= batch.reached) for number, row in enumerate(batch.rows, 1)],
    }


def _row(row: dict[str, Any], *, done: bool) -> dict[str, Any]:
    return {name: row[name] for name in _ROW.split()} | {
        "people": [{"name": name, "email": email} for name, email in row["people"]],
        "agreement_id": row["id"] if done and not row["problem"] else None,
    }


class Tables(Endpoint):
    """Tables for a template."""

    # Escapes of JSON make much of a table, so it may be larger than what is kept of a request at hand.
    own_context = True
    acts_last = True
    most_json_bytes = 6 * BYTES_MOST + 1_000

    @extend_schema(
        operation_id="check_agreement_table", request=TableInput, responses={201: AgreementBatchBody}, examples=[_TABLE]
    )
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Read a table for a template, in the place of one that you have not sent. Each row is told with its fault.

        Nothing is sent. Its columns are `columns` of the template, in any order, and `title` if you like.
        """
        table = read(TableInput, request)["table"].encode()
        return self.act(
            lambda: Response(batch_body(bulk.check_table(actor=self.actor, template_id=id, content=table)), status=201)
        )


class Batches(Endpoint):
    """Tables that were sent."""

    @extend_schema(operation_id="list_agreement_batches", parameters=PAGING, responses=AgreementBatchList)
    def get(self, request: Request, **_: Any) -> Response:
        """Newest first: your own that were sent, with `audit:read` everybody's. How far each is, without its rows."""
        cursor, limit = page_arguments(request)
        rows = bulk.list_batches(self.actor, before=uuid_cursor(cursor), limit=limit + 1)
        return page(rows, limit, line_body, lambda row: str(row.id))


class BatchItem(Endpoint):
    """One table."""

    @extend_schema(operation_id="get_agreement_batch", responses=AgreementBatchBody)
    def get(self, _request: Request, id: UUID, **_: Any) -> Response:
        """What was found in it, and how far it is sent. Once it is over, who it was stands in its agreements alone."""
        return Response(batch_body(bulk.get_batch(self.actor, id)))


class SendBatch(Endpoint):
    """Sending it."""

    @extend_schema(operation_id="send_agreement_batch", request=None, responses=AgreementBatchBody)
    def post(self, _request: Request, id: UUID, **_: Any) -> Response:
        """Send one agreement for each row without a problem, in the background and each once."""
        return Response(batch_body(bulk.send_batch(actor=self.actor, batch_id=id)))


class StopBatch(Endpoint):
    """Stopping it."""

    @extend_schema(operation_id="stop_agreement_batch", request=None, responses=AgreementBatchBody)
    def post(self, _request: Request, id: UUID, **_: Any) -> Response:
        """Send nothing more of it. What went out stays out: withdraw each of these by itself."""
        return Response(batch_body(bulk.stop_batch(actor=self.actor, batch_id=id)))


routes = [
    path("agreement-templates/<uuid:id>/tables", Tables.as_view()),
    path("agreement-batches", Batches.as_view()),
    path("agreement-batches/<uuid:id>", BatchItem.as_view()),
    path("agreement-batches/<uuid:id>/send", SendBatch.as_view()),
    path("agreement-batches/<uuid:id>/stop", StopBatch.as_view()),
]
