"""Who else is told of an event. Rooms above register at start-up; this one knows none of them."""

from collections.abc import Callable
from typing import Any

from audit.models import AuditEvent

__all__ = ["AuditEvent", "Listener", "on_event", "tell"]

# Takes the event, and its details as they were before they were sealed, in the transaction that records the event.
Listener = Callable[[AuditEvent, dict[str, Any]], None]

_listeners: dict[str, Listener] = {}


def on_event(name: str, listener: Listener) -> None:
    """Twice the same name is the same.

    It is told of a chain's events once the database was told to: a trigger on the room's own table, of those who want
    to know, calls `audit_hear(organization, environment)` for each. The event has its place by then, so a statement of
    the listener sees what events of lower indexes have made.
    """
    _listeners[name] = listener


def tell(event: AuditEvent, detail: dict[str, Any]) -> None:
    """Tell everyone, in the order in which they were registered. What one of them raises undoes the act."""
    for listener in _listeners.values():
        listener(event, detail)
