"""From an event of the trail to what is sent about it, in the transaction that records the event."""

from typing import Any

import orjson

from audit.api import event_body
from audit.registry import AuditEvent
from audit.tags import Tag
from hq.db.prepared import prepared
from hq.lib.canonical import canonical
from hq.web.renderers import JSONRenderer
from jobs import actions as jobs
from webhooks.models import EVERYTHING, Delivery, Endpoint, Message

# How large a body may be. One that would be larger leaves out what changed, and says so.
BODY_MOST = 20_000
# The kinds of jobs that send: again and again until it arrives, or once.
DELIVER, SEND_ONCE = "webhooks.deliver", "webhooks.send_once"

_ASKING = (
    "SELECT id FROM webhooks_endpoint WHERE organization_id = %s AND environment_id = %s"  # noqa: S608 - constants of ours
    f" AND state = '{Endpoint.State.ENABLED}' AND events && ARRAY[%s, '{EVERYTHING}']::varchar[] ORDER BY id"
)


def note_event(event: AuditEvent, detail: dict[str, Any]) -> None:
    """Put the event on its way to every endpoint that asked for it. It goes out exactly if the act is committed."""
    if event.tag == Tag.WEBHOOK_TESTED:
        # A test is for the endpoint that it tests, and for nobody who asked for everything.
        here = Endpoint.objects.filter(organization_id=event.organization_id, environment_id=event.environment_id)
        endpoints = list(here.filter(pk=event.target_id).only("id"))
    else:
        with prepared() as cursor:
            cursor.execute(_ASKING, [event.organization_id, event.environment_id, event.tag])
            endpoints = [Endpoint(id=found) for (found,) in cursor.fetchall()]
    if not endpoints:
        return
    message = Message(
        organization_id=event.organization_id,
        environment_id=event.environment_id,
        event_id=event.id,
        tag=event.tag,
        body=body_of(event).decode(),
        at=event.at,
    )
    message.save(force_insert=True)
    kind = SEND_ONCE if event.tag == Tag.WEBHOOK_TESTED else DELIVER
    for endpoint in endpoints:
        _put_on_its_way(message, endpoint, kind)


def _put_on_its_way(message: Message, endpoint: Endpoint, kind: str) -> None:
    delivery = Delivery(
        organization_id=message.organization_id,
        endpoint_id=endpoint.id,
        message_id=message.id,
        tag=message.tag,
        at=message.at,
        next_at=message.at,
    )
    delivery.save(force_insert=True)
    jobs.enqueue(
        kind,
        organization_id=message.organization_id,
        environment_id=message.environment_id,
        payload={"delivery": delivery.id},
        key=str(delivery.id),
    )


def body_of(event: AuditEvent) -> bytes:
    """The very bytes that are signed and sent: canonical JSON of what the API shows of the event."""
    shown = orjson.loads(JSONRenderer().render(event_body(event)))
    body = _written(event, shown)
    if len(body) > BODY_MOST:
        for name in ("before", "after"):
            del shown[name]
        body = _written(event, shown | {"truncated": True})
    return body


def _written(event: AuditEvent, shown: dict[str, Any]) -> bytes:
    return canonical({"type": event.tag, "timestamp": shown["at"], "data": shown})
