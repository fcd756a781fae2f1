"""Agreements, as those who send them see them: the list, one that is out or over, and its files."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.errors import Invalid
from hq.web.portal import own_context, to
from hq.web.request import TenantRequest
from hq.web.transfer import SANDBOX
from signing import selectors
from signing.actions import bundle, papers
from signing.actions.faults import NotSealed
from signing.actions.templates import list_templates
from signing.models import Agreement
from signing.views import telling

PAGE = 50
STATES = [(state.value, state.label.lower()) for state in Agreement.State]
WHOSE = [("mine", "mine")]
OFTEN = 5  # seconds between two looks while somebody may sign


def cursor(raw: str) -> UUID | None:
    """From an address. Raises Invalid."""
    try:
        return UUID(raw) if raw else None
    except ValueError:
        raise Invalid("The address of this page is not one of ours.") from None


def agreement_list(request: TenantRequest, **where: str) -> HttpResponse:
    """Every agreement that one may see, newest first; the filters stand in the address."""
    asked = {name: request.GET.get(name, "") for name in ("state", "whose", "template")}
    if asked["state"] not in {"", *Agreement.State.values} or asked["whose"] not in {"", "mine"}:
        raise Invalid("There is no such filter of agreements.")
    before = cursor(request.GET.get("cursor", ""))
    wanted = selectors.Wanted(state=asked["state"], own=asked["whose"] == "mine", template_id=cursor(asked["template"]))
    rows = selectors.list_agreements(request.actor, wanted=wanted, before=before, limit=PAGE + 1)
    counts = selectors.count_progress(request.actor, [row.id for row in rows[:PAGE]])
    templates = list_templates(request.actor, limit=PAGE)
    here, kept = reverse("signing:list", kwargs=where), [f"{name}={value}" for name, value in asked.items() if value]
    context = {
        "agreements": [(row, telling.progress_of(row, counts.get(row.id))) for row in rows[:PAGE]],
        "filtered": bool(kept),
        "states": STATES,
        "whose": WHOSE if gate.allows(request.actor, Permission.AUDIT_READ) else [],
        "templates": [(str(row.id), row.name) for row in templates],
        "may_create": gate.allows(request.actor, Permission.SHARES_CREATE),
        "may_brand": gate.allows(request.actor, Permission.POLICY_CHANGE),
        "older": f"{here}?{'&'.join([*kept, f'cursor={rows[PAGE - 1].pk}'])}" if len(rows) > PAGE else "",
        "newest": (f"{here}?{'&'.join(kept)}" if kept else here) if before else "",
    }
    return render(request, "signing/list.html", context)


def agreement(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """One that was sent: who has done what, its chain, and what can be done. A draft goes on being prepared."""
    found = selectors.get_agreement(request.actor, id)
    if found.state == Agreement.State.DRAFT:
        return to("signing:review", where, id=id)
    return render(request, "signing/agreement.html", _of(request, found))


def progress(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """For the page that is open: nothing new, or what changed. Once it is over, the page as a whole changes."""
    found = selectors.get_agreement(request.actor, id)
    if request.GET.get("seen") == telling.stamp_of(found):
        return HttpResponse(status=204)
    if found.state != Agreement.State.SENT:
        response = HttpResponse()
        response["HX-Refresh"] = "true"
        return response
    return render(request, "signing/_progress.html", _of(request, found))


def _of(request: TenantRequest, found: Agreement) -> dict[str, Any]:
    signers = selectors.list_signers(found)
    steps = selectors.list_steps(found)
    return {
        "agreement": found,
        "shown": telling.progress_of(found, None),
        "stamp": telling.stamp_of(found),
        "every": OFTEN,
        "running": found.state in {Agreement.State.SENT, Agreement.State.SIGNED},
        "people": telling.people_of(found, signers, steps),
        "count": telling.count_of(signers),
        "steps": telling.steps_of(steps, signers),
        "head": bytes(found.head).hex(),
        "may_read": gate.allows(request.actor, Permission.AUDIT_READ),
        "may_change": gate.allows(request.actor, Permission.SHARES_CREATE),
        "may_end": gate.allows(request.actor, Permission.SHARES_REVOKE),
    }


@require_safe
@own_context
def original(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """The document as it was sent, or will be."""
    with tenant(request.actor.organization_id):
        found = selectors.get_agreement(request.actor, id)
        name, is_pdf = found.title, found.source == Agreement.Source.PDF
    kind, ending = ("application/pdf", "pdf") if is_pdf else ("text/markdown; charset=utf-8", "md")
    return as_file(papers.read(request.actor.organization_id, found.document_id), kind, f"{name}.{ending}")


@require_safe
@own_context
def sealed(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """The sealed PDF."""
    with tenant(request.actor.organization_id):
        found = selectors.get_agreement(request.actor, id)
        name = found.title
    if found.final_id is None:
        raise NotSealed
    return as_file(
        papers.read(request.actor.organization_id, found.final_id), "application/pdf", f"{name} (sealed).pdf"
    )


@require_safe
@own_context
def certificate(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """The certificate as JSON: of a sealed agreement the one that was sealed."""
    with tenant(request.actor.organization_id):
        found = selectors.get_agreement(request.actor, id)
    return as_file(bundle.certificate_json(found), "application/json", f"certificate-{found.id}.json")


@require_safe
@own_context
def proof_bundle(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Everything by which it can be checked without HQ, in one ZIP."""
    with tenant(request.actor.organization_id):
        found = selectors.get_agreement(request.actor, id)
    return as_file(bundle.bundle_of(found), "application/zip", bundle.name_of(found))


def as_file(content: bytes, kind: str, name: str) -> HttpResponse:
    """To be kept, and never run."""
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    response["Content-Security-Policy"] = SANDBOX
    return response
