"""Reads of storage credentials: everybody sees their own, and whoever sees API keys sees all of an environment."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q, QuerySet

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.lib.clock import now
from hq.lib.errors import Denied, NotFound
from vault.models import StorageCredential


def list_credentials(actor: Actor, *, before: UUID | None = None, limit: int = 50) -> Sequence[StorageCredential]:
    """Live ones, newest first, up to limit + 1. Raises Denied to whoever could have none."""
    rows = _visible(actor, Permission.API_KEYS_READ).filter(revoked_at=None, expires_at__gt=now())
    return list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: limit + 1])


def get_credentials(actor: Actor, credentials_id: UUID, *, revoking: bool = False) -> StorageCredential:
    """One of those that the actor sees, ended or not; `revoking`: that they may revoke, locked.

    Raises Denied, whatever is there, to whoever has none of this id and may not look after those of others; NotFound.
    """
    of_others = Permission.API_KEYS_REVOKE if revoking else Permission.API_KEYS_READ
    rows = _visible(actor, of_others)
    row = (rows.select_for_update(no_key=True) if revoking else rows).filter(pk=credentials_id).first()
    if row is None:
        gate.require(actor, of_others)
        raise NotFound
    return row


def count_live_credentials(actor: Actor) -> int:
    """How many the actor has itself."""
    mine = _here(actor).filter(issued_to_kind=actor.kind, issued_to_id=actor.id)
    return mine.filter(revoked_at=None, expires_at__gt=now()).count()


def bucket_name_of(row: StorageCredential) -> str:
    """What the environment is called at the S3 door: the organization's address and the environment's name."""
    return f"{row.organization.slug.replace('_', '-')}-{row.environment.name}"


def _here(actor: Actor) -> QuerySet[StorageCredential]:
    return StorageCredential.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))


def _visible(actor: Actor, of_others: Permission) -> QuerySet[StorageCredential]:
    """One's own; those of others for whoever holds this permission. A key sees what its person has."""
    if not gate.reaches(actor, Permission.OBJECTS_READ):
        raise Denied(f"{Permission.OBJECTS_READ} is not granted to you.")
    rows = _here(actor)
    if gate.allows(actor, of_others):
        return rows
    mine = Q(issued_to_kind=actor.kind, issued_to_id=actor.id)
    if actor.principal_id is not None:
        mine |= Q(membership_id=actor.principal_id) | Q(service_account_id=actor.principal_id)
    return rows.filter(mine)
