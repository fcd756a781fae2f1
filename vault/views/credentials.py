"""Storage credentials in the portal: the live ones, getting some, revoking."""

from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Denied, Invalid, NotFound, Refused
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from vault import actions, selectors
from vault.actions import IssuedCredentials
from vault.forms import CredentialsForm
from vault.views.files import PAGE, address


def credentials(request: TenantRequest, **where: str) -> HttpResponse:
    """Live ones, newest first: one's own, or all of them for whoever sees API keys."""
    raw = request.GET.get("cursor", "")
    try:
        before = UUID(raw) if raw else None
    except ValueError:
        raise Invalid("The address of this page is not one of ours.") from None
    rows = selectors.list_credentials(request.actor, before=before, limit=PAGE)
    context = {
        "rows": rows[:PAGE],
        "all": gate.allows(request.actor, Permission.API_KEYS_READ),
        "older": address("credentials", where, cursor=rows[PAGE - 1].pk) if len(rows) > PAGE else "",
        "first": address("credentials", where) if before else "",
    }
    return render(request, "vault/credentials.html", context)


def new_credentials(request: TenantRequest, **where: str) -> HttpResponse:
    """Get some. What signs is shown on the answer to this form and never again."""
    if not gate.reaches(request.actor, Permission.OBJECTS_READ):
        raise Denied
    form = CredentialsForm(request.POST if request.method == "POST" else None)
    if not form.is_bound:
        form.initial["paths"] = request.GET.get("folder", "")
    issued: IssuedCredentials | None = None
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        try:
            issued = actions.issue_credentials(
                actor=request.actor,
                paths=data["paths"],
                permission=data["permission"],
                ttl_seconds=data["life"],
                credentials_id=data["once"],
            )
        except (Denied, Invalid, Refused) as refusal:
            form.add_error(None, str(refusal))
    context = {"form": form, "issued": issued, "region": settings.REGION}
    return render(request, "vault/credentials_new.html", context, status=400 if form.errors else 200)


def revoke_credentials(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Asks once, then ends them."""
    row = selectors.get_credentials(request.actor, id, revoking=True)
    if not row.is_live:
        raise NotFound
    if request.method == "POST":
        actions.revoke_credentials(actor=request.actor, credentials_id=id)
        tell(request, "Credentials revoked. The next request with them is refused.", where)
        return to("vault:credentials", where)
    return render(request, "vault/credentials_revoke.html", {"row": row})
