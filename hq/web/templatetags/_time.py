"""Exact times in a person's own zone, with the distance from now."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

SPANS = ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h"), (5184000, 86400, "day"), (63072000, 2629746, "month"))


def zone_of(person: object) -> tzinfo:
    """The person's zone; the active one where no person is known or the name is unknown."""
    wanted = getattr(person, "time_zone", None) or (person.get("time_zone") if isinstance(person, dict) else None)
    if isinstance(wanted, tzinfo):
        return wanted
    try:
        return ZoneInfo(wanted) if wanted else timezone.get_current_timezone()
    except (ZoneInfoNotFoundError, ValueError):
        return timezone.get_current_timezone()


def aware(value: datetime) -> datetime:
    """Naive values are UTC in HQ."""
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def long_date(value: date) -> str:
    """22 November 2026."""
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def day_month(value: date) -> str:
    """22 November."""
    return f"{value.day} {MONTHS[value.month - 1]}"


def short_date(value: date) -> str:
    """22 Nov 2026."""
    return f"{value.day} {MONTHS[value.month - 1][:3]} {value.year}"


def relative(value: datetime, now: datetime) -> str:
    """4 min ago, in 35 min, 12 days ago."""
    seconds = (value - now).total_seconds()
    distance = _distance(abs(seconds))
    return f"in {distance}" if seconds > 0 else f"{distance} ago"


def _distance(seconds: float) -> str:
    for limit, unit, word in SPANS:
        if seconds < limit:
            return _count(int(seconds // unit), word)
    return _count(int(seconds // 31556952), "year")


def _count(count: int, word: str) -> str:
    return f"{count} {word}" if len(word) < 3 or word == "min" or count == 1 else f"{count} {word}s"


def near(local: datetime, now: datetime) -> str:
    """Today 14:31, Yesterday 12:05, 20 Nov 17:31, 11 Sep 2025."""
    today = now.astimezone(local.tzinfo).date()
    clock = f"{local:%H:%M}"
    for days, word in ((0, "Today"), (1, "Yesterday"), (-1, "Tomorrow")):
        if local.date() == today - timedelta(days=days):
            return f"{word} {clock}"
    if local.year == today.year:
        return f"{local.day} {MONTHS[local.month - 1][:3]} {clock}"
    return short_date(local)


def shown(local: datetime, style: str, now: datetime) -> str:
    """The visible text of one style; see the `moment` tag."""
    if style == "near":
        return near(local, now)
    if style == "ago":
        return relative(local, now)
    day = long_date(local) if style == "date" else short_date(local)
    return {
        "exact": f"{day}, {local:%H:%M:%S %Z}",
        "date": day,
        "clock": f"{local:%H:%M}",
        "time": f"{local:%H:%M:%S}",
    }.get(style, f"{day}, {local:%H:%M}")


def full(local: datetime) -> str:
    """What the tooltip says: exact, with the zone, and in UTC where that differs."""
    text = f"{long_date(local)}, {local:%H:%M:%S %Z}"
    if local.utcoffset():
        text += f" ({local.astimezone(UTC):%H:%M:%S} UTC)"
    return text
