"""Links, as those who make them see them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from audit import selectors as trail
from audit.selectors import Filters
from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid, Problem
from hq.web import transfer
from hq.web.request import TenantRequest
from sharing import actions, selectors
from sharing.actions import Recipient
from sharing.actions.caps import cap_of
from sharing.actions.choice import clean_pin
from sharing.actions.links import CannotBeShared, MadeShare, ShareAlreadyMade
from sharing.forms import ShareForm
from sharing.models import PATHS_MOST, SESSION_LIFE, ShareAttempt, ShareLink, State
from sharing.views import life
from sharing.views.telling import what

PAGE = 50
STATES = [
    (State.WAITING.value, "waiting"),
    (State.IN_USE.value, "in use"),
    (State.SPENT.value, "spent"),
    (State.EXPIRED.value, "expired"),
    (State.REVOKED.value, "revoked"),
]


KINDS = {
    ShareAttempt.Kind.LOOKED.value: "looked at",
    ShareAttempt.Kind.OPENED.value: "opened",
    ShareAttempt.Kind.REFUSED.value: "refused",
    ShareAttempt.Kind.DOWNLOADED.value: "downloaded",
    ShareAttempt.Kind.UPLOADED.value: "uploaded",
}


def share_list(request: TenantRequest, org_slug: str, env_name: str) -> HttpResponse:
    """Every link of the environment; the filter stands in the address."""
    state = request.GET.get("state", "")
    if state not in {"", *State.values}:
        raise Invalid("There is no such state of a link.")
    before = _cursor(request.GET.get("cursor", ""))
    rows = selectors.list_shares(request.actor, state=state, before=before, limit=PAGE)
    here = reverse("sharing:list", kwargs={"org_slug": org_slug, "env_name": env_name})
    kept = f"state={state}&" if state else ""
    context = {
        "links": rows[:PAGE],
        "counts": selectors.count_states(request.actor),
        "state": state,
        "states": STATES,
        "may_create": gate.reaches(request.actor, Permission.SHARES_CREATE),
        "older": f"{here}?{kept}cursor={rows[PAGE - 1].pk}" if len(rows) > PAGE else "",
        "newest": f"{here}?state={state}" if before and state else here if before else "",
    }
    return render(request, "sharing/list.html", context)


def _cursor(raw: str) -> UUID | None:
    if not raw:
        return None
    try:
        return UUID(raw)
    except ValueError:
        raise Invalid("The address of this page is not one of ours.") from None


def new_share(request: TenantRequest, org_slug: str, env_name: str) -> HttpResponse:
    """Make a link. It is shown on the answer to this form and never again."""
    gate.reach(request.actor, Permission.SHARES_CREATE)  # somewhere: of each file the action asks
    asked = request.POST if request.method == "POST" else request.GET
    paths, faults = _chosen(asked.getlist("path"))
    form = ShareForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = _make(request, form, paths)
        except CannotBeShared as refused:
            _explain(form, refused)
        except ShareAlreadyMade as refused:
            form.add_error(None, str(refused))
        else:
            return render(request, "sharing/made.html", {"made": made, "what": what(made[0].paths)})
    context = {
        "cap": _cap(request),
        "form": form,
        "files": _files(request, paths),
        "what": what(paths),
        "faults": faults,
        "most": PATHS_MOST,
    }
    return render(request, "sharing/new.html", context, status=400 if form.errors or faults else 200)


def _cap(request: TenantRequest) -> str:
    """What the sharing rules ask of this member; "" where they cap nothing."""
    cap = cap_of(request.actor.organization_id, actions.membership_of(request.actor))
    parts = [
        f"Your links live {cap.longest}." if cap.longest_seconds is not None else "",
        "Each needs a password." if cap.password_required else "",
        f"Each is for an address at {cap.places}." if cap.domains else "",
        "They give reading only." if not cap.write_allowed else "",
    ]
    return " ".join(part for part in parts if part)


def _make(request: TenantRequest, form: ShareForm, paths: Sequence[str]) -> list[MadeShare]:
    data = form.cleaned_data
    return actions.create_shares(
        actor=request.actor,
        paths=paths,
        permission=data["permission"],
        ttl_seconds=data["ttl_seconds"],
        purpose=data["purpose"],
        password=data["password"],
        recipients=[Recipient(label, seconds) for label, seconds in data["recipients"]],
        share_id=data["once"],
    )


def _chosen(raw: Sequence[str]) -> tuple[list[str], list[str]]:
    """The paths in the address, each once, and what is wrong with the others."""
    paths: dict[str, None] = {}
    faults = []
    for given in raw[: PATHS_MOST + 1]:
        try:
            if given.strip():
                paths[clean_pin(given)] = None
        except Problem as problem:
            faults.append(str(problem))
    return list(paths), faults


def _files(request: TenantRequest, paths: Sequence[str]) -> list[dict[str, Any]]:
    """Each with the address of this page without it. Of what may not be read only the name is shown."""
    files = selectors.list_readable(request.actor, paths)
    return [{"file": file, "rest": [path for path in paths if path != file.path]} for file in files]


def _explain(form: ShareForm, refused: CannotBeShared) -> None:
    """Put each fault beside its field."""
    for fault in refused.errors:
        name = fault["pointer"].split("/")[1]
        form.add_error({"ttl_seconds": "life"}.get(name, name) if name != "paths" else None, fault["detail"])


def share(request: TenantRequest, org_slug: str, env_name: str, id: UUID) -> HttpResponse:
    """The life of one link (SHR-5). The address chooses what is listed; the line and the warning tell all."""
    link = selectors.get_share(request.actor, id)
    attempts = selectors.list_attempts(request.actor, id)
    kind, ip = request.GET.get("kind", ""), request.GET.get("ip", "")
    if kind not in {"", *KINDS}:
        raise Invalid("There is no such kind of event.")
    addresses = selectors.list_addresses(request.actor, id)
    if ip and ip not in addresses:
        raise Invalid("Nothing came from this address.")
    listed = selectors.list_attempts(request.actor, id, kind=kind, ip=ip) if kind or ip else attempts
    may_read_trail = gate.allows(request.actor, Permission.AUDIT_READ)
    context = {
        "link": link,
        "paths": [pin.path for pin in link.pins.all()],
        "events": life.events(link, listed, whole=not (kind or ip)),
        "counts": selectors.count_kinds(request.actor, id),
        "kinds": list(KINDS.items()),
        "addresses": [(address, address) for address in addresses],
        "filtered": bool(kind or ip),
        "points": life.points(link, attempts),
        "stranger": life.stranger(link, attempts),
        "session_minutes": int(SESSION_LIFE.total_seconds() // 60),
        "fingerprint": bytes(link.nonce_digest).hex(),
        "may_revoke": link.is_live and gate.reaches(request.actor, Permission.SHARES_REVOKE),
        "audit_count": trail.count_events(request.actor, Filters(target_id=str(id))) if may_read_trail else None,
    }
    return render(request, "sharing/share.html", context)


@require_POST
def revoke(request: TenantRequest, org_slug: str, env_name: str, id: UUID) -> HttpResponse:
    """End a link at once. Nothing is lost by it that a new link would not give back, so nothing is typed."""
    link: ShareLink = actions.revoke_share(actor=request.actor, share_id=id)
    messages.success(request, f"{link.title} revoked. Whoever holds it gets nothing from now on.")
    return redirect("sharing:share", org_slug=org_slug, env_name=env_name, id=id)


def receipt(request: TenantRequest, org_slug: str, env_name: str, id: UUID) -> HttpResponse:
    """What was there when the link was opened, signed: the same file that the recipient may take along."""
    name, file = actions.read_receipt(actor=request.actor, share_id=id)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": transfer.SANDBOX}
    return HttpResponse(file, headers=headers, content_type="application/json")
