"""Reads of connections, before it is known who comes and after."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.urls import reverse

from directory.models import SsoConnection
from directory.selectors.domains import is_at_verified
from directory.selectors.roles import Roles
from hq.authz.roles import Role
from hq.db import lookups
from hq.db.context import tenant
from hq.lib.mail_addresses import domain_of
from tenants import selectors as tenants

PREFIX = "sso-"
Protocol, State = SsoConnection.Protocol, SsoConnection.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One way to an organization's identity provider, opened. Never stored, never printed whole."""

    id: UUID
    organization_id: UUID
    organization_name: str
    protocol: str
    kind: str
    state: str
    name: str
    joins: bool
    default_role: Role
    groups: Mapping[str, str]
    config: Mapping[str, Any] = field(repr=False)
    secret: str | None = field(repr=False)

    @property
    def provider_id(self) -> str:
        """What accounts at this provider are kept under: the same person's name elsewhere is another account."""
        return f"{PREFIX}{self.id}"

    @property
    def roles(self) -> Roles:
        return Roles.read(self.groups, self.default_role)

    @property
    def is_active(self) -> bool:
        return self.state == State.ACTIVE

    def address(self, part: str) -> str:
        """A full address of this connection: `start`, `acs`, `finish`, `callback` or `metadata`.

        By what HQ is configured with, never by what a request calls it: these are pasted at the provider.
        """
        return settings.BASE_URL + reverse(f"sso_{part}", kwargs={"id": self.id})


def find_connection(connection_id: UUID) -> Connection | None:
    """The connection in any state, if its organization is open: neither being made, nor suspended, nor closed."""
    found = lookups.one("directory_find_connection", connection_id)
    if found is None:
        return None
    with tenant(found["organization_id"]):
        organization = tenants.find_open(found["organization_id"])
        row = SsoConnection.objects.filter(pk=connection_id).first()
        return None if organization is None or row is None else _opened(row, organization.name)


def _opened(row: SsoConnection, organization_name: str) -> Connection:
    return Connection(
        id=row.id,
        organization_id=row.organization_id,
        organization_name=organization_name,
        protocol=row.protocol,
        kind=row.kind,
        state=row.state,
        name=row.name,
        joins=row.joins,
        default_role=Role(row.default_role),
        groups=row.groups or {},
        config=row.config,
        secret=row.secret,
    )


def find_active(connection_id: UUID) -> Connection | None:
    """The connection if members sign in by it now."""
    connection = find_connection(connection_id)
    return connection if connection is not None and connection.is_active else None


def find_provider(provider_id: str) -> Connection | None:
    """The active connection by allauth's name for it, or None: also for any other text."""
    try:
        return find_active(UUID(provider_id.removeprefix(PREFIX))) if provider_id.startswith(PREFIX) else None
    except ValueError:
        return None


def find_by_address(address: str) -> Connection | None:
    """The active connection of the organization that has shown the address's domain to be its own."""
    domain = domain_of(address)
    found = lookups.one("directory_find_domain", domain) if domain else None
    return find_active(found["connection_id"]) if found and found["connection_id"] else None


def vouches(connection: Connection, address: str) -> bool:
    """True if the address is at a domain that the connection's organization has verified, now, itself."""
    with tenant(connection.organization_id):
        return is_at_verified(connection.organization_id, address)


def sign_in_address(organization_id: UUID) -> str:
    """Where the people of an organization sign in by its identity provider, or "" if there is no such way now."""
    connection_id = active_connection(organization_id)
    return reverse("sso_start", kwargs={"id": connection_id}) if connection_id else ""


def active_connection(organization_id: UUID) -> UUID | None:
    """The one by which an organization's people sign in now."""
    with tenant(organization_id):
        active = SsoConnection.objects.filter(organization_id=organization_id, state=State.ACTIVE)
        return active.values_list("id", flat=True).first()


def people_who_came(organization_id: UUID) -> frozenset[UUID]:
    """Who has come in by the connection that is active now."""
    came = SocialAccount.objects.filter(provider=f"{PREFIX}{active_connection(organization_id)}")
    return frozenset(came.values_list("user_id", flat=True))
