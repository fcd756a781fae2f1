"""Sending again by hand, and sending a test: one attempt, with the secrets of now, that says nothing of health."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.clock import now
from hq.lib.errors import Invalid, NotFound, Refused
from hq.lib.ids import new_id
from jobs import actions as jobs
from jobs.registry import Job, RunningJob
from webhooks import selectors
from webhooks.actions.events import SEND_ONCE
from webhooks.models import Delivery, Endpoint

REPLAY_RANGE = "webhooks.replay_range"
BATCH, BATCHES = 100, 10
NOT_ARRIVED = (Delivery.State.FAILED, Delivery.State.CANCELLED)
ENDED = (*NOT_ARRIVED, Delivery.State.DELIVERED)


class AlreadyReplaying(Refused):
    """What was sent to this webhook is being sent again already. Wait until that has ended."""


def send_test(*, actor: Actor, endpoint_id: UUID) -> Delivery:
    """Send the event of this very test to one endpoint, on or off, and to no other. Raises Denied, NotFound."""
    gate.require(actor, Permission.WEBHOOKS_MANAGE)
    endpoint = selectors.get_endpoint(actor, endpoint_id)
    event = recorder.record(actor, Tag.WEBHOOK_TESTED, target=Target("webhook", endpoint.id, endpoint.name))
    return _own(actor, endpoint).get(message__event_id=event.id)


def replay_delivery(*, actor: Actor, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """Send it again, now and once, under the id it had; to an endpoint that is off too. Raises Denied, NotFound."""
    gate.require(actor, Permission.WEBHOOKS_MANAGE)
    endpoint = selectors.get_endpoint(actor, endpoint_id)
    delivery = _own(actor, endpoint).filter(pk=delivery_id).first()
    if delivery is None:
        raise NotFound
    _send_again(delivery, endpoint)
    recorder.record(
        actor, Tag.WEBHOOK_REPLAYED, target=_target(endpoint), after={"delivery": str(delivery.id), "tag": delivery.tag}
    )
    return delivery


def replay_range(*, actor: Actor, endpoint_id: UUID, since: datetime, until: datetime, failed_only: bool) -> Job:
    """Send again what happened from `since` to before `until` and is not on its way; or of that, what did not arrive.

    The job that does it is returned. Raises Denied, NotFound, Invalid, AlreadyReplaying.
    """
    gate.require(actor, Permission.WEBHOOKS_MANAGE)
    if since >= until:
        fault = "The end has to be later than the beginning."
        raise Invalid(fault, errors=[{"pointer": "/until", "detail": fault}])
    endpoint = selectors.get_endpoint(actor, endpoint_id)
    asked: dict[str, Any] = {"since": since.isoformat(), "until": until.isoformat(), "failed_only": failed_only}
    request = str(new_id())
    job = jobs.enqueue(
        REPLAY_RANGE,
        organization_id=actor.organization_id,
        environment_id=actor.environment_id,
        payload={"endpoint": endpoint.id, "request": request, **asked},
        key=str(endpoint.id),
    )
    if job.payload["request"] != request:
        raise AlreadyReplaying
    recorder.record(actor, Tag.WEBHOOK_REPLAYED, target=_target(endpoint), after=asked)
    return job


def replay_batches(job: RunningJob) -> None:
    """Put every match in to be sent again. A worker that takes over goes on after the last batch that was kept.

    A month of everything is long: after so many batches whatever else waits for a worker goes first.
    """
    done = int(job.payload.get("done", 0))
    with job.step():
        total = done + _matching(job).count()
    for left in reversed(range(BATCHES)):
        with job.step():
            batch = list(_matching(job).select_related("endpoint").order_by("pk")[:BATCH])
            for delivery in batch:
                _send_again(delivery, delivery.endpoint)
            done += len(batch)
            job.progress(done, max(total, done))
            if len(batch) < BATCH:
                job.complete({"replayed": done})
                return
            job.payload |= {"after": str(batch[-1].pk), "done": done}
            job.mine().update(payload=job.payload)
            if not left:
                job.again(now())


def _matching(job: RunningJob) -> QuerySet[Delivery]:
    """What is left of the range."""
    asked = job.payload
    return Delivery.objects.filter(
        organization_id=job.organization_id,
        endpoint_id=asked["endpoint"],
        at__gte=datetime.fromisoformat(asked["since"]),
        at__lt=datetime.fromisoformat(asked["until"]),
        state__in=NOT_ARRIVED if asked["failed_only"] else ENDED,
        pk__gt=asked.get("after", UUID(int=0)),
    )


def _own(actor: Actor, endpoint: Endpoint) -> QuerySet[Delivery]:
    return Delivery.objects.filter(organization_id=actor.organization_id, endpoint_id=endpoint.id)


def _send_again(delivery: Delivery, endpoint: Endpoint) -> None:
    """Asked for twice before it went out, it goes out once."""
    jobs.enqueue(
        SEND_ONCE,
        organization_id=delivery.organization_id,
        environment_id=endpoint.environment_id,
        payload={"delivery": delivery.id},
        key=str(delivery.id),
    )


def _target(endpoint: Endpoint) -> Target:
    return Target("webhook", endpoint.id, endpoint.name)
