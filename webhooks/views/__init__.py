"""Portal pages of webhooks."""

from webhooks.views.deliveries import attempts, body, delivery, replay, send_test
from webhooks.views.endpoint_page import disable, enable, endpoint
from webhooks.views.endpoints import change_endpoint, endpoint_list, new_endpoint, remove_endpoint, rotate_secret
from webhooks.views.replays import replay_progress, replay_range

__all__ = [
    "attempts",
    "body",
    "change_endpoint",
    "delivery",
    "disable",
    "enable",
    "endpoint",
    "endpoint_list",
    "new_endpoint",
    "remove_endpoint",
    "replay",
    "replay_progress",
    "replay_range",
    "rotate_secret",
    "send_test",
]
