"""Trusts of the actor's environment, and exchanges by them."""

from collections.abc import Sequence
from uuid import UUID

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.lib.errors import NotFound
from workloads.models import Exchange, Trust

GIVEN, REFUSED = "given", "refused"


def list_trusts(actor: Actor, *, before: UUID | None = None, limit: int = 200) -> Sequence[Trust]:
    """Newest first, each with its service account, which may have ended; up to limit + 1."""
    gate.require(actor, Permission.API_KEYS_READ)
    rows = Trust.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))
    rows = rows.select_related("service_account")
    return list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: limit + 1])


def get_trust(actor: Actor, trust_id: UUID) -> Trust:
    """One of them, with its service account. Raises NotFound."""
    gate.require(actor, Permission.API_KEYS_READ)
    rows = Trust.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))
    trust = rows.select_related("service_account").filter(pk=trust_id).first()
    if trust is None:
        raise NotFound
    return trust


def scopes_now(organization_id: UUID, trust_id: UUID) -> frozenset[Permission]:
    """What a trust gives now: nothing once it was removed or switched off, or its service account has ended."""
    rows = Trust.objects.filter(organization_id=organization_id, pk=trust_id, disabled_at=None)
    scopes = rows.filter(service_account__ended_at=None).values_list("scopes", flat=True).first()
    return frozenset(Permission(scope) for scope in scopes or ())


def list_exchanges(
    actor: Actor,
    *,
    trust_id: UUID | None = None,
    outcome: str = "",
    before: UUID | None = None,
    limit: int = 200,
) -> Sequence[Exchange]:
    """What was asked for, newest first, each with its trust; up to limit + 1. `outcome` is GIVEN, REFUSED or both.

    Raises NotFound for no such trust.
    """
    gate.require(actor, Permission.API_KEYS_READ)
    rows = Exchange.objects.filter(organization_id=actor.organization_id, trust__environment_id=environment_of(actor))
    if trust_id is not None:
        rows = rows.filter(trust_id=get_trust(actor, trust_id).id)
    if outcome:
        rows = rows.filter(given=outcome == GIVEN)
    rows = rows.select_related("trust")
    return list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: limit + 1])
