"""What only the portal reads: how exchanges went lately, what works now, one exchange."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, Q

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.lib.clock import now
from hq.lib.errors import NotFound
from workloads.models import Exchange, Token

LATELY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one trust: exchanges of the last day, and tokens that work now."""

    given: int
    refused: int
    live: int


def count_refused(actor: Actor, trust_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Refusals of the last day by trust, in one query. A trust without any is not there."""
    gate.require(actor, Permission.API_KEYS_READ)
    rows = Exchange.objects.filter(
        organization_id=actor.organization_id, trust__in=trust_ids, given=False, at__gt=now() - LATELY
    )
    return dict(rows.order_by().values_list("trust").annotate(found=Count("pk")))


def get_figures(actor: Actor, trust_id: UUID) -> Figures:
    """For a trust that was read already."""
    gate.require(actor, Permission.API_KEYS_READ)
    rows = Exchange.objects.filter(organization_id=actor.organization_id, trust=trust_id, at__gt=now() - LATELY)
    counted = rows.aggregate(all=Count("pk"), refused=Count("pk", filter=Q(given=False)))
    return Figures(counted["all"] - counted["refused"], counted["refused"], count_live(actor, trust_id))


def count_live(actor: Actor, trust_id: UUID) -> int:
    """How many tokens of a trust work now: what ends with it."""
    gate.require(actor, Permission.API_KEYS_READ)
    here = {"organization_id": actor.organization_id, "trust": trust_id}
    return Token.objects.filter(**here, expires_at__gt=now()).count()


def get_exchange(actor: Actor, exchange_id: UUID) -> Exchange:
    """One of the actor's environment, with its trust. Raises NotFound."""
    gate.require(actor, Permission.API_KEYS_READ)
    rows = Exchange.objects.filter(organization_id=actor.organization_id, trust__environment_id=environment_of(actor))
    found = rows.select_related("trust").filter(pk=exchange_id).first()
    if found is None:
        raise NotFound
    return found
