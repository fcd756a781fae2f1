"""Statements of the hot path: the server parses and plans each once for a connection, and binds its values itself.

The ORM puts a statement together anew each time and the server plans it anew, which together cost many times the work
that is left. So what every request asks is written out, and rows of it become models as the ORM would make them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Generic, Self, TypeVar

from django.db import connection, models
from django.db.backends.utils import CursorWrapper
from psycopg import Cursor

from hq.db.context import SETTING, tenant

Row = TypeVar("Row", bound=models.Model)


class _Preparing(Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **_: Any) -> Self:
        return super().execute(query, params, prepare=True)

    def _convert_query(self, query: Any, params: Any = None) -> Any:
        self._query = super()._convert_query(query, params)  # where Django's log of queries reads it
        return self._query


@contextmanager
def prepared() -> Iterator[CursorWrapper]:
    """A cursor as `connection.cursor()` gives, for constant statements only: each text is kept by the server."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    wrapped = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    bare: Any = _Preparing(connection.connection)
    with wrapped(bare) as cursor:
        yield cursor


class Columns(Generic[Row]):
    """A model's columns under a name in a statement, and its rows from what came back."""

    def __init__(self, model: type[Row]) -> None:
        self._model = model
        self._fields = list(model._meta.concrete_fields)  # noqa: SLF001 - Django's documented name
        self._names = [field.attname for field in self._fields]
        self._convert = [getattr(field, "from_db_value", None) for field in self._fields]

    def __len__(self) -> int:
        return len(self._fields)

    def of(self, table: str) -> str:
        """For after SELECT."""
        return ", ".join(f"{table}.{field.column}" for field in self._fields)

    def row(self, values: Sequence[Any]) -> Row:
        """An instance, as the ORM would have loaded it."""
        given = [
            value if convert is None else convert(value, None, connection)
            for value, convert in zip(values, self._convert, strict=True)
        ]
        return self._model.from_db(connection.alias, self._names, given)


class Insert:
    """Adds one row that names its organization. Outside a transaction it is one of its own, in one round trip."""

    def __init__(self, model: type[models.Model]) -> None:
        meta = model._meta  # noqa: SLF001 - Django's documented name
        self._fields = list(meta.concrete_fields)
        columns, marks = ", ".join(str(field.column) for field in self._fields), ", ".join(["%s"] * len(self._fields))
        # The row comes out of the setting, so that is made before row security judges the row.
        self._text = (
            f"WITH place AS (SELECT set_config('{SETTING}', %s, true))"  # noqa: S608 - names of our own models
            f" INSERT INTO {meta.db_table} ({columns}) SELECT {marks} FROM place"
        )

    def __call__(self, row: Any) -> None:
        """What fails leaves no row. In a transaction the setting is afterwards what it was."""
        values = [field.get_db_prep_save(field.pre_save(row, True), connection) for field in self._fields]
        nested = tenant(row.organization_id) if connection.in_atomic_block else nullcontext()
        with nested, prepared() as cursor:
            cursor.execute(self._text, [str(row.organization_id), *values])
