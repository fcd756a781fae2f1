"""What the page of a connection shows."""

from datetime import datetime
from typing import Any

from django.http import QueryDict

from directory.actions.certificates import WARNED_BEFORE
from directory.actions.sign_in import TestResult, last_test
from directory.forms import (
    AddressForm,
    CertificateForm,
    ClaimNamesForm,
    HandForm,
    OpenIdForm,
    RolesForm,
    SamlNamesForm,
    UploadForm,
    WorkOsForm,
)
from directory.models import SsoConnection
from directory.selectors import connections as selectors
from directory.selectors import sso
from directory.selectors.domains import list_domains
from directory.views.guides import guide_of, pasted
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.crypto.certificates import Certificate
from hq.lib.clock import now
from hq.lib.errors import NotFound
from hq.lib.mail_addresses import domain_of
from hq.web import fresh
from hq.web.request import TenantRequest

Protocol, State = SsoConnection.Protocol, SsoConnection.State


def page(request: TenantRequest, row: SsoConnection, forms: dict[str, Any]) -> dict[str, Any]:
    """The context of one connection's page. `forms`: those that were posted and have to be corrected."""
    actor, at = request.actor, now()
    opened = sso.find_connection(row.id)
    if opened is None:
        raise NotFound
    guide = guide_of(row.kind, row.protocol)
    former = selectors.find_active_connection(actor)
    names = [domain.name for domain in list_domains(actor) if domain.verified_at]
    result = _result(request, row)
    return {
        "connection": row,
        "saml": row.protocol == Protocol.SAML,
        "guide": guide,
        "pasted": pasted(guide, opened),
        "complete": selectors.is_complete(row),
        "facts": _facts(row),
        "certificates": [_certificate(each, at) for each in selectors.certificates_of(row)],
        "ends_soon": ends_soon(row, at),
        "domains": names,
        "result": result,
        "advice": _advice(result, names) if result and result.problem else "",
        "former": former if former and former.id != row.id else None,
        "required": selectors.is_required(actor),
        "is_active": row.state == State.ACTIVE,
        "may_change": gate.allows(actor, Permission.IDENTITY_CHANGE),
        "proof": fresh.proof_of(request),
        "start_url": opened.address("start"),
        **_forms(row, actor, forms),
    }


def _result(request: TenantRequest, row: SsoConnection) -> TestResult | None:
    """The newest test in this session, unless the connection was changed since."""
    result = last_test(request, row.id)
    return result if result and result.at >= row.changed_at.timestamp() else None


def _advice(result: TestResult, verified: list[str]) -> str:
    """What to do about it, as far as it can be told from here."""
    if not result.seen:
        return "Compare what stands at the provider with the first step, and what stands here with what it shows."
    if not result.email:
        return "The answer has no address. Below is all that it says: name the one that holds the address in step 2."
    domain = domain_of(result.email)
    if domain is None:
        return f"“{result.email}” is no address. Name the attribute that holds one in step 2."
    if domain not in verified:
        return f"Verify {domain}, if it is yours: addresses of other domains are never let in."
    return ""


def _facts(row: SsoConnection) -> list[tuple[str, str]]:
    config = row.config
    told = (
        ("Entity ID", "entity_id"),
        ("Sign-on address", "sso_url"),
        ("Issuer", "issuer"),
        ("Client ID", "client_id"),
        ("Organization", "organization"),
        ("Connection", "connection"),
    )
    facts = [(label, str(config[name])) for label, name in told if config.get(name)]
    if row.secret:
        facts.append(("API key" if row.protocol == Protocol.WORKOS else "Client secret", "kept, and never shown again"))
    return facts


def _certificate(certificate: Certificate, at: datetime) -> dict[str, Any]:
    return {
        "certificate": certificate,
        "over": certificate.expires_at <= at,
        "soon": certificate.expires_at - at <= WARNED_BEFORE[0],
        "early": certificate.begins_at > at,
    }


def ends_soon(row: SsoConnection, at: datetime) -> bool:
    """Whether the last of its certificates ends within a month, or has."""
    return row.certificate_expires_at is not None and row.certificate_expires_at - at <= WARNED_BEFORE[0]


# ---- forms, as they are first and as they come back


def _forms(row: SsoConnection, actor: Actor, posted: dict[str, Any]) -> dict[str, Any]:
    forms: dict[str, Any] = {"roles": roles_form(row, actor)}
    if row.protocol == Protocol.SAML:
        forms |= {
            "upload": UploadForm(),
            "address": AddressForm(),
            "hand": HandForm(initial={name: row.config.get(name, "") for name in ("entity_id", "sso_url")}),
            "certificate": CertificateForm(auto_id="second_%s"),
            "names": names_form(row),
        }
    elif row.protocol == Protocol.OIDC:
        forms |= {"open_id": open_id_form(row), "names": names_form(row)}
    else:
        forms |= {"work_os": work_os_form(row)}
    return {f"{name}_form": form for name, form in (forms | posted).items()} | {"posted": set(posted)}


def names_form(row: SsoConnection, data: QueryDict | None = None) -> SamlNamesForm | ClaimNamesForm:
    if row.protocol == Protocol.SAML:
        return SamlNamesForm(data, initial=row.config.get("attributes") or {}, auto_id="names_%s")
    return ClaimNamesForm(data, initial=row.config.get("claims") or {}, auto_id="names_%s")


def open_id_form(row: SsoConnection, data: QueryDict | None = None) -> OpenIdForm:
    initial = {name: row.config.get(name, "") for name in ("issuer", "client_id")}
    example = guide_of(row.kind, row.protocol).issuer
    return OpenIdForm(data, initial=initial, kept=bool(row.secret), example=example)


def work_os_form(row: SsoConnection, data: QueryDict | None = None) -> WorkOsForm:
    bound = row.config.get("connection") or row.config.get("organization") or ""
    initial = {"client_id": row.config.get("client_id", ""), "bound": bound}
    return WorkOsForm(data, initial=initial, kept=bool(row.secret))


def roles_form(
    row: SsoConnection, actor: Actor, data: QueryDict | None = None, *, form: RolesForm | None = None
) -> RolesForm:
    """`form`: one whose rows were arranged, to be filled in further."""
    initial: dict[str, Any] = {"default_role": str(row.default_role), "joins": row.joins}
    groups = sorted((row.groups or {}).items())
    if form is not None:
        initial = {"default_role": form.data.get("default_role"), "joins": bool(form.data.get("joins"))}
        groups = form.rows
    return RolesForm(data, initial=initial, actor=actor, groups=groups, auto_id="roles_%s")
