"""The page of directory sync: what to paste at the identity provider, how it stands, what it did lately."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from directory.actions.scim_tokens import MadeScimToken, TwoTokensLive, create_scim_token, revoke_scim_token
from directory.models import ScimOperation, ScimToken
from directory.selectors import scim as selectors
from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid, NotFound, Refused
from hq.web.portal import OnceForm, tell, to
from hq.web.request import TenantRequest

PAGE = 50
# What was done, and what was asked for and refused.
_VERBS = {
    "POST": ("Added a", "Add a"),
    "PUT": ("Replaced a", "Replace a"),
    "PATCH": ("Changed a", "Change a"),
    "DELETE": ("Removed a", "Remove a"),
    "GET": ("", "Read a"),
}
_KINDS = {"Users": "person", "Groups": "group"}


def scim(request: TenantRequest, **where: str) -> HttpResponse:
    """State, tokens, last operations. `?errors=1` shows what was refused."""
    errors = request.GET.get("errors", "")
    if errors not in {"", "1"}:
        raise Invalid("There is no such filter.")
    before = _cursor(request.GET.get("cursor", ""))
    rows = selectors.list_operations(request.actor, errors=bool(errors), before=before, limit=PAGE)
    here, kept = reverse("directory:scim", kwargs=where), f"errors={errors}&" if errors else ""
    tokens = selectors.list_tokens(request.actor)
    context = {
        "sync": selectors.get_sync(request.actor),
        "tokens": tokens,
        "base_url": selectors.base_url(request.actor.organization_id),
        "operations": [_told(row) for row in rows[:PAGE]],
        "errors": errors,
        "filters": [("1", "refused")],
        "may_change": gate.allows(request.actor, Permission.IDENTITY_CHANGE),
        "may_make": len(tokens) < len(ScimToken.SLOTS),
        "older": f"{here}?{kept}cursor={rows[PAGE - 1].pk}" if len(rows) > PAGE else "",
        "newest": f"{here}?{kept}" if before else "",
    }
    return render(request, "directory/scim.html", context)


def _cursor(raw: str) -> UUID | None:
    try:
        return UUID(raw) if raw else None
    except ValueError:
        raise Invalid("The address of this page is not one of ours.") from None


def _told(row: ScimOperation) -> dict[str, Any]:
    """An operation in words."""
    kind, verbs = _KINDS.get(row.resource), _VERBS.get(row.method)
    told = f"{verbs[row.failed]} {kind}" if kind and verbs else f"{row.method} {row.resource}".strip()
    return {"row": row, "did": told}


def scim_token(request: TenantRequest, **where: str) -> HttpResponse:
    """Make a token. It is shown on the answer to this form and never again."""
    gate.require(request.actor, Permission.IDENTITY_CHANGE)
    form = OnceForm(request.POST if request.method == "POST" else None)
    made: MadeScimToken | None = None
    if request.method == "POST" and form.is_valid():
        try:
            made = create_scim_token(actor=request.actor, token_id=form.cleaned_data["once"])
        except Refused as refused:
            form.add_error(None, str(refused))
    context = {
        "form": form,
        "made": made,
        "base_url": selectors.base_url(request.actor.organization_id),
        "full": len(selectors.list_tokens(request.actor)) == len(ScimToken.SLOTS) and not made,
        "too_many": str(TwoTokensLive()),
    }
    return render(request, "directory/scim_token.html", context, status=400 if form.errors else 200)


def scim_revoke(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Asks for the token's last characters before it revokes."""
    gate.require(request.actor, Permission.IDENTITY_CHANGE)
    token = selectors.get_token(request.actor, id)
    if token.revoked_at:
        raise NotFound
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == token.hint:
            revoke_scim_token(actor=request.actor, token_id=id)
            tell(request, "Token revoked. The next request with it is refused.", where)
            return to("directory:scim", where)
        wrong = True
    context = {"token": token, "wrong": wrong, "alone": len(selectors.list_tokens(request.actor)) == 1}
    return render(request, "directory/scim_revoke.html", context, status=400 if wrong else 200)
