"""The documents of an agreement over /v1: as it was sent, as it was sealed, and what proves it.

Bytes are streamed, so each opens the tenant's context itself.
"""

from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.errors import Invalid, PayloadTooLarge
from hq.web import transfer
from hq.web.api import Endpoint
from hq.web.request import may_still
from hq.web.transfer import Described, UnsupportedBody
from signing import selectors
from signing.actions import bundle, drafts, papers
from signing.actions.faults import NotSealed
from signing.api.bodies import detail_body
from signing.models import Agreement, Paper
from signing.models.agreements import BYTES_MOST
from signing.serializers import AgreementDetailBody

PDF, MARKDOWN, ZIP, JSON = "application/pdf", "text/markdown", "application/zip", "application/json"
_SOURCES = {PDF: Agreement.Source.PDF.value, MARKDOWN: Agreement.Source.TEXT.value}
_RANGE = OpenApiParameter("Range", str, "header", description="One range.")
_DIGESTS = [
    OpenApiParameter(
        "Content-Digest", str, "header", description="`sha-256=:…:` (RFC 9530). Refused if it does not fit."
    ),
    OpenApiParameter("X-Content-SHA256", str, "header", description="The same in hex."),
]


class _Whole:
    """What is at hand, as pieces of a body."""

    def __init__(self, content: bytes, start: int, stop: int) -> None:
        self._content = content[start:stop]

    def __iter__(self) -> Iterator[bytes]:
        return iter((self._content,))

    def close(self) -> None:
        """Nothing is open."""


class _File(Endpoint):
    """Base of what is streamed."""

    own_context = True
    own_conditions = True

    def find(self, id: UUID, permission: Permission = Permission.SHARES_READ) -> Agreement:
        with tenant(self.actor.organization_id):
            return selectors.get_agreement(self.actor, id, permission=permission)

    def paper(self, paper: Paper, name: str, kind: str) -> HttpResponseBase:
        """A document from the store."""
        what = Described(name, paper.size, paper.sha256, kind)
        read = partial(papers.pieces, paper.organization_id, paper.id)
        return transfer.download(self.plain, what, read, may_still(self.plain, Permission.SHARES_READ, ""))

    def whole(self, content: bytes, name: str, kind: str) -> HttpResponseBase:
        """What was put together just now."""
        what = Described(name, len(content), sha256(content).hexdigest(), kind)
        return transfer.download(self.plain, what, partial(_Whole, content))


class Document(_File):
    """The document as it is sent."""

    digest_is_checked = True
    parser_classes = ()  # nothing reads the body but this

    @extend_schema(
        operation_id="get_agreement_document",
        parameters=[_RANGE],
        responses={(200, PDF): OpenApiTypes.BINARY, (200, MARKDOWN): OpenApiTypes.BINARY},
    )
    def get(self, _request: Request, id: UUID, **_: Any) -> HttpResponseBase:
        """The PDF or the Markdown, without anything that was filled in."""
        found = self.find(id)
        kind = PDF if found.source == Agreement.Source.PDF else f"{MARKDOWN}; charset=utf-8"
        return self.paper(found.document, bundle.original_name(found), kind)

    @extend_schema(
        operation_id="replace_agreement_document",
        parameters=_DIGESTS,
        request={PDF: OpenApiTypes.BINARY, MARKDOWN: OpenApiTypes.BINARY},
        responses=AgreementDetailBody,
    )
    def put(self, _request: Request, id: UUID, **_: Any) -> Response:
        """Put another document into a draft: its next version. Its fields go. Content-Length is required."""
        self.find(id, Permission.SHARES_CREATE)
        body = transfer.body(self.plain, may_still(self.plain, Permission.SHARES_CREATE, ""))
        source = _SOURCES.get(body.content_type.partition(";")[0].strip().lower())
        if source is None:
            raise UnsupportedBody("Send a document as application/pdf or as text/markdown.")
        if body.length > BYTES_MOST:
            raise PayloadTooLarge
        content = b"".join(body.chunks)
        if body.sha256 not in {None, sha256(content).hexdigest()}:
            raise Invalid("The digest that was announced does not fit what arrived. Nothing was kept.")
        changed = drafts.replace_document(actor=self.actor, agreement_id=id, source=source, content=content)
        with tenant(self.actor.organization_id):
            return Response(detail_body(changed))


class Sealed(_File):
    """The sealed PDF."""

    reads_in_time = True

    @extend_schema(
        operation_id="get_sealed_agreement", parameters=[_RANGE], responses={(200, PDF): OpenApiTypes.BINARY}
    )
    def get(self, _request: Request, id: UUID, **_: Any) -> HttpResponseBase:
        """The document with everything that was filled in, its certificate and its evidence, under the seal."""
        found = self.find(id)
        if found.final is None:
            raise NotSealed
        return self.paper(found.final, f"agreement-{id}.pdf", PDF)


class Certificate(_File):
    """The certificate of completion."""

    @extend_schema(operation_id="get_agreement_certificate", responses={(200, JSON): OpenApiTypes.OBJECT})
    def get(self, _request: Request, id: UUID, **_: Any) -> HttpResponseBase:
        """Who did what, when and how, and how to compute every hash again. Before the seal: what there is so far."""
        return self.whole(bundle.certificate_json(self.find(id)), f"certificate-{id}.json", JSON)


class Bundle(_File):
    """Everything by which an outsider checks it."""

    reads_in_time = True

    @extend_schema(operation_id="get_agreement_bundle", responses={(200, ZIP): OpenApiTypes.BINARY})
    def get(self, _request: Request, id: UUID, **_: Any) -> HttpResponseBase:
        """The sealed PDF, the chain, the words that were agreed to, and proofs: `bin/verify` checks it without HQ."""
        found = self.find(id)
        return self.whole(bundle.bundle_of(found), bundle.name_of(found), ZIP)


routes = [
    path("agreements/<uuid:id>/document", Document.as_view()),
    path("agreements/<uuid:id>/pdf", Sealed.as_view()),
    path("agreements/<uuid:id>/certificate", Certificate.as_view()),
    path("agreements/<uuid:id>/bundle", Bundle.as_view()),
]
