"""Preparing agreements over /v1: made, looked at, changed, removed."""

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.web.api import Endpoint, choice_argument, page, page_arguments, read, uuid_argument, uuid_cursor
from signing import selectors
from signing.actions import drafts, sending
from signing.actions.drafts import Person, Place, Wish
from signing.actions.faults import fault
from signing.api.bodies import agreement_body, detail_body
from signing.models import Agreement
from signing.selectors import Wanted
from signing.serializers import (
    BASE64_MOST,
    AgreementBody,
    AgreementChange,
    AgreementDetailBody,
    AgreementInput,
    AgreementList,
    FieldsInput,
    SignersInput,
)

PAGING = [OpenApiParameter("cursor", str), OpenApiParameter("limit", int, description="1 to 200, 50 when left out.")]
_BODY_MOST = BASE64_MOST + 1_000_000
_WISHES = ("title", "message", "days", "remind_every", "may_delegate")
_WRITTEN = OpenApiExample(
    "A text, with its fields in it",
    request_only=True,
    value={
        "title": "Mutual non-disclosure",
        "text": "# Mutual non-disclosure\n\nEach party keeps it to itself.\n\n[[signature:1]] [[signature:2]]\n",
        "message": "As we said on Monday.",
        "days": 14,
        "remind_every": 3,
    },
)
_ASKED = OpenApiExample(
    "First one side, then the other",
    request_only=True,
    value={
        "signers": [
            {"name": "Ines Sommer", "email": "ines@alderpeak.example", "turn": 1},
            {"name": "Kim Ferro", "email": "kim@ferro.example", "turn": 2, "method": "passkey"},
        ]
    },
)
_PLACED = OpenApiExample(
    "Where the first one signs",
    request_only=True,
    value={
        "fields": [
            {"signer": 1, "kind": "signature", "page": 1, "x": 100000, "y": 800000, "width": 300000, "height": 60000}
        ]
    },
)


class AgreementLine(AgreementBody):
    asked = serializers.IntegerField(help_text="How many are to sign or approve it.")
    signed = serializers.IntegerField(help_text="How many of them have.")


class AgreementLines(AgreementList):
    items = AgreementLine(many=True)


class Agreements(Endpoint):
    """Agreements of an environment. A document is sealed into the store before there is a row."""

    own_context = True
    acts_last = True
    most_json_bytes = _BODY_MOST

    @extend_schema(
        operation_id="list_agreements",
        parameters=[
            OpenApiParameter("state", str, enum=Agreement.State.values),
            OpenApiParameter("whose", str, enum=["mine"], description="Your own alone, where you see everybody's."),
            OpenApiParameter("template_id", UUID, description="What came of this template."),
            *PAGING,
        ],
        responses=AgreementLines,
    )
    def get(self, request: Request, **_: Any) -> Response:
        """Newest first: your own, and with `audit:read` everybody's."""
        cursor, limit = page_arguments(request)
        wanted = Wanted(
            state=choice_argument(request, "state", Agreement.State.values),
            template_id=uuid_argument(request, "template_id"),
            own=choice_argument(request, "whose", ["mine"]) != "",
        )
        with tenant(self.actor.organization_id):
            rows = selectors.list_agreements(self.actor, wanted=wanted, before=uuid_cursor(cursor), limit=limit + 1)
            counts = selectors.count_progress(self.actor, [row.id for row in rows])
            return page(rows, limit, lambda row: _line_body(row, counts.get(row.id, (0, 0))), lambda row: str(row.id))

    @extend_schema(
        operation_id="create_agreement", request=AgreementInput, responses={201: AgreementBody}, examples=[_WRITTEN]
    )
    def post(self, request: Request, **_: Any) -> Response:
        """Make a draft of a text or of a PDF. Nobody is written to before it is sent."""
        body = read(AgreementInput, request)
        source, content = _document(body.pop("text", None), body.pop("pdf", None))
        ready = drafts.prepare_agreement(actor=self.actor, wish=Wish(**body), source=source, content=content)
        return self.act(lambda: Response(agreement_body(drafts.insert_prepared(self.actor, ready)), status=201))


class AgreementItem(Endpoint):
    """One agreement."""

    @extend_schema(operation_id="get_agreement", responses=AgreementDetailBody)
    def get(self, _request: Request, id: UUID, **_: Any) -> Response:
        """An agreement: how far each signer is, where its fields are, and everything that was done."""
        return Response(detail_body(selectors.get_agreement(self.actor, id)))

    @extend_schema(operation_id="change_agreement", request=AgreementChange, responses=AgreementDetailBody)
    def patch(self, request: Request, id: UUID, **_: Any) -> Response:
        """Another title, message, life or rule. Only while it is a draft."""
        body = read(AgreementChange, request)
        now = drafts.lock_draft(self.actor, id)
        wish = Wish(**{name: getattr(now, name) for name in _WISHES} | body)
        return Response(detail_body(drafts.change_agreement(actor=self.actor, agreement_id=id, wish=wish)))

    @extend_schema(operation_id="remove_agreement", responses={204: None})
    def delete(self, _request: Request, id: UUID, **_: Any) -> Response:
        """Remove a draft, or one that is over, with its documents. The trail keeps their hashes."""
        sending.remove_agreement(actor=self.actor, agreement_id=id)
        return Response(status=204)


class Signers(Endpoint):
    """Who signs, approves and sees it."""

    @extend_schema(
        operation_id="set_agreement_signers", request=SignersInput, responses=AgreementDetailBody, examples=[_ASKED]
    )
    def put(self, request: Request, id: UUID, **_: Any) -> Response:
        """Say who signs it, in the place of whoever was named. Fields stay with their position."""
        people = [Person(**one) for one in read(SignersInput, request)["signers"]]
        drafts.set_signers(actor=self.actor, agreement_id=id, people=people)
        return Response(detail_body(selectors.get_agreement(self.actor, id, permission=Permission.SHARES_CREATE)))


class Fields(Endpoint):
    """Where what is filled in."""

    @extend_schema(
        operation_id="set_agreement_fields", request=FieldsInput, responses=AgreementDetailBody, examples=[_PLACED]
    )
    def put(self, request: Request, id: UUID, **_: Any) -> Response:
        """Place the fields of a PDF, in the place of all there were. In a text its markers say where they are."""
        places = [Place(**one) for one in read(FieldsInput, request)["fields"]]
        drafts.set_fields(actor=self.actor, agreement_id=id, places=places)
        return Response(detail_body(selectors.get_agreement(self.actor, id, permission=Permission.SHARES_CREATE)))


def _line_body(agreement: Agreement, counted: tuple[int, int]) -> dict[str, Any]:
    signed, asked = counted
    return agreement_body(agreement) | {"asked": asked, "signed": signed}


def _document(text: str | None, pdf: str | None) -> tuple[str, bytes]:
    """What it is, and its bytes. Raises CannotBeSigned."""
    if (text is None) == (pdf is None):
        raise fault("/text", "Send the document as text or as pdf, one of the two.")
    if pdf is None:
        return Agreement.Source.TEXT.value, (text or "").encode()
    try:
        return Agreement.Source.PDF.value, b64decode(pdf, validate=True)
    except (Base64Error, ValueError):
        raise fault("/pdf", "This is not base64.") from None


routes = [
    path("agreements", Agreements.as_view()),
    path("agreements/<uuid:id>", AgreementItem.as_view()),
    path("agreements/<uuid:id>/signers", Signers.as_view()),
    path("agreements/<uuid:id>/fields", Fields.as_view()),
]
