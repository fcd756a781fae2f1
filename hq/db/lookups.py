"""Calls the functions of `hq_lookup`, the only ones that see across organizations."""

from typing import Any

from hq.db.prepared import prepared

_columns: dict[str, list[str]] = {}  # by function: to ask the driver for them each time costs as much as the call


def call(function: str, *arguments: Any) -> list[dict[str, Any]]:
    """Every row that the function returns, as a mapping by column. The name is ours, never a caller's."""
    marks = ", ".join(["%s"] * len(arguments))
    with prepared() as cursor:
        cursor.execute(f"SELECT * FROM public.{function}({marks})", arguments)  # noqa: S608 - the name is a constant of our code
        columns = _columns.get(function) or _columns.setdefault(
            function, [one.name for one in cursor.description or ()]
        )
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def one(function: str, *arguments: Any) -> dict[str, Any] | None:
    """The row, or None."""
    rows = call(function, *arguments)
    return rows[0] if rows else None
