"""API keys of an environment: the list, one key and what it did, and making, rotating and revoking."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.clock import now
from hq.lib.errors import Denied, Invalid, NotFound, Refused
from hq.lib.text import plural
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from tenants import actions, selectors
from tenants.actions.api_keys import (
    KeyAlreadyMade,
    KeyAlreadyRevoked,
    KeyAlreadyRotated,
    KeyExpired,
    KeyOfAnother,
)
from tenants.actions.key_alerts import LOOK_AFTER
from tenants.forms.keys import PRESETS, ApiKeyForm, RotateForm
from tenants.models import ApiKey, ServiceAccount
from tenants.selectors.machines import KEY_STATES
from tenants.views import key_days
from tenants.views.pages import Pages

PAGE = 100
ROW_DAYS, PAGE_DAYS = 14, 90
STATES = [(state, state) for state in KEY_STATES]


def api_keys(request: TenantRequest, **where: str) -> HttpResponse:
    """Keys, newest first. What is looked for stands in the address."""
    actor, asked = request.actor, request.GET
    pages = Pages(request, "api_keys", where, "state", "who", "service_account")
    state, mine, account = asked.get("state", ""), asked.get("who", "") == "mine", asked.get("service_account", "")
    if (state and state not in KEY_STATES) or (account and not _is_id(account)):
        raise Invalid("There is no such filter.")
    rows = selectors.list_api_keys(
        actor,
        state=state,
        mine=mine,
        service_account_id=UUID(account) if account else None,
        before=pages.uuid(),
        limit=PAGE,
    )
    sees_accounts = gate.allows(actor, Permission.ACCESS_READ)
    accounts = selectors.list_service_accounts(actor, limit=PAGE)[:PAGE] if sees_accounts else []
    context = {
        **rows_of(actor, rows[:PAGE]),
        **pages.around(str(rows[PAGE - 1].id) if len(rows) > PAGE else ""),
        "states": STATES,
        "whose": [("mine", "made by me")],
        "accounts": [(str(account.id), account.name) for account in accounts],
        "filtered": bool(state or mine or account),
        "may_create": gate.allows(actor, Permission.API_KEYS_CREATE),
    }
    return render(request, "tenants/api_keys.html", context)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def rows_of(actor: Actor, keys: Sequence[ApiKey]) -> dict[str, Any]:
    """Keys as their table shows them, here and on the page of a service account."""
    days = selectors.list_days(actor, [key.id for key in keys], ROW_DAYS)
    return {
        "rows": [{**shown(actor, key), "usage": key_days.sparkline(days[key.id])} for key in keys],
        "may_see_accounts": gate.allows(actor, Permission.ACCESS_READ),
    }


def shown(actor: Actor, key: ApiKey) -> dict[str, Any]:
    """A key, its state, and what the actor may do with it."""
    state = selectors.key_state(key)
    own = key.created_by_id == actor.person_id or actor.role in LOOK_AFTER
    makes = gate.allows(actor, Permission.API_KEYS_CREATE) and state == "active"
    of_machine = key.service_account_id is None or gate.allows(actor, Permission.ACCESS_CHANGE)
    works = state in {"active", "rotated"}
    may_end = own and gate.allows(actor, Permission.API_KEYS_REVOKE)
    return {
        "key": key,
        "state": state,
        "may_end": may_end,
        "may_revoke": may_end and works,
        "may_rotate": own and makes and of_machine,
    }


def api_key(request: TenantRequest, id: UUID, **_: str) -> HttpResponse:
    """One key and what it did: what a person needs to know of a key that leaked."""
    actor = request.actor
    key = selectors.read_api_key(actor, id)
    networks = selectors.list_networks(actor, id)
    made = selectors.list_made_by(actor, id)
    here = shown(actor, key)
    if here["state"] == "expired" and here["may_end"]:  # who had it may have rotated it, and have its successor
        here["may_revoke"] = bool(selectors.revoked_with(key))
    context = {
        **here,
        "chart": key_days.strip(selectors.list_days(actor, [id], PAGE_DAYS)[id]),
        "networks": networks[:50],
        "more_networks": len(networks) > 50,
        "first_at": min((network.first_at for network in networks), default=None),
        "made_keys": [(one, selectors.key_state(one)) for one in made[:50]],
        "replaces": [(one, selectors.key_state(one)) for one in selectors.list_replaced_by(actor, id)],
        "used_since": selectors.used_since_rotated(key),
        "deeds": selectors.what_key_did(actor, key) if gate.allows(actor, Permission.AUDIT_READ) else None,
        "may_see_accounts": gate.allows(actor, Permission.ACCESS_READ),
        "may_see_links": gate.allows(actor, Permission.SHARES_READ),
    }
    return render(request, "tenants/api_key.html", context)


def new_api_key(request: TenantRequest, **_: str) -> HttpResponse:
    """Make a key. It is shown on the answer to this form and never again."""
    gate.require(request.actor, Permission.API_KEYS_CREATE)
    account = _account(request)
    form = ApiKeyForm(request.POST or None, actor=request.actor, for_machine=account is not None)
    preset = request.GET.get("preset", "")
    if preset in PRESETS:
        form.initial["scopes"] = next(scopes for name, _, scopes in form.presets if name == preset)
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
                networks=data["networks"],
            )
        except KeyAlreadyMade as refused:
            form.add_error(None, str(refused))
    context = {"form": form, "made": made, "account": account, "base_url": settings.BASE_URL, "preset": preset}
    return render(request, "tenants/new_api_key.html", context, status=400 if form.errors else 200)


def _account(request: TenantRequest) -> ServiceAccount | None:
    """The service account that the address names, for whom the key is. Raises Denied, NotFound."""
    raw = request.GET.get("service_account", "")
    if not raw:
        return None
    gate.require(request.actor, Permission.ACCESS_CHANGE)
    if not _is_id(raw):
        raise NotFound
    return selectors.get_service_account(request.actor, UUID(raw))


def rotate_api_key(request: TenantRequest, id: UUID, **_: str) -> HttpResponse:
    """Ask for how long both work, then show the new key once."""
    gate.require(request.actor, Permission.API_KEYS_CREATE)
    key = selectors.get_api_key(request.actor, id)
    form = RotateForm(request.POST or None)
    made = None
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = actions.rotate_api_key(
                actor=request.actor, key_id=id, grace_hours=data["grace"], new_id=data["once"]
            )
        except (Refused, Denied) as refused:
            form.add_error(None, str(refused))
        key.refresh_from_db()
    context = {
        "form": form,
        "key": key,
        "why_not": "" if made or form.errors else _why_not(request.actor, key),
        "made": made,
        "ended": made is not None and key.state != "active",
        "acts_as_other": key.service_account_id is None and key.created_by_id != request.actor.person_id,
        "base_url": settings.BASE_URL,
    }
    return render(request, "tenants/rotate_api_key.html", context, status=400 if form.errors else 200)


def _why_not(actor: Actor, key: ApiKey) -> str:
    """Why this key cannot be rotated by this actor; "" if it can, as far as can be seen before."""
    here = shown(actor, key)
    if here["may_rotate"]:
        return ""
    if here["state"] != "active":
        ended = {"rotated": KeyAlreadyRotated, "revoked": KeyAlreadyRevoked, "expired": KeyExpired}
        return str(ended[here["state"]]())
    if key.service_account_id and not gate.allows(actor, Permission.ACCESS_CHANGE):
        return "It is of a service account. Whoever may change access can rotate it."
    return str(KeyOfAnother())


def revoke_api_key(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Says what else ends, and asks for the key's name before it revokes. `?successors=keep` ends the old one alone."""
    gate.require(request.actor, Permission.API_KEYS_REVOKE)
    key = selectors.get_api_key(request.actor, id)
    successors = request.GET.get("successors") != "keep"
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == key.name:
            others = actions.revoke_api_key(actor=request.actor, key_id=id, successors=successors)
            also = f", and with it {plural(others, 'other key')}" if others else ""
            tell(request, f"{key.name} revoked{also}. The next request with it is refused.", where)
            return to("api_keys", where)
        wrong = True
    after = set(selectors.ids_after(key))
    context = {
        "key": key,
        "wrong": wrong,
        "successors": successors,
        "succeeded": any(other.pk in after for other in selectors.revoked_with(key)),
        "others": [(other, other.pk in after) for other in selectors.revoked_with(key, successors=successors)],
    }
    return render(request, "tenants/revoke_api_key.html", context, status=400 if wrong else 200)
