"""A file looked at: in a frame of another origin, which runs nothing and reaches nothing."""

from django.http import HttpResponse
from django.shortcuts import render

from hq.lib.errors import Invalid
from hq.web.middleware import CSP
from hq.web.request import TenantRequest
from vault import selectors
from vault.actions.previews import PDF, make_preview, preview_origin
from vault.views.files import address, steps


def number_of(raw: str | None) -> int | None:
    """A version's number from an address. Raises Invalid."""
    if not raw:
        return None
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 9 and int(raw)):
        raise Invalid("The version is a number.")
    return int(raw)


def preview(request: TenantRequest, **where: str) -> HttpResponse:
    """What a version looks like, if it can be shown."""
    number = number_of(request.GET.get("version"))
    version = selectors.get_object(request.actor, request.GET.get("path", ""), version=number)
    folder = selectors.folder_of(version.path)
    shown = make_preview(request.actor, version)
    context = {
        "file": version,
        "shown": shown,
        "sandboxed": shown is not None and shown.kind != PDF,
        "number": number,
        "steps": [(name, url or address("browse", where, folder=folder)) for name, url in steps(folder, where)],
        "back": address("browse", where, folder=folder),
    }
    response = render(request, "vault/preview.html", context)
    if shown is not None:
        response["Content-Security-Policy"] = f"{CSP}; frame-src {preview_origin()}"
    return response
