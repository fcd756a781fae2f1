"""Who else is told of an event. Rooms above register at start-up; this one knows none of them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from audit.models import AuditEvent
from hq.db.fixed import Fixed
from hq.db.prepared import Bound

__all__ = ["AuditEvent", "Listener", "on_event", "questions", "tell"]

# Takes the event, its details as they were before they were sealed, and the rows that its question found, in the
# transaction that records the event.
Listener = Callable[[AuditEvent, dict[str, Any], Sequence[Any]], None]


class _Listening(NamedTuple):
    listener: Listener
    asks: Fixed


_listeners: dict[str, _Listening] = {}


def on_event(name: str, listener: Listener, *, asks: str) -> None:
    """Twice the same name is the same.

    `asks` is a constant statement about an organization, an environment and a tag, in this order: whom it concerns. It
    goes along with the event in one round trip, and sees what was committed until the event had its place: what an
    event of a lower index has made is surely seen.
    """
    _listeners[name] = _Listening(listener, Fixed(asks, (UUID, UUID, str)))


def questions(event: AuditEvent) -> list[Bound]:
    """What is to be asked for `tell`, each with its values."""
    values = (event.organization_id, event.environment_id, event.tag)
    return [each.asks.bound(values) for each in _listeners.values()]


def tell(event: AuditEvent, detail: dict[str, Any], answers: Sequence[Sequence[Any]]) -> None:
    """Tell everyone, in the order in which they were registered. What one of them raises undoes the act."""
    for each, rows in zip(_listeners.values(), answers, strict=True):
        each.listener(event, detail, rows)
