"""Cursors of lists by name or by folder: `<id>:<name>`."""

from uuid import UUID

from hq.web.api import uuid_cursor


def position(cursor: str) -> tuple[str, UUID] | None:
    """Where the last page ended. Raises Invalid."""
    row_id, _, name = cursor.partition(":")
    found = uuid_cursor(row_id if (row_id or not cursor) and "\0" not in name else "none")
    return (name, found) if found else None


def position_of(row_id: UUID, name: str) -> str:
    """The position of a row, for `next_cursor`."""
    return f"{row_id}:{name}"
