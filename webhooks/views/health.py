"""A day of deliveries as 24 bars: what arrived above a line, what failed below it, and the same in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from hq.lib.clock import now

ABOVE, BELOW = 17.0, 8.0  # the line between them is one unit high
HOURS = 24


@dataclass(frozen=True, slots=True)
class Health:
    """What the drawing and its table need. Hours are oldest first; the last one is under way."""

    bars: list[dict[str, Any]]
    delivered: int
    failed: int
    words: str

    @property
    def line(self) -> float:
        return ABOVE + 0.5


def of(hours: Sequence[tuple[int, int]]) -> Health:
    """Of (delivered, failed) attempts an hour, oldest first."""
    top = max([count for pair in hours for count in pair], default=0) or 1
    begins = now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=max(len(hours) - 1, 0))
    bars = [_bar(index, pair, top, begins, len(hours)) for index, pair in enumerate(hours)]
    delivered, failed = sum(pair[0] for pair in hours), sum(pair[1] for pair in hours)
    return Health(bars, delivered, failed, _words(bars, delivered, failed))


def _bar(index: int, pair: tuple[int, int], top: int, begins: datetime, count: int) -> dict[str, Any]:
    delivered, failed = pair
    up = max(ABOVE * delivered / top, 1.5) if delivered else 0.0
    down = max(BELOW * failed / top, 2.0) if failed else 0.0
    return {
        "x": f"{100 * index / count:.2f}%",
        "width": f"{70 / count:.2f}%",
        "y": f"{ABOVE - up:.1f}",
        "up": f"{up:.1f}",
        "down": f"{down:.1f}",
        "below": f"{ABOVE + 1:.1f}",
        "delivered": delivered,
        "failed": failed,
        "hour": f"{timezone.localtime(begins + timedelta(hours=index)):%H:%M}",
    }


def _words(bars: list[dict[str, Any]], delivered: int, failed: int) -> str:
    if not delivered and not failed:
        return "Nothing was sent in the last 24 hours."
    told = f"In the last 24 hours {delivered:,} delivered, {failed:,} failed."
    last = next((bar["hour"] for bar in reversed(bars) if bar["failed"]), "")
    return f"{told} Last failure in the hour from {last}." if last else told
