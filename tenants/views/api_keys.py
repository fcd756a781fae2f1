"""API keys of an environment."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.clock import now
from hq.lib.errors import NotFound
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from tenants import actions, selectors
from tenants.actions.api_keys import KeyAlreadyMade
from tenants.forms import ApiKeyForm
from tenants.models import ServiceAccount
from tenants.views.pages import Pages

PAGE = 100


def api_keys(request: TenantRequest, **where: str) -> HttpResponse:
    pages = Pages(request, "api_keys", where)
    rows = selectors.list_api_keys(request.actor, before=pages.uuid(), limit=PAGE)
    context = {
        "keys": rows[:PAGE],
        "may_see_accounts": gate.allows(request.actor, Permission.ACCESS_READ),
        **pages.around(str(rows[PAGE - 1].id) if len(rows) > PAGE else ""),
        "may_create": gate.allows(request.actor, Permission.API_KEYS_CREATE),
        "may_revoke": gate.allows(request.actor, Permission.API_KEYS_REVOKE),
    }
    return render(request, "tenants/api_keys.html", context)


def new_api_key(request: TenantRequest, **_: str) -> HttpResponse:
    """Make a key. It is shown on the answer to this form and never again."""
    gate.require(request.actor, Permission.API_KEYS_CREATE)
    account = _account(request)
    form = ApiKeyForm(request.POST or None, actor=request.actor, for_machine=account is not None)
    made = None
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        expires_at = now() + timedelta(days=int(data["life"])) if data["life"] else None
        try:
            made = actions.create_api_key(
                actor=request.actor,
                name=data["name"],
                scopes=data["scopes"],
                expires_at=expires_at,
                key_id=data["once"],
                service_account_id=account.id if account else None,
            )
        except KeyAlreadyMade as refused:
            form.add_error(None, str(refused))
    context = {"form": form, "made": made, "account": account, "base_url": settings.BASE_URL}
    return render(request, "tenants/new_api_key.html", context, status=400 if form.errors else 200)


def _account(request: TenantRequest) -> ServiceAccount | None:
    """The service account that the address names, for whom the key is. Raises Denied, NotFound."""
    raw = request.GET.get("service_account", "")
    if not raw:
        return None
    gate.require(request.actor, Permission.ACCESS_CHANGE)
    try:
        return selectors.get_service_account(request.actor, UUID(raw))
    except ValueError:
        raise NotFound from None


def revoke_api_key(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Asks for the key's name before it revokes."""
    gate.require(request.actor, Permission.API_KEYS_REVOKE)
    key = selectors.get_api_key(request.actor, id)
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == key.name:
            actions.revoke_api_key(actor=request.actor, key_id=id)
            tell(request, f"{key.name} revoked. The next request with it is refused.", where)
            return to("api_keys", where)
        wrong = True
    return render(request, "tenants/revoke_api_key.html", {"key": key, "wrong": wrong}, status=400 if wrong else 200)
