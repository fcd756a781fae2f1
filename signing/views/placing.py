"""The document of a template, and where on its pages who fills in what."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.errors import Invalid
from hq.web.portal import own_context, tell, to
from hq.web.request import TenantRequest
from signing.actions import papers, templates
from signing.models import Agreement, Signer
from signing.views import sheets
from signing.views.board import Board, Part, context_of, placed_on
from signing.views.portal import as_file


def template_fields(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Fields of a template's PDF. What was made of it before keeps those that it has."""
    row = templates.get_template(request.actor, id, permission=Permission.SHARES_CREATE)
    if row.source == Agreement.Source.TEXT:
        raise Invalid("The markers in the text say where its fields are.")
    roles = enumerate(row.plan["roles"], 1)
    board = Board(
        original=reverse("signing:template_original", kwargs={**where, "id": id}),
        pages=row.document.pages,
        parts=[Part(number, one["role"]) for number, one in roles if one["kind"] == Signer.Kind.SIGNER],
        placed=[sheets.place_row(place) for place in templates.places_in(row)],
    )
    faults = placed_on(
        board, request, lambda places: templates.replace_fields(actor=request.actor, template_id=id, places=places)
    )
    if faults is None:
        tell(request, "Fields changed. What was made of it before stays as it is.", where)
        return to("signing:template", where, id=id)
    context = {"template": row, **context_of(board, faults)}
    return render(request, "signing/template_fields.html", context, status=400 if context["wrong"] else 200)


@require_safe
@own_context
def template_original(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """The document of a template."""
    organization_id = request.actor.organization_id
    with tenant(organization_id):
        row = templates.get_template(request.actor, id)
        name, is_pdf = row.name, row.source == Agreement.Source.PDF
    kind, ending = ("application/pdf", "pdf") if is_pdf else ("text/markdown; charset=utf-8", "md")
    return as_file(papers.read(organization_id, row.document_id), kind, f"{name}.{ending}")
