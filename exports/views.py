"""Pages of exports: of one's own data, and of the organization's. The second asks more often who is there."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from exports import actions, selectors
from exports.actions import Lock, Wish
from exports.forms import KEY, ExportForm, FileForm, RemoveForm, WholeForm
from exports.models import LIFE
from exports.registry import Scope
from exports.selectors import PERMISSIONS, Listed
from hq.authz import gate
from hq.authz.permissions import Permission
from hq.authz.roles import Role, granted
from hq.db.context import tenant
from hq.lib.errors import Refused
from hq.web import fresh, transfer
from hq.web.fresh import Proof
from hq.web.portal import own_context, person_of, refuse_invalid, tell, to
from hq.web.request import TenantRequest, may_still
from tenants import selectors as tenants

NAMED = 20  # of what is left out, on the page
PAGES = {Scope.OWN: "exports:own", Scope.ORGANIZATION: "exports:whole"}


@login_required
def your_data(request: HttpRequest) -> HttpResponse:
    """Where a person's data lies: in each of their organizations, apart from the others."""
    places = [
        {"name": place.name, "url": reverse(PAGES[Scope.OWN], kwargs={"org_slug": place.slug, "env_name": "live"})}
        for place in tenants.list_belongings(person_of(request).pk)
        if Permission.EXPORTS_OWN in granted(Role(place.role), by_rules=place.by_rules) and place.state == "READY"
    ]
    return render(request, "exports/your_data.html", {"places": places})


def page(request: TenantRequest, scope: Scope, where: dict[str, str]) -> HttpResponse:
    """What there is, and asking for one more."""
    actor = request.actor
    gate.require(actor, PERMISSIONS[scope])
    proof = _proof(request, scope)
    posted = request.POST if request.method == "POST" else None
    form = (WholeForm if scope is Scope.ORGANIZATION else ExportForm)(posted, person=person_of(request))
    if posted is not None and not proof.fresh:
        return fresh.ask_for(proof)
    if posted is not None and form.is_valid():
        try:
            _begin(request, scope, form)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            tell(request, "The export is being made. You get mail once it is ready.", where)
            return to(PAGES[scope], where)
    with tenant(actor.organization_id):
        context = _context(request, scope, where) | {"form": form, "proof": proof}
        return render(request, "exports/page.html", context, status=400 if form.errors else 200)


def _proof(request: TenantRequest, scope: Scope, back: str = "") -> Proof:
    """Taking along everything asks for a sign-in of the last minutes; one's own data does not."""
    return fresh.proof_of(request, back=back) if scope is Scope.ORGANIZATION else Proof(fresh=True)


def _begin(request: TenantRequest, scope: Scope, form: ExportForm) -> None:
    asked = form.cleaned_data
    actions.refuse_second(request.actor, scope)
    wish = Wish(
        scope=scope,
        lock=_lock(asked),
        all_versions=asked.get("all_versions", False),
        deleted=asked.get("deleted", False),
    )
    actions.request_export(actor=request.actor, wish=wish)


def _lock(asked: dict[str, Any]) -> Lock:
    return actions.by_key(asked["key"]) if asked["way"] == KEY else actions.by_passphrase(asked["passphrase"])


def _context(request: TenantRequest, scope: Scope, where: dict[str, str]) -> dict[str, Any]:
    listed = selectors.list_exports(request.actor, scope)
    return {
        "whole": scope is Scope.ORGANIZATION,
        "exports": [_told(each, where) for each in listed],
        "making": any(each.state == "making" for each in listed),
        "free": all(each.state == "ready" for each in listed),
        "days": LIFE.days,
        "here": reverse(PAGES[scope], kwargs=where),
        "fetch": f"curl -fsS {request.build_absolute_uri('/.well-known/jwks.json')} -o jwks.json",
        **{name: reverse(f"{PAGES[scope]}_{name}", kwargs=where) for name in ("progress", "file", "remove")},
    }


