"""What is done to webhooks."""

from webhooks.actions.deliveries import deliver, send_once
from webhooks.actions.endpoints import (
    Made,
    change_endpoint,
    create_endpoint,
    disable_endpoint,
    enable_endpoint,
    remove_endpoint,
    rotate_secret,
)
from webhooks.actions.events import DELIVER, SEND_ONCE, note_event
from webhooks.actions.replays import REPLAY_RANGE, replay_batches, replay_delivery, replay_range, send_test
from webhooks.actions.retention import forget_messages

__all__ = [
    "DELIVER",
    "REPLAY_RANGE",
    "SEND_ONCE",
    "Made",
    "change_endpoint",
    "create_endpoint",
    "deliver",
    "disable_endpoint",
    "enable_endpoint",
    "forget_messages",
    "note_event",
    "remove_endpoint",
    "replay_batches",
    "replay_delivery",
    "replay_range",
    "rotate_secret",
    "send_once",
    "send_test",
]
