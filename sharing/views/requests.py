"""Upload requests, as those who make them see them."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid
from hq.web.request import TenantRequest
from sharing import actions, selectors
from sharing.actions.choice import CannotBeShared
from sharing.actions.links import ShareAlreadyMade
from sharing.forms import RequestForm
from sharing.models import RequestState, UploadAttempt

PAGE = 50
STATES = [(state.value, state.value) for state in RequestState]
KINDS = [(kind.value, kind.value) for kind in UploadAttempt.Kind]
REASONS = {
    "broken-off": "it broke off",
    "closed": "the request was closed",
    "expired": "it came too late",
    "request-full": "nothing more is taken",
    "file-too-large": "the file is too large",
    "wrong-type": "not a kind of file that is taken",
    "withdrawn": "the request was closed meanwhile",
}


def request_list(request: TenantRequest, org_slug: str, env_name: str) -> HttpResponse:
    """Every request of the environment; the filter stands in the address."""
    state = request.GET.get("state", "")
    if state not in {"", *RequestState.values}:
        raise Invalid("There is no such state of an upload request.")
    raw = request.GET.get("cursor", "")
    try:
        before = UUID(raw) if raw else None
    except ValueError:
        raise Invalid("The address of this page is not one of ours.") from None
    rows = selectors.list_requests(request.actor, state=state, before=before, limit=PAGE)
    here = reverse("sharing:requests", kwargs={"org_slug": org_slug, "env_name": env_name})
    kept = f"state={state}&" if state else ""
    context = {
        "rows": rows[:PAGE],
        "counts": selectors.count_request_states(request.actor),
        "state": state,
        "states": STATES,
        "may_create": gate.reaches(request.actor, Permission.SHARES_CREATE),
        "older": f"{here}?{kept}cursor={rows[PAGE - 1].pk}" if len(rows) > PAGE else "",
        "newest": f"{here}?{kept}".rstrip("?&") if before else "",
    }
    return render(request, "sharing/requests.html", context)


def new_request(request: TenantRequest, org_slug: str, env_name: str) -> HttpResponse:
    """Make a request. Its address is shown on the answer to this form and never again."""
    gate.reach(request.actor, Permission.SHARES_CREATE)  # somewhere: of the folder the action asks
    form = RequestForm(request.POST or None, initial={"folder": request.GET.get("folder", "")})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = actions.create_request(
                actor=request.actor,
                folder=data["folder"],
                purpose=data["purpose"],
                ttl_seconds=form.ttl_seconds(),
                limits=form.limits(),
                request_id=data["once"],
            )
        except CannotBeShared as refused:
            fields = {"ttl_seconds": "amount", "files_most": "count", "file_size_most": "each", "size_most": "whole"}
            for fault in refused.errors:
                name = fault["pointer"].split("/")[1]
                form.add_error(fields.get(name, name), fault["detail"])
        except ShareAlreadyMade as refused:
            form.add_error(None, str(refused))
        else:
            return render(request, "sharing/request_made.html", {"made": made, "asked": made.request})
    return render(request, "sharing/request_new.html", {"form": form}, status=400 if form.errors else 200)


def request_life(request: TenantRequest, org_slug: str, env_name: str, id: UUID) -> HttpResponse:
    """What came, what was refused, from where and when; what is listed stands in the address."""
    asked = selectors.get_request(request.actor, id)
    kind, ip = request.GET.get("kind", ""), request.GET.get("ip", "")
    addresses = selectors.list_upload_addresses(request.actor, id)
    if kind not in {"", *UploadAttempt.Kind.values} or (ip and ip not in addresses):
        raise Invalid("There is nothing like this to be listed.")
    uploads = selectors.list_uploads(request.actor, id, kind=kind, ip=ip)
    context = {
        "asked": asked,
        "uploads": [(upload, REASONS.get(upload.reason, upload.reason)) for upload in uploads],
        "counts": selectors.count_upload_kinds(request.actor, id),
        "kinds": KINDS,
        "addresses": [(address, address) for address in addresses],
        "filtered": bool(kind or ip),
        "may_close": asked.is_live and gate.reaches(request.actor, Permission.SHARES_REVOKE),
    }
    return render(request, "sharing/request.html", context)


@require_POST
def close(request: TenantRequest, org_slug: str, env_name: str, id: UUID) -> HttpResponse:
    """Take nothing more, at once. What came stays."""
    asked = actions.close_request(actor=request.actor, request_id=id)
    messages.success(request, f"{asked.title} closed. Nothing more is taken; what came stays.")
    return redirect("sharing:request", org_slug=org_slug, env_name=env_name, id=id)
