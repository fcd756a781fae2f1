"""What was sent, and what came back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hq.authz.actor import Actor
from hq.crypto import webhooks as crypto
from hq.lib.errors import Invalid, NotFound
from webhooks.models import Attempt, Delivery
from webhooks.selectors.endpoints import get_endpoint


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery with its attempts, the newest last; the exact bytes; and the last request's headers and signed text.

    Before the first attempt there are no headers, and `base` is empty.
    """

    delivery: Delivery
    attempts: Sequence[Attempt]
    body: str
    headers: dict[str, str]
    base: str


def list_deliveries(
    actor: Actor,
    endpoint_id: UUID,
    *,
    state: str = "",
    tag: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> Sequence[Delivery]:
    """Deliveries to one endpoint, newest first; up to limit + 1. Raises Denied, NotFound, Invalid."""
    endpoint = get_endpoint(actor, endpoint_id)
    if not tag.isprintable():  # the database takes no NUL
        raise Invalid("There is no such type of event.")
    asked: dict[str, Any] = {"state": state, "tag": tag, "at__gte": since, "at__lt": until, "pk__lt": before}
    rows = Delivery.objects.filter(organization_id=actor.organization_id, endpoint_id=endpoint.id)
    return list(rows.filter(**{name: value for name, value in asked.items() if value}).order_by("-pk")[: limit + 1])


def list_tags(actor: Actor, endpoint_id: UUID) -> list[str]:
    """The types of events in its log, for the filter. Raises Denied, NotFound."""
    endpoint = get_endpoint(actor, endpoint_id)
    rows = Delivery.objects.filter(organization_id=actor.organization_id, endpoint_id=endpoint.id)
    return list(rows.values_list("tag", flat=True).distinct().order_by("tag"))


def get_delivery(actor: Actor, endpoint_id: UUID, delivery_id: UUID) -> Sent:
    """One delivery and all that was sent for it. Raises Denied, NotFound."""
    endpoint = get_endpoint(actor, endpoint_id)
    rows = Delivery.objects.filter(organization_id=actor.organization_id, endpoint_id=endpoint.id, pk=delivery_id)
    delivery = rows.select_related("message", "endpoint").first()
    if delivery is None:
        raise NotFound
    attempts = list(
        Attempt.objects.filter(organization_id=actor.organization_id, delivery_id=delivery.id).order_by("pk")
    )
    body = delivery.message.body
    if not attempts:
        return Sent(delivery, attempts, body, {}, "")
    last = attempts[-1]
    at = int(last.signed_at.timestamp())
    headers = crypto.headers(str(delivery.message_id), at, last.signature)
    return Sent(
        delivery, attempts, body, headers, crypto.signed_content(headers["webhook-id"], at, body.encode()).decode()
    )
