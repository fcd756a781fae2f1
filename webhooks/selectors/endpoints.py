"""Endpoints, their secrets, and how they were of late."""

from collections.abc import Iterable, Sequence
from datetime import UTC, timedelta
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncHour

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.crypto import webhooks as crypto
from hq.db.locks import hold
from hq.lib.clock import now
from hq.lib.errors import NotFound
from webhooks.models import Attempt, Endpoint, Secret

HOURS = 24
ARRIVED = Q(status__gte=200, status__lt=300)
# For each of the last 24 hours, oldest first: how many sendings arrived, and how many did not.
Health = list[tuple[int, int]]


def _here(actor: Actor) -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))


def list_endpoints(actor: Actor, *, before: UUID | None = None, limit: int = 200) -> Sequence[Endpoint]:
    """Endpoints of the actor's environment, newest first; up to limit + 1."""
    gate.require(actor, Permission.WEBHOOKS_MANAGE)
    rows = _here(actor)
    return list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: limit + 1])


def get_endpoint(actor: Actor, endpoint_id: UUID, *, lock: bool = False) -> Endpoint:
    """One endpoint of the actor's environment. Raises Denied, NotFound."""
    gate.require(actor, Permission.WEBHOOKS_MANAGE)
    rows = _here(actor).filter(pk=endpoint_id)
    endpoint = (rows.select_for_update(no_key=True) if lock else rows).first()
    if endpoint is None:
        raise NotFound
    return endpoint


def count_endpoints(actor: Actor) -> int:
    """How many there are in the actor's environment. Asks no permission: for this room only."""
    return _here(actor).count()


def lock_endpoints(actor: Actor) -> None:
    """Until the transaction ends nobody else adds one to the actor's environment."""
    hold(f"hq.webhooks:{environment_of(actor)}")


def list_secrets(actor: Actor, endpoint_id: UUID) -> Sequence[Secret]:
    """What it is signed with now, the current one first. Raises Denied, NotFound."""
    return live_secrets(get_endpoint(actor, endpoint_id))


def live_secrets(endpoint: Endpoint) -> Sequence[Secret]:
    """Those that still sign, the current one first. Asks no permission: for this room only."""
    rows = Secret.objects.filter(organization_id=endpoint.organization_id, endpoint_id=endpoint.id)
    return list(rows.filter(Q(expires_at=None) | Q(expires_at__gt=now())).order_by("-pk"))


def signing(endpoint: Endpoint) -> Sequence[crypto.Secret]:
    """The live secrets, opened."""
    return [crypto.Secret.read(row.symmetric, row.private) for row in live_secrets(endpoint)]


def health_strip(actor: Actor, endpoint_ids: Iterable[UUID]) -> dict[UUID, Health]:
    """How the last 24 hours were, for each endpoint. What was sent again by hand does not count."""
    gate.require(actor, Permission.WEBHOOKS_MANAGE)
    last = now().replace(minute=0, second=0, microsecond=0)
    first = last - timedelta(hours=HOURS - 1)
    rows = Attempt.objects.filter(
        organization_id=actor.organization_id,
        at__gte=first,
        at__lt=last + timedelta(hours=1),  # the hour may turn meanwhile, and a worker's clock be ahead
        replay=False,
        delivery__endpoint__in=_here(actor).filter(pk__in=list(endpoint_ids)),
    )
    found: dict[UUID, Health] = {endpoint_id: [(0, 0)] * HOURS for endpoint_id in endpoint_ids}
    counted = rows.annotate(hour=TruncHour("at", tzinfo=UTC)).values("delivery__endpoint_id", "hour")
    for row in counted.annotate(all=Count("pk"), well=Count("pk", filter=ARRIVED)):
        hours = int((row["hour"] - first).total_seconds() // 3600)
        found[row["delivery__endpoint_id"]][hours] = (row["well"], row["all"] - row["well"])
    return found
