"""Who else is told of an event, and of a log that does not fit. Rooms above register at start-up."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from audit.models import AuditEvent
from audit.tags import Log

__all__ = ["AuditEvent", "Listener", "on_event", "on_unfit", "tell", "tell_unfit"]

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


# Takes organization, environment, log, the index of the first entry that does not fit, and whether that is because its
# sealed detail was changed. In the transaction that keeps what was found.
Alarm = Callable[[UUID, UUID, Log, int, bool], None]

_alarms: dict[str, Alarm] = {}


def on_unfit(name: str, alarm: Alarm) -> None:
    """Twice the same name is the same. It is told each time a check finds it."""
    _alarms[name] = alarm


def tell_unfit(organization_id: UUID, environment_id: UUID, log: Log, index: int, altered: bool) -> None:
    """Tell everyone. What one of them raises leaves the check unkept, and it is made again."""
    for alarm in _alarms.values():
        alarm(organization_id, environment_id, log, index, altered)
