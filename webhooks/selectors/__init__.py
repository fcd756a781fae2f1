"""Reads of webhooks. Every one needs the right to manage them: what was sent is what the trail says."""

from webhooks.selectors.deliveries import Sent, get_delivery, list_deliveries, list_tags
from webhooks.selectors.endpoints import (
    Health,
    count_endpoints,
    get_endpoint,
    health_strip,
    list_endpoints,
    list_secrets,
    lock_endpoints,
)

__all__ = [
    "Health",
    "Sent",
    "count_endpoints",
    "get_delivery",
    "get_endpoint",
    "health_strip",
    "list_deliveries",
    "list_endpoints",
    "list_secrets",
    "list_tags",
    "lock_endpoints",
]
