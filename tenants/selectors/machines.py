"""Reads of API keys and service accounts."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.lib.errors import NotFound
from tenants.models import ApiKey, ServiceAccount


def _here(actor: Actor) -> Q:
    return Q(organization_id=actor.organization_id, environment_id=environment_of(actor))


def list_api_keys(actor: Actor, *, before: UUID | None = None, limit: int = 200) -> Sequence[ApiKey]:
    """Keys of the actor's environment, newest first; up to limit + 1."""
    gate.require(actor, Permission.API_KEYS_READ)
    rows = ApiKey.objects.filter(_here(actor)).select_related("created_by")
    return list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: limit + 1])


def get_api_key(actor: Actor, key_id: UUID, *, lock: bool = False) -> ApiKey:
    """One key of the actor's environment, for a caller that has asked the gate for its own verb."""
    rows = ApiKey.objects.filter(_here(actor), pk=key_id)
    key = (rows.select_for_update(no_key=True) if lock else rows).first()
    if key is None:
        raise NotFound
    return key


def list_service_accounts(actor: Actor) -> Sequence[ServiceAccount]:
    """Those that have not ended, by name."""
    gate.require(actor, Permission.ACCESS_READ)
    return list(
        ServiceAccount.objects.filter(organization_id=actor.organization_id, ended_at=None).order_by("name", "id")
    )


def get_service_account(actor: Actor, account_id: UUID, *, lock: bool = False) -> ServiceAccount:
    """One that has not ended, for a caller that has asked the gate for its own verb."""
    rows = ServiceAccount.objects.filter(organization_id=actor.organization_id, pk=account_id, ended_at=None)
    account = (rows.select_for_update(no_key=True) if lock else rows).first()
    if account is None:
        raise NotFound
    return account
