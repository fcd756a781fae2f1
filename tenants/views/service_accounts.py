"""Service accounts: their keys in this environment, and the rules that name them."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.text import plural
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from tenants import actions, selectors
from tenants.actions.service_accounts import ServiceAccountNameTaken
from tenants.forms import NameForm
from tenants.views.api_keys import rows_of
from tenants.views.pages import Pages, rules_of

PAGE = 50


def service_accounts(request: TenantRequest, **where: str) -> HttpResponse:
    """Those that have not ended, by name."""
    pages = Pages(request, "service_accounts", where)
    rows = selectors.list_service_accounts(request.actor, after=pages.position(), limit=PAGE)
    context = {
        "accounts": rows[:PAGE],
        "may_change": gate.allows(request.actor, Permission.ACCESS_CHANGE),
        **pages.around(f"{rows[PAGE - 1].id}:{rows[PAGE - 1].name}" if len(rows) > PAGE else ""),
    }
    return render(request, "tenants/service_accounts.html", context)


def new_service_account(request: TenantRequest, **where: str) -> HttpResponse:
    gate.require(request.actor, Permission.ACCESS_CHANGE)
    form = NameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            account = actions.create_service_account(actor=request.actor, name=data["name"], account_id=data["once"])
        except ServiceAccountNameTaken as taken:
            form.add_error("name", str(taken))
        else:
            tell(request, f"{account.name} made. It needs a key to come in with.", where)
            return to("service_account", where, id=account.id)
    return render(request, "tenants/new_service_account.html", {"form": form}, status=400 if form.errors else 200)


def service_account(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Its keys and its rules in this environment."""
    gate.require(request.actor, Permission.ACCESS_READ)
    may_change = gate.allows(request.actor, Permission.ACCESS_CHANGE)
    context = {
        "account": selectors.get_service_account(request.actor, id),
        **rows_of(request.actor, selectors.list_keys_of(request.actor, id)),
        "may_change": may_change,
        "may_create": may_change and gate.allows(request.actor, Permission.API_KEYS_CREATE),
        **rules_of(request.actor, id),
    }
    return render(request, "tenants/service_account.html", context)


def end_service_account(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Says what stops, and asks for the name before it ends the account."""
    gate.require(request.actor, Permission.ACCESS_CHANGE)
    account = selectors.get_service_account(request.actor, id)
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == account.name:
            actions.end_service_account(actor=request.actor, account_id=id)
            tell(request, f"{account.name} ended. Its keys are refused from now on.", where)
            return to("service_accounts", where)
        wrong = True
    keys, rules = (
        selectors.count_keys_of(request.actor, id),
        selectors.count_entries(request.actor, who=id),
    )
    context = {
        "account": account,
        "wrong": wrong,
        "loss": f"{plural(keys, 'key')} and {plural(rules, 'rule')} end with it, in both environments. Whatever uses a"
        " key of it is refused with its next request. What it stored stays. It cannot be brought back.",
    }
    return render(request, "tenants/end_service_account.html", context, status=400 if wrong else 200)
