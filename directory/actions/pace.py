"""How often an organization may make HQ ask somebody else: a look-up goes where a tenant has typed."""

from uuid import UUID

from django.core.cache import cache

from hq.lib.clock import now
from hq.lib.errors import Refused

MOST_A_MINUTE = 10


class TooOften(Refused):
    """HQ was asked to look there very often within the last minute. Wait a minute, then try again."""


def keep_pace(organization_id: UUID, what: str) -> None:
    """Count one look-up. Without Valkey this raises: nothing is asked of anybody uncounted. Raises TooOften."""
    key = f"hq.pace.{what}.{organization_id}.{int(now().timestamp()) // 60}"
    cache.add(key, 0, timeout=120)
    if cache.incr(key) > MOST_A_MINUTE:
        raise TooOften
