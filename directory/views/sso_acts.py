"""What can be done on the page of a connection: each act reads its form, and calls one action.

Providers are asked (for metadata, for what they say of themselves) before any transaction begins.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse

from directory.actions import connections as actions
from directory.actions.discovery import read_provider
from directory.actions.metadata import (
    IdentityProvider,
    NotUsable,
    check_certificates,
    check_entity_id,
    check_sso_url,
    parse_metadata,
)
from directory.actions.pace import keep_pace
from directory.actions.sign_in import begin_test
from directory.forms import AddressForm, CertificateForm, HandForm, UploadForm
from directory.models import SsoConnection
from directory.selectors import connections as selectors
from directory.views.sso_page import names_form, open_id_form, roles_form, work_os_form
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied, Invalid, Problem, Refused
from hq.lib.outbound import fetch
from hq.limits.seats import waiting_for
from hq.web import fresh
from hq.web.leaving import leave_for
from hq.web.outbound import outbound, rules
from hq.web.portal import tell, to
from hq.web.request import TenantRequest

State = SsoConnection.State
ACCEPT = "application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.8"
Done = HttpResponse | dict[str, Any]


def do(request: TenantRequest, id: UUID, where: dict[str, str]) -> Done:
    """Do what was asked. Gives where to go on, or the forms to correct. Raises what is no act, and NotFound."""
    act = request.POST.get("act", "")
    if act not in _ACTS:
        raise Invalid("There is nothing like that to do here.")
    with tenant(request.actor.organization_id):
        row = selectors.get_connection(request.actor, id)
    # A draft signs nobody in: what it is made of is judged when it is switched on, and that asks for a proof.
    if act == "enable" or (row.state == State.ACTIVE and act not in {"test", "disable"}):
        proof = fresh.proof_of(request)
        if not proof.fresh:
            return fresh.ask_for(proof)
    return _ACTS[act](request, row, where)


def _back(where: dict[str, str], row: SsoConnection) -> HttpResponse:
    return to("directory:connection", where, id=row.id)


def _said(request: TenantRequest, where: dict[str, str], row: SsoConnection, text: str) -> HttpResponse:
    tell(request, text, where)
    return _back(where, row)


def _blamed(name: str, form: forms.Form, problem: Problem, field: str | None = None) -> dict[str, Any]:
    form.add_error(field, str(problem))
    return {name: form}


# ---- what the provider is, by SAML


def _upload(request: TenantRequest, row: SsoConnection, where: dict[str, str]) -> Done:
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return {"upload": form}
    try:
        return _take(request, row, where, parse_metadata(form.cleaned_data["file"], plaintext_loopback=_here()))
    except (Invalid, Refused) as problem:
        return _blamed("upload", form, problem, "file")


def _address(request: TenantRequest, row: SsoConnection, where: dict[str, str]) -> Done:
    """The document is fetched once and read; the address is forgotten."""
    form = AddressForm(request.POST)
    if not form.is_valid():
        return {"address": form}
    try:
        keep_pace(request.actor.organization_id, "metadata")
        with waiting_for(request.actor.organization_id), outbound() as session:
            document = fetch(session, form.cleaned_data["url"].strip(), accept=ACCEPT)
        return _take(request, row, where, parse_metadata(document, plaintext_loopback=_here()))
    except (Invalid, Refused) as problem:
        return _blamed("address", form, problem, "url")


def _hand(request: TenantRequest, row: SsoConnection, where: dict[str, str]) -> Done:
    form = HandForm(request.POST)
    if not form.is_valid():
        return {"hand": form}
    data = form.cleaned_data
    read: dict[str, Any] = {}
    for field, check in (
        ("entity_id", check_entity_id),
        ("sso_url", lambda text: check_sso_url(text, plaintext_loopback=_here())),
        ("certificate", lambda text: check_certificates([text])),
    ):
        try:
            read[field] = check(data[field])
        except NotUsable as problem:
            form.add_error(field, str(problem))
    if form.errors:
        return {"hand": form}
    try:
        provider = IdentityProvider(read["entity_id"], read["sso_url"], read["certificate"])
        return _take(request, row, where, provider)
    except Refused as problem:
        return _blamed("hand", form, problem)


def _here() -> bool:
    """People are sent over plain HTTP to the machine itself in development, where that is fetched from too."""
    ours = rules()
    return ours.plaintext_loopback and bool(ours.allowed)


def _take(
    request: TenantRequest, row: SsoConnection, where: dict[str, str], provider: IdentityProvider
) -> HttpResponse:
    with tenant(request.actor.organization_id):
        actions.set_saml(actor=request.actor, connection_id=row.id, provider=provider)
    return _said(request, where, row, "Saved. Now test it with a real sign-in.")


def _add_certificate(request: TenantRequest, row: SsoConnection, where: dict[str, str]) -> Done:
    form = CertificateForm(request.POST)
    if not form.is_valid():
        return {"certificate": form}
    try:
        with tenant(request.actor.organization_id):
            actions.add_certificate(actor=request.actor, connection_id=row.id, text=form.cleaned_data["certificate"])
    except (Invalid, Refused) as problem:
        return _blamed("certificate", form, problem, "certificate")
    return _said(request, where, row, "Added. What either certificate has signed is trusted now.")


def _drop_certificate(request: TenantRequest, row: SsoConnection, where: dict[str, str]) -> Done:
    with tenant(request.actor.organization_id):
        actions.remove_certificate(
            actor=request.actor, connection_id=row.id, fingerprint=request.POST.get("fingerprint", "")
        )
    return _said(request, where, row, "Removed. What this certificate signs is no longer trusted.")


# ---- by OpenID Connect, by WorkOS


def _open_id(request: TenantRequest, row: SsoConnection, where: dict[str, str]) -> Done:
    """The provider is read again only if it is another one: what an active connection trusts stays as it was tried."""
    form = open_id_form(row, request.POST)
    if not form.is_valid():
        return {"open_id": form}
    issuer, client_id = form.cleaned_data["issuer"].strip(), form.cleaned_data["client_id"].strip()
    try:
        if row.state == State.ACTIVE and issuer == row.config.get("issuer"):
            described = {name: value for name, value in row.config.items() if name != "claims"}
        else:
            keep_pace(request.actor.organization_id, "metadata")
            described = read_provider(actor=request.actor, issuer=issuer)
        return _take_code(request, row, where, {**described, "client_id": client_id}, form.cleaned_data["secret"])
    except Invalid as problem:
        return _blamed("open_id", form, problem, "issuer")
    except Refused as problem:
        return _blamed("open_id", form, problem)


def _work_os(request: TenantRequest, row: SsoConnection, where: dict[str, str]) -> Done:
    form = work_os_form(row, request.POST)
    if not form.is_valid():
        return {"work_os": form}
    try:
        return _take_code(request, row, where, form.described(), form.cleaned_data["secret"])
    except Refused as problem:
        return _blamed("work_os", form, problem)


def _take_code(
    request: TenantRequest, row: SsoConnection, where: dict[str, str], described: dict[str, Any], secret: str
) -> HttpResponse:
    with tenant(request.actor.organization_id):
        actions.set_code_provider(actor=request.actor, connection_id=row.id, described=described, secret=secret.strip())
    return _said(request, where, row, "Saved. Now test it with a real sign-in.")


# ---- what is read as what, who comes in as what


def _names(request: TenantRequest, row: SsoConnection, where: dict[str, str]) -> Done:
    form = names_form(row, request.POST)
    if not form.is_valid():
        return {"names": form}
    try:
        with tenant(request.actor.organization_id):
            names = {name: value.strip() for name, value in form.cleaned_data.items()}
            actions.set_names(actor=request.actor, connection_id=row.id, names=names)
    except Refused as problem:
        return _blamed("names", form, problem)
    return _said(request, where, row, "Saved. Test it again: what is read has changed.")


def _roles(request: TenantRequest, row: SsoConnection, where: dict[str, str]) -> Done:
    form = roles_form(row, request.actor, request.POST)
    if {"more", "drop"} & set(request.POST):
        form.arrange()
        return {"roles": roles_form(row, request.actor, form=form)}
    if not form.is_valid():
        return {"roles": form}
    try:
        with tenant(request.actor.organization_id):
            actions.set_roles(
                actor=request.actor,
                connection_id=row.id,
                default_role=Role(form.cleaned_data["default_role"]),
                groups=form.cleaned_data["groups"],
                joins=form.cleaned_data["joins"],
            )
    except (Invalid, Denied) as problem:
        return _blamed("roles", form, problem)
    return _said(request, where, row, "Saved. It counts from everybody’s next sign-in.")


# ---- trying, switching


def _test(request: TenantRequest, row: SsoConnection, where: dict[str, str]) -> Done:
    if not selectors.is_complete(row):
        messages.error(request, "Say first what the provider gave you.")
        return _back(where, row)
    back = reverse("directory:connection", kwargs={**where, "id": row.id})
    try:
        return leave_for(request, begin_test(request, row.id, back=f"{back}#test"), row.name)
    except (Denied, Invalid) as problem:
        messages.error(request, str(problem))
        return _back(where, row)


def _enable(request: TenantRequest, row: SsoConnection, where: dict[str, str]) -> Done:
    try:
        instead_of = UUID(request.POST["instead_of"]) if request.POST.get("instead_of") else None
    except ValueError:
        raise Invalid from None
    with tenant(request.actor.organization_id):
        actions.enable_connection(actor=request.actor, connection_id=row.id, instead_of=instead_of)
    return _said(request, where, row, "Switched on. Members sign in by it from now on.")


def _disable(request: TenantRequest, row: SsoConnection, where: dict[str, str]) -> Done:
    with tenant(request.actor.organization_id):
        actions.disable_connection(actor=request.actor, connection_id=row.id)
    return _said(request, where, row, "Switched off. Nobody signs in by it now.")


def _or_say(act: Callable[[TenantRequest, SsoConnection, dict[str, str]], Done]) -> Callable[..., Done]:
    """For acts behind a button: why it is refused is said on the page."""

    def inner(request: TenantRequest, row: SsoConnection, where: dict[str, str]) -> Done:
        try:
            return act(request, row, where)
        except Refused as refused:
            messages.error(request, str(refused))
            return _back(where, row)

    return inner


_ACTS: dict[str, Callable[[TenantRequest, SsoConnection, dict[str, str]], Done]] = {
    "upload": _upload,
    "address": _address,
    "hand": _hand,
    "certificate": _add_certificate,
    "drop_certificate": _or_say(_drop_certificate),
    "open_id": _open_id,
    "work_os": _work_os,
    "names": _names,
    "roles": _roles,
    "test": _or_say(_test),
    "enable": _or_say(_enable),
    "disable": _or_say(_disable),
}
