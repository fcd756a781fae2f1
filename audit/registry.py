"""Who else is told of an event. Rooms above register at start-up; this one knows none of them."""

from collections.abc import Callable
from typing import Any

from audit.models import AuditEvent

__all__ = ["AuditEvent", "Listener", "on_event", "tell"]

# Takes the event and its details as they were before they were sealed, in the transaction that records it.
Listener = Callable[[AuditEvent, dict[str, Any]], None]

_listeners: dict[str, Listener] = {}


def on_event(name: str, listener: Listener) -> None:
    """Twice the same name is the same."""
    _listeners[name] = listener


def tell(event: AuditEvent, detail: dict[str, Any]) -> None:
    """Tell everyone, in the order in which they were registered. What one of them raises undoes the act."""
    for listener in _listeners.values():
        listener(event, detail)
