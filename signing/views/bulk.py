"""One template to many people: a table is read and shown; nothing goes out before its sender says so."""

import csv
from io import StringIO
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid, Refused
from hq.lib.text import plural
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from signing import selectors
from signing.actions import bulk, templates
from signing.actions.tables import BYTES_MOST
from signing.forms import TableForm
from signing.models import Batch
from signing.views import telling
from signing.views.portal import cursor
from signing.views.portal_draft import explain

PAGE = 50


def new(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Upload a table for a template."""
    row = templates.get_template(request.actor, id, permission=Permission.SHARES_CREATE)
    form = TableForm(request.POST, request.FILES) if request.method == "POST" else TableForm()
    if request.method == "POST" and form.is_valid():
        try:
            batch = bulk.check_table(
                actor=request.actor, template_id=id, content=form.cleaned_data["file"].read(BYTES_MOST + 1)
            )
        except (Invalid, Refused) as refused:
            explain(form, refused, other="file")
        else:
            return to("signing:batch", where, id=batch.pk)
    context = {"template": row, "form": form, "columns": bulk.shape_of(row).columns}
    return render(request, "signing/bulk_new.html", context, status=400 if form.errors else 200)


@require_safe
def sample(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """A table with the right columns and one row to write over."""
    row = templates.get_template(request.actor, id, permission=Permission.SHARES_CREATE)
    columns = bulk.shape_of(row).columns
    out = StringIO()
    write = csv.writer(out)
    write.writerow(columns)
    write.writerow([_example(name) for name in columns])
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="people.csv"'
    return response


def _example(column: str) -> str:
    if column.startswith("email"):
        return f"{column.replace('_', '')}@example.com"
    return "Sam Signer" if column.startswith("name") else f"({column})"


def batches(request: TenantRequest, **where: str) -> HttpResponse:
    """Every table that was sent and that one may see, newest first."""
    before = cursor(request.GET.get("cursor", ""))
    rows = bulk.list_batches(request.actor, before=before, limit=PAGE + 1)
    here = reverse("signing:batches", kwargs=where)
    context = {
        "batches": rows[:PAGE],
        "older": f"{here}?cursor={rows[PAGE - 1].pk}" if len(rows) > PAGE else "",
        "newest": here if before else "",
    }
    return render(request, "signing/batches.html", context)


def batch(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """What was found in a table, before it is sent; and how far it is, after that."""
    found = bulk.get_batch(request.actor, id)
    page = "signing/_batch.html" if request.headers.get("HX-Request") else "signing/batch.html"
    if request.headers.get("HX-Request") and found.state != Batch.State.SENDING:
        response = HttpResponse()
        response["HX-Refresh"] = "true"
        return response
    context = {
        "batch": found,
        "wrong": len(found.rows) - found.total,
        "lines": _lines(request, found),
        "may_stop": found.state == Batch.State.SENDING and gate.allows(request.actor, Permission.SHARES_REVOKE),
    }
    return render(request, page, context)


def _lines(request: TenantRequest, found: Batch) -> list[dict[str, Any]]:
    """Each row, whether it went out, and what came of it: once all is over, that alone says who it was."""
    out = {UUID(row["id"]) for row in found.rows[: found.reached] if not row["problem"]}
    made = selectors.find_sent(request.actor, list(out)) if found.ended_at else {}
    counts = selectors.count_progress(request.actor, list(made))
    lines: list[dict[str, Any]] = []
    for row in found.rows:
        key = UUID(row["id"])
        line = {**row, "out": key in out}
        if key in made:
            agreement, names = made[key]
            shown = telling.progress_of(agreement, counts.get(key))
            line |= {"title": agreement.title, "names": names, "shown": shown}
        lines.append(line)
    return lines


@require_POST
def send(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Send every row that can be."""
    sent = bulk.send_batch(actor=request.actor, batch_id=id)
    tell(request, f"{plural(sent.total, 'agreement')} on the way.", where)
    return to("signing:batch", where, id=id)


@require_POST
def stop(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Send nothing more of it."""
    stopped = bulk.stop_batch(actor=request.actor, batch_id=id)
    tell(request, f"Stopped. {stopped.sent} of {plural(stopped.total, 'agreement')} went out before.", where)
    return to("signing:batch", where, id=id)
