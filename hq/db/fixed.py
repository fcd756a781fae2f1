"""Constant statements that say what kind each of their values is.

psycopg asks of each value of each statement anew who writes it and who reads it. For an act's event that takes as long
as the server takes to add it. Here it is settled when the statement is written down.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID

from psycopg import DataError
from psycopg.pq import Format

from hq.db.prepared import Bound, answers

_BEGINS: Final = datetime(2000, 1, 1, tzinfo=UTC)  # of PostgreSQL's times
_MICROSECOND: Final = timedelta(microseconds=1)
_id_bytes: Callable[[UUID], bytes] = UUID.bytes.fget  # type: ignore[attr-defined]  # a property's function


def _text(value: str) -> bytes:
    """As text, of no named type: what it is the column says. Raises DataError, as libpq would end it there."""
    data = value.encode()
    if 0 in data:
        raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return data


def _time(value: datetime) -> bytes:
    return ((value - _BEGINS) // _MICROSECOND).to_bytes(8, signed=True)


def _read_number(data: bytes) -> int:
    return int.from_bytes(data, signed=True)


def _read_time(data: bytes) -> datetime:
    return _BEGINS + timedelta(microseconds=int.from_bytes(data, signed=True))


# Of each kind the type's number, the format, and who writes it.
_WRITTEN: Final[dict[type, tuple[int, Format, Callable[[Any], bytes]]]] = {
    UUID: (2950, Format.BINARY, _id_bytes),
    bytes: (17, Format.BINARY, bytes),
    datetime: (1184, Format.BINARY, _time),
    str: (0, Format.TEXT, _text),
}
_READ: Final[dict[type, Callable[[bytes], Any]]] = {
    bool: any,  # of its only byte
    bytes: bytes,
    datetime: _read_time,
    int: _read_number,
}


class Fixed:
    """A constant statement, with the kind of each of its values: UUID, bytes, datetime or str.

    `gives` are the kinds of what its first row has: bool, bytes, datetime or int.
    """

    def __init__(self, text: str, kinds: Sequence[type], gives: Sequence[type]) -> None:
        numbers = count(1)
        self._query = re.sub("%s", lambda _: f"${next(numbers)}", text).encode()
        self._types = tuple(_WRITTEN[kind][0] for kind in kinds)
        self._formats = [_WRITTEN[kind][1] for kind in kinds]
        self._write = [_WRITTEN[kind][2] for kind in kinds]
        self._read = [_READ[kind] for kind in gives]

    def bound(self, values: Sequence[Any]) -> Bound:
        """With these values. Raises DataError for text that PostgreSQL has no form for."""
        params = [None if each is None else write(each) for write, each in zip(self._write, values, strict=True)]
        return Bound(self._query, params, self._types, self._formats, Format.BINARY)

    def row(self, answer: Any) -> list[Any] | None:
        """The first row of the answer, in which nothing may be null, or None if there is none."""
        if not answer.ntuples:
            return None
        return [read(answer.get_value(0, number)) for number, read in enumerate(self._read)]


class _Asking:
    """As much of a cursor as Django's wrappers need."""

    def __init__(self, link: Any, asked: Bound) -> None:
        self.connection = link
        self._query = asked  # under this name Django's log of queries reads it
        self.answer: Any = None

    def execute(self, _text: object, _values: object = None) -> None:
        [self.answer] = answers(self.connection, [self._query])


def ask(link: Any, asked: Bound) -> Any:
    """The answer, in the transaction that is open. Django's log and wrappers see it."""
    if link.queries_logged or link.execute_wrappers:
        asking = _Asking(link.connection, asked)
        cursor: Any = link.make_debug_cursor(asking) if link.queries_logged else link.make_cursor(asking)
        cursor.execute(asked.query.decode())
        return asking.answer
    link.validate_no_broken_transaction()
    with link.wrap_database_errors:
        [answer] = answers(link.connection, [asked])
    return answer