def _address(left: dict[str, Any], where: dict[str, str]) -> str:
    """The page of what could not be read, in its own environment."""
    environment = left["name"].split("/")[1]
    return reverse("signing:agreement", kwargs=where | {"env_name": environment, "id": left["agreement"]})


def _told(listed: Listed, where: dict[str, str]) -> dict[str, Any]:
    export = listed.export
    identity = export.identity_name if export.by_passphrase else "key.txt"
    each = f'age -d -i {identity} "$volume" | tar -x -C export'
    return {
        "listed": listed,
        "volumes": [(volume, export.file_name(volume.number)) for volume in listed.volumes],
        "open": f"mkdir export; for volume in hq-export-{export.id}-0*.tar.age; do {each}; done",
        "verify": "bin/verify export/data-export-*.json --jwks jwks.json",
        "left_out": f"Ready, {export.left_out_total} left out" if export.made_at and export.left_out_total else "",
        "named": [(left, _address(left, where)) for left in export.left_out[:NAMED]],
        "more": max(0, len(export.left_out) - NAMED),
        "bar": "failed" if listed.state == "failed" else "running",
    }


def progress(request: TenantRequest, scope: Scope, where: dict[str, str]) -> HttpResponse:
    """The list alone, for the page that is open. Once nothing is made any more that page asks for itself again: it has
    no form for another export yet.
    """
    context = _context(request, scope, where)
    response = render(request, "exports/_list.html", context)
    if not context["making"]:
        response["HX-Refresh"] = "true"
    return response


def remove(request: TenantRequest, scope: Scope, where: dict[str, str]) -> HttpResponse:
    """Take it away at once."""
    gate.require(request.actor, PERMISSIONS[scope])
    form = RemoveForm(request.POST)
    refuse_invalid(form)
    actions.remove_export(actor=request.actor, scope=scope, export_id=form.cleaned_data["export"])
    messages.success(request, "Removed. Nobody can download it any more.")
    return to(PAGES[scope], where)


def file(request: TenantRequest, scope: Scope, where: dict[str, str]) -> HttpResponse:
    """One file of an export, or a range of it, as it was encrypted."""
    gate.require(request.actor, PERMISSIONS[scope])
    form = FileForm(request.GET)
    refuse_invalid(form)
    proof = _proof(request, scope, back=reverse(PAGES[scope], kwargs=where))
    if not proof.fresh:
        return fresh.ask_for(proof)
    given = actions.open_file(
        actor=request.actor,
        scope=scope,
        export_id=form.cleaned_data["export"],
        number=form.cleaned_data["number"] or 0,
    )
    still = may_still(request, PERMISSIONS[scope], "")
    # A stream is no HttpResponse in the types only.
    return cast("HttpResponse", transfer.download(request, given.described, given.read, still))


@own_context
def own(request: TenantRequest, **where: str) -> HttpResponse:
    return page(request, Scope.OWN, where)


def own_progress(request: TenantRequest, **where: str) -> HttpResponse:
    return progress(request, Scope.OWN, where)


@require_safe
@own_context
def own_file(request: TenantRequest, **where: str) -> HttpResponse:
    return file(request, Scope.OWN, where)


@require_POST
@own_context
def own_remove(request: TenantRequest, **where: str) -> HttpResponse:
    return remove(request, Scope.OWN, where)


@own_context
def whole(request: TenantRequest, **where: str) -> HttpResponse:
    return page(request, Scope.ORGANIZATION, where)


def whole_progress(request: TenantRequest, **where: str) -> HttpResponse:
    return progress(request, Scope.ORGANIZATION, where)


@require_safe
@own_context
def whole_file(request: TenantRequest, **where: str) -> HttpResponse:
    return file(request, Scope.ORGANIZATION, where)


@require_POST
@own_context
def whole_remove(request: TenantRequest, **where: str) -> HttpResponse:
    return remove(request, Scope.ORGANIZATION, where)
