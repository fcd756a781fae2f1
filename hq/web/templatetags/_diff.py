"""Before and after, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

ABSENT = object()
REDACTED = "redacted"


def changes(before: object, after: object) -> list[dict[str, Any]]:
    """Rows of {name, before, after, kind}; kind is changed, added, removed or redacted. Equal fields are left out.

    A value of {"redacted": ...} is never shown, only that it changed.
    """
    old, new = dict(_flat(before)), dict(_flat(after))
    rows = []
    for name in dict.fromkeys([*old, *new]):
        was, is_now = old.get(name, ABSENT), new.get(name, ABSENT)
        if was != is_now:
            rows.append(_row(name, was, is_now))
    return rows


def _row(name: str, was: object, is_now: object) -> dict[str, Any]:
    if _hidden(was) or _hidden(is_now):
        kind = "redacted"
    else:
        kind = "added" if was is ABSENT else "removed" if is_now is ABSENT else "changed"
    return {"name": name, "before": _text(was), "after": _text(is_now), "kind": kind}


def _flat(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and REDACTED not in value:
        for name, inner in value.items():
            yield from _flat(inner, f"{prefix}.{name}" if prefix else str(name))
    elif prefix:
        yield prefix, value
    elif value is not None:
        yield "value", value


def _hidden(value: object) -> bool:
    return isinstance(value, Mapping) and REDACTED in value


def _text(value: object) -> str | None:
    if value is ABSENT:
        return None
    if _hidden(value):
        return "not shown"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
