"""Calls the functions of `hq_lookup`, the only ones that see across organizations."""

from typing import Any

from hq.db.prepared import prepared


def call(function: str, *arguments: Any) -> list[dict[str, Any]]:
    """Every row that the function returns, as a mapping by column. The name is ours, never a caller's."""
    marks = ", ".join(["%s"] * len(arguments))
    with prepared() as cursor:
        cursor.execute(f"SELECT * FROM public.{function}({marks})", arguments)  # noqa: S608 - the name is a constant of our code
        # Of every answer, as a migration may give a function other columns; `description` costs as much as the call.
        result = cursor.pgresult
        columns = [result.fname(at).decode() for at in range(result.nfields)]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def one(function: str, *arguments: Any) -> dict[str, Any] | None:
    """The row, or None."""
    rows = call(function, *arguments)
    return rows[0] if rows else None
