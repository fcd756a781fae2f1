"""An entry as a line of JSON and as a row of CSV; docs/verify.md has both forms to the byte.

JSON escapes every control character, and a cell of CSV never begins with what a spreadsheet takes for a formula: no
text that a stranger chose - an agent's name, a path, a reason - begins a line of its own or is computed.
"""

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from audit.selectors import Entry
from audit.tags import Log
from hq.lib.canonical import canonical

COLUMNS: Final[Mapping[Log, tuple[str, ...]]] = {
    Log.ADMIN: (
        "index",
        "at",
        "tag",
        "actor.kind",
        "actor.id",
        "actor.method",
        "target.kind",
        "target.id",
        "ip",
        "request",
        "detail",
        "hash",
    ),
    Log.ACCESS: (
        "index",
        "at",
        "id",
        "actor.kind",
        "actor.id",
        "actor.method",
        "verb",
        "route",
        "status",
        "ms",
        "ip",
        "request",
        "detail",
        "hash",
    ),
}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def json_line(entry: Entry) -> bytes:
    """With its newline."""
    whole = {
        "detail": entry.detail,
        "document": orjson.loads(entry.document),
        "hash": entry.hash.hex(),
        "previous": entry.previous.hex(),
        "salt": entry.salt,
    }
    return canonical(whole) + b"\n"


def csv_head(log: Log) -> bytes:
    return _row(COLUMNS[log])


def csv_row(log: Log) -> Callable[[Entry], bytes]:
    """What makes a row of an entry of this log."""
    columns = COLUMNS[log]

    def row(entry: Entry) -> bytes:
        document: dict[str, Any] = orjson.loads(entry.document)
        given = document | {
            "detail": None if entry.detail is None else canonical(entry.detail).decode(),
            "hash": entry.hash.hex(),
        }
        return _row([_cell(_value(given, name)) for name in columns])

    return row


def _value(given: Mapping[str, Any], name: str) -> Any:
    head, _, inner = name.partition(".")
    return given[head][inner] if inner else given[head]


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _row(cells: Any) -> bytes:
    held = io.StringIO(newline="")
    csv.writer(held, lineterminator="\r\n").writerow(cells)
    return held.getvalue().encode()
