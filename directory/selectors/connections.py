"""Reads of connections for those who look after them. How a sign-in finds one is in `sso`."""

from collections.abc import Sequence
from uuid import UUID

from directory.models import SsoConnection
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.crypto.certificates import Certificate, read_certificate
from hq.lib.errors import NotFound
from tenants import selectors as tenants


def list_connections(actor: Actor) -> Sequence[SsoConnection]:
    """The active one first, then by name."""
    gate.require(actor, Permission.IDENTITY_READ)
    rows = SsoConnection.objects.filter(organization_id=actor.organization_id).order_by("name", "pk")
    return sorted(rows, key=lambda row: row.state != SsoConnection.State.ACTIVE)


def get_connection(actor: Actor, connection_id: UUID, *, lock: bool = False) -> SsoConnection:
    """Raises NotFound."""
    gate.require(actor, Permission.IDENTITY_READ)
    rows = SsoConnection.objects.filter(organization_id=actor.organization_id, pk=connection_id)
    connection = (rows.select_for_update(no_key=True) if lock else rows).first()
    if connection is None:
        raise NotFound
    return connection


def find_active_connection(actor: Actor) -> SsoConnection | None:
    """The one by which members sign in now."""
    gate.require(actor, Permission.IDENTITY_READ)
    rows = SsoConnection.objects.filter(organization_id=actor.organization_id, state=SsoConnection.State.ACTIVE)
    return rows.first()


def certificates_of(connection: SsoConnection) -> list[Certificate]:
    """Those of a SAML connection, in the order in which they came."""
    return [read_certificate(pem) for pem in connection.config.get("certificates") or []]


def is_required(actor: Actor) -> bool:
    """Whether the organization's policy lets people in by single sign-on only."""
    return bool(tenants.get_organization(actor).sso_required)


def is_complete(connection: SsoConnection) -> bool:
    """Whether enough is known of the provider to send somebody there."""
    config = connection.config
    if connection.protocol == SsoConnection.Protocol.SAML:
        return bool(config.get("entity_id") and config.get("sso_url") and config.get("certificates"))
    if connection.protocol == SsoConnection.Protocol.OIDC:
        return bool(config.get("issuer") and config.get("client_id") and connection.secret)
    return bool(
        config.get("client_id") and (config.get("connection") or config.get("organization")) and connection.secret
    )
