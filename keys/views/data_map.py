"""The data map: every stored field with its class and handling, generated from the models (VLT-12)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.apps import apps
from django.http import HttpResponse
from django.shortcuts import render

from hq.db.classes import DataClass, Kept, Stored
from hq.db.elsewhere import OUTSIDE_ROOM, REFUSED, ROOM_TITLES
from hq.lib.errors import Invalid
from hq.web.request import TenantRequest
from keys import selectors


@dataclass(frozen=True, slots=True)
class Table:
    """The shown fields of one table, or of one place outside the database."""

    name: str
    kept: Kept
    lines: Sequence[Stored]


@dataclass(frozen=True, slots=True)
class Room:
    """One part of HQ with its tables."""

    title: str
    count: int
    tables: Sequence[Table]


def data_map(request: TenantRequest, **_: str) -> HttpResponse:
    """The classes, then what is of them. Class and room are chosen in the address."""
    lines = selectors.get_data_map(request.actor)
    rooms = {line.room: _title(line.room) for line in lines}
    chosen, room = _chosen(request.GET.get("class", "")), request.GET.get("room", "")
    if room and room not in rooms:
        raise Invalid("There is no such part of HQ.")
    shown = [line for line in lines if chosen in {None, line.data_class} and room in {"", line.room}]
    counts = Counter(line.data_class for line in lines)
    context = {
        "facts": _facts(lines),
        "classes": [(each, each.handling, counts[each]) for each in DataClass if chosen in {None, each}],
        "rooms": list(_rooms(shown)),
        "filtered": bool(chosen or room),
        "class_choices": [(each.value, each.handling.title) for each in DataClass],
        "room_choices": list(rooms.items()),
    }
    return render(request, "keys/data_map.html", context)


def _chosen(name: str) -> DataClass | None:
    if not name:
        return None
    try:
        return DataClass(name)
    except ValueError:
        raise Invalid("There is no such class of data.") from None


def _facts(lines: Sequence[Stored]) -> dict[str, Any]:
    inside = [line for line in lines if line.room not in {OUTSIDE_ROOM, REFUSED}]
    return {
        "fields": len(inside),
        "tables": len({line.table for line in inside}),
        "protected": sum(line.held is not None for line in inside),
        "in_clear": sum(bool(line.why_plain) for line in inside),
        "open_secrets": sum(line.data_class is DataClass.SECRETS and line.held is None for line in lines),
    }


def _title(room: str) -> str:
    return ROOM_TITLES.get(room) or str(apps.get_app_config(room).verbose_name)


def _rooms(lines: Sequence[Stored]) -> Iterator[Room]:
    """In the map's own order, which is by room, then by table."""
    for room, of_room in groupby(lines, attrgetter("room")):
        found = list(of_room)
        tables = [(name, list(of_table)) for name, of_table in groupby(found, attrgetter("table"))]
        yield Room(_title(room), len(found), [Table(name, rows[0].kept, rows) for name, rows in tables])
