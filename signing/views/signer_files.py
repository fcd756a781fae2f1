"""What a signer takes along: the document, and once it is sealed the bundle that proves it."""

from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.text import slugify

from hq.lib.errors import NotFound
from hq.web import transfer
from signing.actions import bundle, certificate, papers
from signing.actions.faults import NotSealed
from signing.models import Agreement
from signing.paper.render import render_text
from signing.paper.text import read_text
from signing.views.signer import Here, arrive, for_signers, note_seen, page

# Whatever it is, a browser saves it and runs nothing of it.
SAVED = {"Content-Security-Policy": transfer.SANDBOX, "X-Content-Type-Options": "nosniff"}


@for_signers("GET", "HEAD")
def document(request: HttpRequest, signer_id: UUID) -> HttpResponseBase:
    """The sealed PDF; before it is there, the document as it is to be signed."""
    here = _arrive(request, signer_id)
    agreement = here.agreement
    if agreement.final_id is not None:
        content = papers.read(agreement.organization_id, agreement.final_id)
    else:
        content = papers.read(agreement.organization_id, agreement.document_id)
        if agreement.source == Agreement.Source.TEXT:
            content = _blank(agreement, content)
    note_seen(request, here)
    return saved(content, f"{name_of(agreement)}.pdf", "application/pdf")


def saved(content: bytes, name: str, kind: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'} | SAVED
    return HttpResponse(content, headers=headers, content_type=kind)


def name_of(agreement: Agreement) -> str:
    """Of a file: letters that every system can keep."""
    return slugify(agreement.title)[:60] or f"agreement-{agreement.id}"


def _arrive(request: HttpRequest, signer_id: UUID) -> Here:
    """Raises LinkCannotBeOpened, NotFound for who has handed it on, or never saw it before it was over."""
    here = arrive(request, signer_id)
    if not here.may_keep:
        raise NotFound
    return here


def _blank(agreement: Agreement, content: bytes) -> bytes:
    """A text as a PDF, with nothing filled in."""
    return render_text(
        read_text(content.decode()),
        {},
        title=agreement.title,
        language=agreement.language,
        attachments={},
        certificate=None,
    )


@for_signers("GET", "HEAD")
def bundle_file(request: HttpRequest, signer_id: UUID) -> HttpResponseBase:
    """Everything by which the agreement can be checked without HQ. Raises NotSealed."""
    agreement = _arrive(request, signer_id).agreement
    return saved(bundle.bundle_of(agreement), bundle.name_of(agreement), "application/zip")


@for_signers("GET", "HEAD")
def certificate_page(request: HttpRequest, signer_id: UUID) -> HttpResponseBase:
    """How it was signed, in words; the same certificate that stands in the sealed PDF. Raises NotSealed."""
    here = _arrive(request, signer_id)
    if here.agreement.final_id is None:
        raise NotSealed
    told = certificate.told(orjson.loads(bundle.certificate_json(here.agreement)))
    context = {"owner": here.owner, "organization_id": here.agreement.organization_id}
    return page(request, "certificate", context | {"certificate": told, "signer": here.signer})


@for_signers("GET", "HEAD")
def certificate_file(request: HttpRequest, signer_id: UUID) -> HttpResponseBase:
    """The certificate as JSON (RFC 8785). Raises NotSealed."""
    agreement = _arrive(request, signer_id).agreement
    if agreement.final_id is None:
        raise NotSealed
    return saved(bundle.certificate_json(agreement), f"certificate-{agreement.id}.json", "application/json")
