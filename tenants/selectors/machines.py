"""Reads of API keys and service accounts."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.lib.clock import now
from hq.lib.errors import NotFound
from tenants.models import ApiKey, ServiceAccount
from tenants.selectors.access import Position, after_name


def _here(actor: Actor) -> Q:
    return Q(organization_id=actor.organization_id, environment_id=environment_of(actor))


def list_api_keys(actor: Actor, *, before: UUID | None = None, limit: int = 200) -> Sequence[ApiKey]:
    """Keys of the actor's environment, newest first; up to limit + 1."""
    gate.require(actor, Permission.API_KEYS_READ)
    rows = ApiKey.objects.filter(_here(actor)).select_related("created_by", "service_account")
    return list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: limit + 1])


def get_api_key(actor: Actor, key_id: UUID, *, lock: bool = False) -> ApiKey:
    """One key of the actor's environment, for a caller that has asked the gate for its own verb."""
    rows = ApiKey.objects.filter(_here(actor), pk=key_id)
    key = (rows.select_for_update(no_key=True) if lock else rows).first()
    if key is None:
        raise NotFound
    return key


def list_service_accounts(actor: Actor, *, after: Position | None = None, limit: int = 200) -> Sequence[ServiceAccount]:
    """Those that have not ended, by name, each with `keys`, how many work in the environment; up to limit + 1."""
    gate.require(actor, Permission.ACCESS_READ)
    rows = ServiceAccount.objects.filter(organization_id=actor.organization_id, ended_at=None)
    keys = live_keys(actor).filter(service_account_id=OuterRef("pk")).order_by().values("service_account_id")
    rows = rows.annotate(keys=Coalesce(Subquery(keys.annotate(found=Count("pk")).values("found")), 0))
    return list((rows.filter(after_name(after)) if after else rows).order_by("name", "pk")[: limit + 1])


def live_keys(actor: Actor) -> QuerySet[ApiKey]:
    """Keys of the actor's environment that work now. Asks no permission: for this room only."""
    return ApiKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now()), _here(actor), revoked_at=None)


def list_keys_of(actor: Actor, account_id: UUID) -> Sequence[ApiKey]:
    """Keys of a service account in the actor's environment that are not revoked, newest first. Raises NotFound."""
    gate.require(actor, Permission.API_KEYS_READ)
    account = get_service_account(actor, account_id)
    rows = ApiKey.objects.filter(_here(actor), service_account_id=account.id, revoked_at=None)
    return list(rows.select_related("created_by").order_by("-pk"))


def count_keys_of(actor: Actor, account_id: UUID) -> int:
    """How many keys of a service account are not revoked, in both environments: what ends with it."""
    gate.require(actor, Permission.ACCESS_READ)
    rows = ApiKey.objects.filter(organization_id=actor.organization_id, service_account_id=account_id, revoked_at=None)
    return rows.count()


def get_service_account(actor: Actor, account_id: UUID, *, lock: bool = False) -> ServiceAccount:
    """One that has not ended, for a caller that has asked the gate for its own verb."""
    rows = ServiceAccount.objects.filter(organization_id=actor.organization_id, pk=account_id, ended_at=None)
    account = (rows.select_for_update(no_key=True) if lock else rows).first()
    if account is None:
        raise NotFound
    return account
