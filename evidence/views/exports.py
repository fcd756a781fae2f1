"""Pages of exports of the trail."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from audit.tags import Log
from evidence.actions import exports as actions
from evidence.actions.exports import TITLES, Range
from evidence.forms import TrailExportForm
from evidence.models.exports import LIFE
from evidence.selectors import exports as selectors
from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid, Refused
from hq.web import transfer
from hq.web.portal import own_context, to
from hq.web.request import TenantRequest, may_still

PAGE = "trail_exports"


def exports(request: TenantRequest, **where: str) -> HttpResponse:
    """What there is, and asking for one more."""
    gate.require(request.actor, Permission.AUDIT_READ)
    form = TrailExportForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            actions.request_trail_export(actor=request.actor, wish=_wish(form.cleaned_data))
        except (Refused, Invalid) as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, "The export is being made. This page says when it is ready.")
            return to(PAGE, where)
    status = 400 if form.errors else 200
    return render(request, "evidence/exports.html", _context(request, where) | {"form": form}, status=status)


def _wish(asked: dict[str, Any]) -> Range:
    return Range(log=Log(asked["log"]), since=asked["since"], until=asked["until"], with_csv=asked["format"] == "csv")


def _context(request: HttpRequest, where: dict[str, str]) -> dict[str, Any]:
    listed = selectors.list_trail_exports(cast("TenantRequest", request).actor)
    shown = [
        {
            "listed": each,
            "it": each.export,
            "title": TITLES[Log(each.export.log)].removeprefix("the ").capitalize(),
            "check": f"python3 verify {each.export.name} --jwks jwks.json",
            "file": reverse("trail_export_file", kwargs=where | {"id": each.export.pk}),
            "remove": reverse("remove_trail_export", kwargs=where | {"id": each.export.pk}),
        }
        for each in listed[:20]
    ]
    return {
        "exports": shown,
        "making": any(each.state == "making" for each in listed),
        "progress": reverse("trail_exports_progress", kwargs=where),
        "here": reverse(PAGE, kwargs=where),
        "days": LIFE.days,
        "verify": reverse("verify"),
        "since_help": f"In your time zone, {timezone.localtime().tzname()}. Empty: from the first entry.",
    }


def progress(request: TenantRequest, **where: str) -> HttpResponse:
    """The list alone, for the page that is open."""
    return render(request, "evidence/_exports.html", _context(request, where))


@require_POST
def remove(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Take one away at once."""
    actions.remove_trail_export(actor=request.actor, export_id=id)
    messages.success(request, "Removed. Nobody can download it any more.")
    return to(PAGE, where)


@require_safe
@own_context
def file(request: TenantRequest, id: UUID, **_: str) -> HttpResponse:
    """The ZIP, or a range of it."""
    given = actions.open_trail_export(actor=request.actor, export_id=id)
    still = may_still(request, Permission.AUDIT_READ, "")
    # A stream is no HttpResponse in the types only.
    return cast("HttpResponse", transfer.download(request, given.described, given.read, still))
