"""What a delivery holds, shown before there is one: of the last such event, else of an example."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from audit import selectors as trail
from audit.registry import AuditEvent
from audit.selectors import Filters
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.lib.clock import now
from hq.lib.ids import new_id
from webhooks.actions.events import body_of

EXAMPLE_IP = "203.0.113.7"  # RFC 5737


@dataclass(frozen=True, slots=True)
class Preview:
    """`real`: an event that happened, else an example."""

    tag: str
    body: str
    real: bool


def of(actor: Actor, tags: Sequence[str]) -> Preview:
    """Of the first of these events; of whatever happened last where none is named."""
    tag = tags[0] if tags else ""
    event = _last(actor, tag)
    shown = event or _example(actor, tag or Tag.OBJECT_CREATED)
    return Preview(shown.tag, pretty(body_of(shown)), event is not None)


def pretty(body: str | bytes) -> str:
    """The same document, easy to read. It is not what is signed."""
    return json.dumps(json.loads(body), indent=2, ensure_ascii=False)


def _last(actor: Actor, tag: str) -> AuditEvent | None:
    if not gate.allows(actor, Permission.AUDIT_READ):
        return None
    rows = trail.list_events(actor, Filters(tag=tag), before=None, limit=1)
    return rows[0] if rows else None


def _example(actor: Actor, tag: str) -> AuditEvent:
    """The actor does it now, to something that there is not. Its hashes are zeros."""
    return AuditEvent(
        organization_id=actor.organization_id,
        environment_id=environment_of(actor),
        index=1,
        at=now(),
        tag=tag,
        actor_kind=actor.kind,
        actor_id=actor.id,
        method=actor.method,
        target_kind=tag.partition(":")[0],
        target_id=str(new_id()),
        ip=EXAMPLE_IP,
        request_id=f"req_{new_id().hex}",
        detail={"actor": actor.label, "target": "example", "before": None, "after": None, "reason": ""},
        commitment=bytes(32),
        previous=bytes(32),
        hash=bytes(32),
    )
