"""The one place that asks what time it is."""

from datetime import UTC, datetime


def now() -> datetime:
    """Tell the time, with a time zone, in UTC."""
    return datetime.now(UTC)
