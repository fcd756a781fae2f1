"""Setting up, changing, switching and removing the connections to an organization's identity providers (ACC-4).

What an active connection trusts stays as it was tried. To change it, it is switched off first; only a second
certificate comes and goes beside the first, so that a provider can change its key without locking anybody out.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from directory.actions.metadata import MOST_CERTIFICATES, IdentityProvider, check_certificates
from directory.models import SsoConnection
from directory.models.sso import ROLES_BY_SSO
from directory.selectors import connections as selectors
from directory.selectors.sso import PREFIX
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.authz.roles import Role, may_assign
from hq.lib.clock import now
from hq.lib.errors import Denied, Invalid, Refused
from hq.lib.ids import new_id

MOST_CONNECTIONS = 20
MOST_GROUPS = 100
Kind, Protocol, State = SsoConnection.Kind, SsoConnection.Protocol, SsoConnection.State
# What the parts of a configuration are called in the trail. Certificates are told by their fingerprints.
_TOLD = ("entity_id", "sso_url", "issuer", "client_id", "connection", "organization", "attributes", "claims")


class TooManyConnections(Refused):
    """There are as many connections here as an organization can have. Remove one that is no longer needed."""


class SwitchOffFirst(Refused):
    """People sign in by this connection now. Switch it off before you change what it trusts."""


class NotTested(Refused):
    """A connection is switched on after a test in which somebody would have been let in. Test it as it is now."""


class AlreadySo(Refused):
    """This was done already, or something else was meanwhile. Look at the page again."""


class SsoRequired(Refused):
    """The organization’s policy requires single sign-on. Change the policy first, then switch this off."""


class TooManyCertificates(Refused):
    """Two certificates are kept. Remove the one that the provider no longer signs with first."""


class LastCertificate(Refused):
    """Without its last certificate nothing that the provider says could be trusted."""


class CertificateKnown(Refused):
    """This certificate is here already."""


class RoleNotYours(Denied):
    """You cannot give away a role that stands above your own."""


class OwnersTrust(Denied):
    """Owners sign in by a connection too, so only an owner may say whom it trusts. Ask one of them."""


class BadMapping(Invalid):
    """The groups and roles cannot be kept like this."""


def _target(connection: SsoConnection) -> Target:
    return Target("sso_connection", connection.id, connection.name)


def _described(connection: SsoConnection) -> dict[str, Any]:
    """What the trail keeps of a connection: no secret, and of certificates only which."""
    config = connection.config
    told: dict[str, Any] = {name: config[name] for name in _TOLD if config.get(name)}
    if config.get("certificates"):
        told["certificates"] = [each.fingerprint for each in selectors.certificates_of(connection)]
    return told


def create_connection(
    *,
    actor: Actor,
    kind: str,
    protocol: str,
    name: str,
    names: Mapping[str, str] | None = None,
    connection_id: UUID | None = None,
) -> SsoConnection:
    """Begin a connection: a draft, which has its addresses and signs nobody in.

    `names` says which attribute or claim is what. Raises TooManyConnections.
    """
    gate.require(actor, Permission.IDENTITY_CHANGE)
    if len(selectors.list_connections(actor)) >= MOST_CONNECTIONS:
        raise TooManyConnections
    connection = SsoConnection(
        id=connection_id or new_id(),
        organization_id=actor.organization_id,
        kind=kind,
        protocol=protocol,
        name=name,
        config={_names_key(protocol): dict(names)} if names else {},
        groups={},
        created_by_id=actor.person_id or actor.id,
    )
    try:
        with transaction.atomic():
            connection.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadySo from error
    recorder.record(actor, Tag.SSO_CREATED, target=_target(connection), after={"kind": kind, "protocol": protocol})
    return connection


def _names_key(protocol: str) -> str:
    return "attributes" if protocol == Protocol.SAML else "claims"


# ---- what the provider is


def set_saml(*, actor: Actor, connection_id: UUID, provider: IdentityProvider) -> SsoConnection:
    """Take over what metadata, or somebody by hand, says of the provider.

    Where people sign in by it now, the only change it may bring is a second certificate, or one of two gone.
    Raises NotFound, SwitchOffFirst, OwnersTrust.
    """
    connection = _to_change(actor, connection_id, Protocol.SAML)
    before = _described(connection)
    had = list(connection.config.get("certificates") or [])
    pems = [each.pem for each in provider.certificates]
    config = {**connection.config, "entity_id": provider.entity_id, "sso_url": provider.sso_url, "certificates": pems}
    same = all(connection.config.get(name) == config[name] for name in ("entity_id", "sso_url"))
    added = same and bool(had) and set(had) <= set(pems)
    dropped = same and bool(pems) and set(pems) <= set(had)
    if connection.state == State.ACTIVE and not added and not dropped:
        raise SwitchOffFirst
    connection.config = config
    return _save(actor, connection, before, still_tested=added or connection.state == State.ACTIVE)


def add_certificate(*, actor: Actor, connection_id: UUID, text: str) -> SsoConnection:
    """Trust a second certificate beside the first.

    Raises NotFound, NotUsable, TooManyCertificates, CertificateKnown, OwnersTrust.
    """
    connection = _to_change(actor, connection_id, Protocol.SAML)
    before = _described(connection)
    had = list(connection.config.get("certificates") or [])
    (certificate,) = check_certificates([text])
    if certificate.pem in had:
        raise CertificateKnown
    if len(had) >= MOST_CERTIFICATES:
        raise TooManyCertificates
    connection.config = {**connection.config, "certificates": [*had, certificate.pem]}
    return _save(actor, connection, before, still_tested=bool(had))


def remove_certificate(*, actor: Actor, connection_id: UUID, fingerprint: str) -> SsoConnection:
    """Trust one of two certificates no longer. Raises NotFound, AlreadySo, LastCertificate."""
    connection = _to_change(actor, connection_id, Protocol.SAML)
    before = _described(connection)
    kept = [each.pem for each in selectors.certificates_of(connection) if each.fingerprint != fingerprint]
    if len(kept) == len(connection.config.get("certificates") or []):
        raise AlreadySo
    if not kept:
        raise LastCertificate
    connection.config = {**connection.config, "certificates": kept}
    return _save(actor, connection, before, still_tested=connection.state == State.ACTIVE)


def set_code_provider(
    *, actor: Actor, connection_id: UUID, described: Mapping[str, Any], secret: str = ""
) -> SsoConnection:
    """Take over what OpenID Connect or WorkOS needs. An empty `secret` leaves the one that is kept.

    A new secret alone is no change of trust: the provider is the same. Raises NotFound, SwitchOffFirst.
    """
    connection = _to_change(actor, connection_id, Protocol.OIDC, Protocol.WORKOS)
    before = _described(connection)
    names = {"claims": connection.config["claims"]} if "claims" in connection.config else {}
    config = {**described, **names}
    changed = config != connection.config
    if connection.state == State.ACTIVE and changed:
        raise SwitchOffFirst
    connection.config = config
    if secret:
        connection.secret = secret
    still_tested = not changed and (not secret or connection.state == State.ACTIVE)
    return _save(actor, connection, before, still_tested=still_tested, more={"secret_replaced": True} if secret else {})


def set_names(*, actor: Actor, connection_id: UUID, names: Mapping[str, str]) -> SsoConnection:
    """Say which attribute or claim is the address, the name, the groups. Raises NotFound, SwitchOffFirst."""
    connection = _to_change(actor, connection_id, Protocol.SAML, Protocol.OIDC)
    before = _described(connection)
    if connection.state == State.ACTIVE:
        raise SwitchOffFirst
    kept = {name: attribute for name, attribute in names.items() if attribute}
    connection.config = {**connection.config, _names_key(connection.protocol): kept}
    return _save(actor, connection, before, still_tested=False)


def _to_change(actor: Actor, connection_id: UUID, *protocols: str) -> SsoConnection:
    gate.require(actor, Permission.IDENTITY_CHANGE)
    connection = selectors.get_connection(actor, connection_id, lock=True)
    if connection.protocol not in protocols:
        raise AlreadySo
    return connection


def _save(
    actor: Actor,
    connection: SsoConnection,
    before: dict[str, Any],
    *,
    still_tested: bool,
    more: Mapping[str, bool] | None = None,
) -> SsoConnection:
    connection.changed_at = now()
    if not still_tested:
        connection.tested_at = connection.tested_by_id = None
    ends = _ends_at(connection)
    if ends != connection.certificate_expires_at:
        connection.certificate_expires_at, connection.warned_at = ends, None
    after = _described(connection)
    if connection.state == State.ACTIVE and set(after.get("certificates", ())) - set(before.get("certificates", ())):
        _require_owner(actor)
    connection.save()
    after |= dict(more or {})
    recorder.record(actor, Tag.SSO_CHANGED, target=_target(connection), before=before, after=after)
    return connection


def _require_owner(actor: Actor) -> None:
    """Whom a connection trusts can sign in as anybody at the domains, owners included: an admin must not rise by it."""
    if actor.role is not Role.OWNER:
        raise OwnersTrust


def _ends_at(connection: SsoConnection) -> datetime | None:
    """When the last of its certificates ends: until then there is one to sign with."""
    return max((each.expires_at for each in selectors.certificates_of(connection)), default=None)


# ---- who comes in as what


def set_roles(
    *,
    actor: Actor,
    connection_id: UUID,
    default_role: Role,
    groups: Sequence[tuple[str, Role]],
    joins: bool,
) -> SsoConnection:
    """Say which role whom gets, by group and otherwise; and whether somebody new joins.

    Raises NotFound, BadMapping, RoleNotYours.
    """
    gate.require(actor, Permission.IDENTITY_CHANGE)
    connection = selectors.get_connection(actor, connection_id, lock=True)
    mapped = {group: role.value for group, role in groups}
    if len(groups) > MOST_GROUPS or len(mapped) != len(groups):
        raise BadMapping(
            "A group stands in the table twice." if len(groups) <= MOST_GROUPS else f"{MOST_GROUPS} groups at most."
        )
    before = _roles(connection)
    for role in {default_role, *(role for _, role in groups)} - {Role(role) for role in before["groups"].values()}:
        if role.value not in ROLES_BY_SSO or not may_assign(actor.role, role):
            raise RoleNotYours
    connection.default_role, connection.groups, connection.joins = default_role.value, mapped, joins
    connection.changed_at = now()
    connection.save()
    recorder.record(actor, Tag.SSO_CHANGED, target=_target(connection), before=before, after=_roles(connection))
    return connection


def _roles(connection: SsoConnection) -> dict[str, Any]:
    return {
        "default_role": str(connection.default_role),
        "groups": dict(connection.groups or {}),
        "joins": connection.joins,
    }


# ---- on, off, away


def enable_connection(*, actor: Actor, connection_id: UUID, instead_of: UUID | None = None) -> SsoConnection:
    """Sign members in by it from now on. Another that is on is switched off in the same act: the caller names it.

    Raises NotFound, OwnersTrust, NotTested, AlreadySo.
    """
    gate.require(actor, Permission.IDENTITY_CHANGE)
    _require_owner(actor)
    everyone = SsoConnection.objects.filter(organization_id=actor.organization_id).order_by("pk")
    list(everyone.select_for_update(no_key=True))  # two at once would each find the other off
    connection, former = selectors.get_connection(actor, connection_id), selectors.find_active_connection(actor)
    if connection.state == State.ACTIVE or instead_of != (former.id if former else None):
        raise AlreadySo
    if connection.tested_at is None or not selectors.is_complete(connection):
        raise NotTested
    if former is not None:
        former.state = State.DISABLED
        former.save(update_fields=["state"])
    connection.state = State.ACTIVE
    connection.save(update_fields=["state"])
    if former is not None:
        recorder.record(actor, Tag.SSO_DISABLED, target=_target(former))
    recorder.record(actor, Tag.SSO_ENABLED, target=_target(connection))
    return connection


def disable_connection(*, actor: Actor, connection_id: UUID) -> SsoConnection:
    """Sign nobody in by it from now on; sessions go on. Raises NotFound, AlreadySo, SsoRequired."""
    gate.require(actor, Permission.IDENTITY_CHANGE)
    connection = selectors.get_connection(actor, connection_id, lock=True)
    if connection.state != State.ACTIVE:
        raise AlreadySo
    if selectors.is_required(actor):
        raise SsoRequired
    connection.state = State.DISABLED
    connection.save(update_fields=["state"])
    recorder.record(actor, Tag.SSO_DISABLED, target=_target(connection))
    return connection


def remove_connection(*, actor: Actor, connection_id: UUID) -> SsoConnection:
    """Forget the connection, and which accounts came by it. The accounts and memberships stay.

    Raises NotFound, SwitchOffFirst.
    """
    gate.require(actor, Permission.IDENTITY_CHANGE)
    connection = selectors.get_connection(actor, connection_id, lock=True)
    if connection.state == State.ACTIVE:
        raise SwitchOffFirst
    before = {"kind": connection.kind, "protocol": connection.protocol} | _described(connection)
    SocialAccount.objects.filter(provider=f"{PREFIX}{connection.id}").delete()
    SsoConnection.objects.filter(organization_id=actor.organization_id, pk=connection.id).delete()
    recorder.record(actor, Tag.SSO_REMOVED, target=_target(connection), before=before)
    return connection
