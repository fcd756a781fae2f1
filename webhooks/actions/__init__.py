"""What is done to webhooks."""

from webhooks.actions.endpoints import (
    Made,
    change_endpoint,
    create_endpoint,
    disable_endpoint,
    enable_endpoint,
    remove_endpoint,
    rotate_secret,
)

__all__ = [
    "Made",
    "change_endpoint",
    "create_endpoint",
    "disable_endpoint",
    "enable_endpoint",
    "remove_endpoint",
    "rotate_secret",
]
