"""Drawings of how often a key was used: bars a day, and the sentence that says the same."""

from collections.abc import Sequence
from typing import Any

from hq.lib.text import plural
from tenants.selectors import Day

HIGH, LOW = 60.0, 16.0  # pixels above and below the line


def strip(days: Sequence[Day]) -> dict[str, Any]:
    """Requests above a line, refusals below it. Positions are percentages, so that nothing is stretched."""
    top, low = max(day.requests for day in days) or 1, max(4, *(day.refused for day in days))
    step = 100 / len(days)
    today = days[-1].date
    return {
        "bars": [_bar(day, index * step + step * 0.11, top, low, today == day.date) for index, day in enumerate(days)],
        "width": f"{step * 0.78:.2f}%",
        "labels": [
            {"x": x, "anchor": anchor, "text": "Today" if day.date == today else f"{day.date.day} {day.date:%b}"}
            for day, x, anchor in (
                (days[0], "0%", "start"),
                (days[len(days) // 2], "50%", "middle"),
                (days[-1], "100%", "end"),
            )
        ],
        "said": said(days),
        "requests": sum(day.requests for day in days),
        "refused": sum(day.refused for day in days),
    }


def _bar(day: Day, x: float, top: int, low: int, today: bool) -> dict[str, Any]:
    height = max(HIGH * day.requests / top, 1.0) if day.requests else 0.0
    below = max(LOW * day.refused / low, 1.5) if day.refused else 0.0
    return {
        "x": f"{x:.2f}%",
        "y": f"{HIGH - height:.1f}",
        "height": f"{height:.1f}",
        "below": f"{below:.1f}",
        "name": f"{day.date.day} {day.date:%b}",
        "day": day,
        "today": today,
    }


def sparkline(days: Sequence[Day]) -> dict[str, Any]:
    """The same in the height of a row: 14 bars of five units, two apart."""
    top, low = max(day.requests for day in days) or 1, max(day.refused for day in days) or 1
    bars = [
        {
            "x": index * 7,
            "y": f"{16 - (tall := max(16 * day.requests / top, 1.0) if day.requests else 0):.1f}",
            "height": f"{tall:.1f}",
            "below": f"{max(5 * day.refused / low, 1.5) if day.refused else 0:.1f}",
        }
        for index, day in enumerate(days)
    ]
    return {"bars": bars, "width": len(days) * 7 - 2, "said": said(days)}


def said(days: Sequence[Day]) -> str:
    """`14 days: 1,204 requests, 3 refused. Most on 21 Nov, 300.`"""
    requests, refused = sum(day.requests for day in days), sum(day.refused for day in days)
    if not requests and not refused:
        return f"{len(days)} days: not used."
    sentence = f"{len(days)} days: {plural(requests, 'request')}, {refused:,} refused."
    most = max(days, key=lambda day: day.requests)
    return f"{sentence} Most on {most.date.day} {most.date:%b}, {most.requests:,}." if requests else sentence
