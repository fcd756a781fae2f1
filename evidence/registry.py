"""Who else is told of a checkpoint, such as the archive outside of the database. Rooms register at start-up."""

from collections.abc import Callable
from uuid import UUID

# Takes the organization, the environment, the log, the size and the note, in the transaction that keeps the checkpoint.
Listener = Callable[[UUID, UUID, str, int, str], None]

_listeners: dict[str, Listener] = {}


def on_checkpoint(name: str, listener: Listener) -> None:
    """Twice the same name is the same."""
    _listeners[name] = listener


def tell(organization_id: UUID, environment_id: UUID, log: str, size: int, note: str) -> None:
    """Tell everyone. What one of them raises leaves the checkpoint unmade; it is made with the next."""
    for listener in _listeners.values():
        listener(organization_id, environment_id, log, size, note)
