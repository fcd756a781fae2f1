"""Lengths of time as people say and write them."""

import re

UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
_WRITTEN = re.compile(r"(\d{1,6})\s*(m|min|minutes?|h|hours?|d|days?)", re.IGNORECASE | re.ASCII)
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}


def lasting(seconds: int | None) -> str:
    """`15 minutes`, `1 day`, in the largest unit that tells it exactly."""
    amount = seconds or 0
    name = next((name for name, length in UNITS.items() if amount and amount % length == 0), "second")
    count = amount // UNITS[name]
    return f"{count} {name}{'' if count == 1 else 's'}"


def seconds_of(written: str) -> int | None:
    """What `2 hours`, `30 min` or `1d` are; None if it is no length of time."""
    found = _WRITTEN.fullmatch(written.strip())
    return int(found[1]) * _SECONDS[found[2][0].lower()] if found else None


def waiting(seconds: float) -> str:
    """How long to wait, rounded up: `20 seconds`, `3 minutes`."""
    if seconds <= 90:
        return lasting(max(1, -int(-seconds // 1)))
    return lasting(-int(-seconds // 60) * 60)
