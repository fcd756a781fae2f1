"""Sharing rules: what they say to whom, a change, and what it would do before it is saved."""

from typing import Any
from uuid import UUID

from django.core import signing
from django.http import HttpResponse
from django.shortcuts import render

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Denied, Invalid
from hq.web.fresh import ask_for, proof_of
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from sharing import selectors
from sharing.actions.caps import Cap, cap_of
from sharing.actions.links import membership_of
from sharing.actions.rules import NotARule, RuleChanged, change_rule, plain, review_rule
from sharing.forms import RuleForm
from tenants import selectors as tenants

_SALT, _HOUR = "hq.sharing.rule", 3600
GROUPS_SHOWN = 200


class ReviewNotWhole(Denied):
    """This review is not whole, is older than an hour, or was somebody else's. Make the change again."""


def rules(request: TenantRequest, **where: str) -> HttpResponse:
    """Every rule, which of them hold for the one who looks, and for owners and admins the way to change them."""
    actor = request.actor
    rows = selectors.list_rules(actor)
    may_change = gate.allows(actor, Permission.POLICY_CHANGE)
    named = {row.group_id for row in rows}
    groups = tenants.list_groups(actor, limit=GROUPS_SHOWN)[:GROUPS_SHOWN] if may_change else []
    context = {
        "whole": next((told(Cap.of(row)) for row in rows if row.group_id is None), None),
        "rows": [(row.group, told(Cap.of(row))) for row in rows if row.group_id is not None],
        "mine": told(cap_of(actor.organization_id, membership_of(actor))) if actor.kind == "person" else None,
        "others": [group for group in groups if group.id not in named],
        "may_change": may_change,
    }
    return render(request, "sharing/rules.html", context)


def change(request: TenantRequest, **where: str) -> HttpResponse:
    """The form; what it asks for is reviewed, and what was reviewed is saved. `?group=` names whose rule it is."""
    gate.require(request.actor, Permission.POLICY_CHANGE)
    if "reviewed" in request.POST:
        return _save(request, where)
    group_id = _group(request.POST.get("group", "") or request.GET.get("group", ""))
    if request.method == "POST":
        return _asked(request, group_id)
    rule = selectors.find_rule(request.actor, group_id)
    return _form(request, group_id, RuleForm.of(Cap.of(rule) if rule else Cap()), there=rule is not None)


def _asked(request: TenantRequest, group_id: UUID | None) -> HttpResponse:
    if "remove" in request.POST:
        return _review(request, group_id, None)
    form = RuleForm(request.POST, auto_id="id_%s")
    if not form.is_valid():
        return _form(request, group_id, form, there=False, status=400)
    try:
        return _review(request, group_id, form.cap())
    except NotARule as refused:
        for fault in refused.errors:
            form.add_error({"/longest": "amount"}.get(fault["pointer"], fault["pointer"][1:]), fault["detail"])
        return _form(request, group_id, form, there=False, status=400)


def _form(
    request: TenantRequest, group_id: UUID | None, form: RuleForm, *, there: bool, status: int = 200
) -> HttpResponse:
    group = tenants.read_group(request.actor, group_id) if group_id else None
    return render(request, "sharing/rule_change.html", {"form": form, "group": group, "there": there}, status=status)


def _review(request: TenantRequest, group_id: UUID | None, wanted: Cap | None, *, late: bool = False) -> HttpResponse:
    review = review_rule(actor=request.actor, group_id=group_id, wanted=wanted)
    draft = {
        "group": str(group_id or ""),
        "before": plain(review.before) if review.before else None,
        "wanted": plain(wanted) if wanted else None,
        "for": _whose(request),
    }
    context = {
        "review": review,
        "group_id": group_id,
        "before": told(review.before or Cap()) if review.before or group_id is None else {},
        "after": told(wanted or Cap()) if wanted or group_id is None else {},
        "same": review.before == wanted,
        "late": late,
        "draft": signing.dumps(draft, salt=_SALT),
    }
    return render(request, "sharing/rule_review.html", context, status=409 if late else 200)


def _save(request: TenantRequest, where: dict[str, str]) -> HttpResponse:
    """Raises ReviewNotWhole, NotFresh."""
    try:
        draft = signing.loads(request.POST["reviewed"], salt=_SALT, max_age=_HOUR)
    except signing.BadSignature:
        raise ReviewNotWhole from None
    if draft["for"] != _whose(request):
        raise ReviewNotWhole
    proof = proof_of(request)
    if not proof.fresh:
        return ask_for(proof)
    group_id, wanted = _group(draft["group"]), _cap(draft["wanted"])
    try:
        change_rule(actor=request.actor, group_id=group_id, reviewed=_cap(draft["before"]), wanted=wanted)
    except RuleChanged:
        return _review(request, group_id, wanted, late=True)
    tell(request, "Sharing rule saved. It holds for what is shared from now on.", where)
    return to("sharing:rules", where)


def _group(raw: str) -> UUID | None:
    try:
        return UUID(raw) if raw else None
    except ValueError:
        raise Invalid("The address of this page is not one of ours.") from None


def _cap(content: dict[str, Any] | None) -> Cap | None:
    return Cap(**content | {"domains": tuple(content["domains"])}) if content else None


def _whose(request: TenantRequest) -> list[str]:
    return [str(request.actor.organization_id), str(request.actor.id)]


def told(cap: Cap) -> dict[str, str]:
    """A rule in words, in the order of the page."""
    return {
        "Longest life": cap.longest.capitalize(),
        "Password": "Required on every link" if cap.password_required else "Left to the sharer",
        "Recipients": f"An address at {cap.places}" if cap.domains else "Anybody",
        "Writing": "Allowed" if cap.write_allowed else "Not allowed",
        "Upload requests": "Allowed" if cap.requests_allowed else "Not allowed",
    }
