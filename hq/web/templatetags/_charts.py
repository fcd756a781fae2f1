"""Geometry of the drawings: numbers in, SVG attributes out. Positions are percentages, so labels never stretch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Any

from hq.web.templatetags._text import number, times
from hq.web.templatetags._time import aware, day_month, long_date

BAR_HEIGHT = 60.0
REFUSED_HEIGHT = 16.0
CLOSE = 16.0  # per cent: labels nearer than this would touch


def percent(value: float) -> str:
    """A position along the drawing."""
    return f"{value:.2f}%"


def hash_bars(value: str) -> list[dict[str, int]]:
    """Twelve bars from the first twelve hex digits, 1 to 12 units high. They help the eye; they prove nothing."""
    digits = value.rpartition(":")[2][:12]
    heights = [round(1 + int(digit, 16) * 11 / 15) if digit in "0123456789abcdefABCDEF" else 6 for digit in digits]
    return [{"x": 3 * index, "y": 12 - height, "height": height} for index, height in enumerate(heights)]


def short_hash(value: str) -> str:
    """8 + 6 characters, as everywhere in HQ."""
    bare = value.rpartition(":")[2]
    return bare if len(bare) <= 16 else f"{bare[:8]}…{bare[-6:]}"


def get(item: object, name: str, default: Any = None) -> Any:
    """A field of a mapping or of an object."""
    return item.get(name, default) if isinstance(item, Mapping) else getattr(item, name, default)


def strip(days: Sequence[object], today: date) -> dict[str, Any]:
    """Events above a line, refusals below it, verification ticks beneath. Days in order, oldest first."""
    step = 100 / max(len(days), 1)
    top = max([int(get(day, "events", 0)) for day in days] or [0]) or 1
    refused_top = max([int(get(day, "refused", 0)) for day in days] or [0]) or 1
    columns = [_column(day, index, step, (top, refused_top), today) for index, day in enumerate(days)]
    return {
        "columns": columns,
        "width": percent(step * 0.78),
        "labels": _labels([column["day"] for column in columns], today),
        "summary": _summary(columns),
        "gaps": [column["name"] for column in columns if column["verified"] is False],
    }


def _column(day: object, index: int, step: float, tops: tuple[int, int], today: date) -> dict[str, Any]:
    events, refused = int(get(day, "events", 0)), int(get(day, "refused", 0))
    height = max(BAR_HEIGHT * events / tops[0], 1.0) if events else 0.0
    below = max(REFUSED_HEIGHT * refused / max(tops[1], 4), 1.5) if refused else 0.0
    when: date = get(day, "date")
    return {
        "x": percent(index * step + step * 0.11),
        "y": f"{BAR_HEIGHT - height:.1f}",
        "height": f"{height:.1f}",
        "below": f"{below:.1f}",
        "day": when,
        "name": day_month(when),
        "events": events,
        "refused": refused,
        "verified": get(day, "verified"),
        "today": when == today,
    }


def _labels(days: list[date], today: date) -> list[dict[str, str]]:
    if not days:
        return []
    places = [(0, "0%", "start"), (len(days) // 2, "50%", "middle"), (len(days) - 1, "100%", "end")]
    return [
        {"x": x, "anchor": anchor, "text": "Today" if days[index] == today else day_month(days[index])}
        for index, x, anchor in places
    ]


def _summary(columns: list[dict[str, Any]]) -> str:
    if not columns:
        return "No days to show."
    checked = [column["verified"] for column in columns if column["verified"] is not None]
    sentence = (
        f"Each day from {day_month(columns[0]['day'])} to {long_date(columns[-1]['day'])}: "
        f"{number(sum(c['events'] for c in columns))} events, {number(sum(c['refused'] for c in columns))} refused"
    )
    return f"{sentence}, chain verified on {sum(checked)} of {len(checked)} days." if checked else f"{sentence}."


@dataclass
class Life:
    """A link's life laid out on one line."""

    points: list[dict[str, Any]]
    lived: str
    now: dict[str, str] | None
    refused: dict[str, str] | None
    summary: str = field(default="")


def lifeline(points: Sequence[object], now: datetime, zone: tzinfo) -> Life:
    """Place points (at, kind, label) between the first and the last; `now` where it falls between them."""
    ordered = sorted(points, key=lambda point: aware(get(point, "at")))
    first, last = aware(get(ordered[0], "at")), aware(get(ordered[-1], "at"))
    length = (last - first).total_seconds() or 1.0

    def place(at: datetime) -> float:
        return min(max((at - first).total_seconds() / length, 0.0), 1.0) * 100

    current = place(now)
    placed = [_placed(point, place(aware(get(point, "at"))), zone, current) for point in ordered]
    _thin(placed, current if now < last else None)
    summary = ". ".join(f"{point['label']} {point['clock']}" for point in placed) + "."
    # Close to an end the mark alone has to do: the label would stand on the end's own.
    clock = f"Now {now.astimezone(zone):%H:%M}" if CLOSE <= current <= 100 - CLOSE else ""
    mark = {"x": percent(current), "label": clock, "tight": "" if 30 < current < 70 else "1"} if now < last else None
    return Life(placed, percent(current), mark, _refusals(placed), summary)


def _placed(point: object, at: float, zone: tzinfo, current: float) -> dict[str, Any]:
    local = aware(get(point, "at")).astimezone(zone)
    return {
        "x": percent(at),
        "place": at,
        "kind": get(point, "kind", ""),
        "label": get(point, "label", ""),
        "clock": f"{local:%H:%M}",
        "anchor": "start" if at < 6 else "end" if at > 94 else "middle",
        "ahead": at > current,
        "named": get(point, "kind") != "refused",
    }


def _thin(placed: list[dict[str, Any]], current: float | None) -> None:
    """Drop middle labels that would touch a neighbour; the marks stay, and the summary names every point."""
    taken = [placed[0]["place"], placed[-1]["place"], *([current] if current is not None else [])]
    for point in placed[1:-1]:
        if not point["named"]:
            continue
        point["named"] = all(abs(point["place"] - other) >= CLOSE for other in taken)
        if point["named"]:
            taken.append(point["place"])


def _refusals(placed: list[dict[str, Any]]) -> dict[str, str] | None:
    crosses = [point["place"] for point in placed if point["kind"] == "refused"]
    if not crosses:
        return None
    at = sum(crosses) / len(crosses)
    anchor = "start" if at < 12 else "end" if at > 88 else "middle"
    return {"x": percent(at), "anchor": anchor, "label": f"Refused {times(len(crosses))}"}
