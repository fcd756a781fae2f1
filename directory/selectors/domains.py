"""Reads of the domains that an organization has shown, or wants to show, to be its own."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from directory.models import Domain
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db import lookups
from hq.lib.errors import NotFound
from hq.lib.mail_addresses import domain_of


def list_domains(actor: Actor) -> Sequence[Domain]:
    """By name."""
    gate.require(actor, Permission.IDENTITY_READ)
    return list(Domain.objects.filter(organization_id=actor.organization_id).order_by("name"))


def get_domain(actor: Actor, domain_id: UUID, *, lock: bool = False) -> Domain:
    """Raises NotFound."""
    gate.require(actor, Permission.IDENTITY_READ)
    rows = Domain.objects.filter(organization_id=actor.organization_id, pk=domain_id)
    domain = (rows.select_for_update(no_key=True) if lock else rows).first()
    if domain is None:
        raise NotFound
    return domain


def is_at_verified(organization_id: UUID, address: str) -> bool:
    """True if the address is at a domain that the organization has shown to be its own. Inside its own context."""
    domain = domain_of(address)
    rows = Domain.objects.filter(organization_id=organization_id, name=domain, verified_at__isnull=False)
    return domain is not None and rows.exists()


def list_attention(*, at: datetime, looked_before: datetime) -> list[tuple[UUID, str]]:
    """Organizations with `domains` that were last seen right before a time, or `certificates` to warn of."""
    rows = lookups.call("directory_attention", at, looked_before)
    return [(row["organization_id"], row["what"]) for row in rows]
