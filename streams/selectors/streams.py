"""Streams of an environment, and what each has sent of late."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import QuerySet

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.db.locks import hold
from hq.lib.errors import NotFound
from streams.models import Batch, Position, Stream


def require_both(actor: Actor) -> None:
    """Who makes a stream sends the trail elsewhere, so they must be allowed to read it. Raises Denied."""
    gate.require(actor, Permission.WEBHOOKS_MANAGE)
    gate.require(actor, Permission.AUDIT_READ)


def _here(actor: Actor) -> QuerySet[Stream]:
    return Stream.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))


def list_streams(actor: Actor, *, before: UUID | None = None, limit: int = 200) -> Sequence[Stream]:
    """Streams of the actor's environment with their positions, newest first; up to limit + 1. Raises Denied."""
    require_both(actor)
    rows = _here(actor).prefetch_related("positions")
    return list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: limit + 1])


def get_stream(actor: Actor, stream_id: UUID, *, lock: bool = False) -> Stream:
    """One stream of the actor's environment. Raises Denied, NotFound."""
    require_both(actor)
    rows = _here(actor).filter(pk=stream_id)
    stream = (rows.select_for_update(no_key=True) if lock else rows).first()
    if stream is None:
        raise NotFound
    return stream


def list_positions(stream: Stream) -> list[Position]:
    """How far it is in each log that it sends, by log. Asks no permission: for this room only."""
    return sorted(stream.positions.all(), key=lambda position: position.log)


def list_batches(actor: Actor, stream_id: UUID, *, before: UUID | None = None, limit: int = 50) -> Sequence[Batch]:
    """What it sent last, newest first; up to limit + 1. Raises Denied, NotFound."""
    stream = get_stream(actor, stream_id)
    rows = Batch.objects.filter(organization_id=actor.organization_id, stream_id=stream.id)
    return list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: limit + 1])


def count_streams(actor: Actor) -> int:
    """How many there are in the actor's environment. Asks no permission: for this room only."""
    return _here(actor).count()


def lock_streams(actor: Actor) -> None:
    """Until the transaction ends nobody else adds one to the actor's environment."""
    hold(f"hq.streams:{environment_of(actor)}")
