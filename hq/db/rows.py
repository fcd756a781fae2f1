"""Rows of statements that are written out: read into models as the ORM would make them, and added."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.base import ModelState
from django.db.models.fields import NOT_PROVIDED

from hq.db.context import SETTING, tenant
from hq.db.fields import SealedJSONField, SealedTextField
from hq.db.prepared import prepared

Row = TypeVar("Row", bound=models.Model)


class Columns(Generic[Row]):
    """A model's columns under a name in a statement, and its rows from what came back."""

    def __init__(self, model: type[Row]) -> None:
        self._model = model
        self._fields = list(model._meta.concrete_fields)  # noqa: SLF001 - Django's documented name
        self._names = [field.attname for field in self._fields]
        self._convert = [
            (field.attname, field.from_db_value) for field in self._fields if hasattr(field, "from_db_value")
        ]

    def __len__(self) -> int:
        return len(self._fields)

    def of(self, table: str) -> str:
        """For after SELECT."""
        return ", ".join(f"{table}.{field.column}" for field in self._fields)

    def row(self, values: Sequence[Any]) -> Row:
        """An instance, as the ORM would have loaded it: without its signals, which nobody listens to, and in one go."""
        found = self._model.__new__(self._model)
        state = vars(found)
        state["_state"] = kept = ModelState()
        kept.adding, kept.db = False, connection.alias
        state.update(zip(self._names, values, strict=True))
        for name, convert in self._convert:
            setattr(found, name, convert(state.pop(name), None, connection))  # a sealed one looks up whose it is
        return found


class Insert:
    """Adds one row that names its organization. Outside a transaction it is one of its own, in one round trip.

    `together_with` is another statement that changes rows, in the same round trip. It goes in a transaction that sees
    the organization's rows already, and its values are given with the row.
    """

    def __init__(self, model: type[models.Model], *, together_with: str = "") -> None:
        meta = model._meta  # noqa: SLF001 - Django's documented name
        self._model = model
        # What the database fills by itself is left to it.
        fields = [field for field in meta.concrete_fields if field.db_default is NOT_PROVIDED]
        self._sealed = [field for field in fields if isinstance(field, (SealedJSONField, SealedTextField))]
        self._names = [field.attname for field in fields]
        columns, marks = ", ".join(str(field.column) for field in fields), ", ".join(["%s"] * len(fields))
        # The row comes out of the setting, so that is made before row security judges the row.
        self._text = (
            f"WITH place AS (SELECT set_config('{SETTING}', %s, true))"  # noqa: S608 - names of our own models
            f" INSERT INTO {meta.db_table} ({columns}) SELECT {marks} FROM place"
        )
        self._here = f"INSERT INTO {meta.db_table} ({columns}) VALUES ({marks})"  # noqa: S608 - as above
        if together_with:
            self._here = f"WITH other AS ({together_with}) {self._here}"

    def row(self, **values: Any) -> Any:
        """An instance of these, one for each column: without what making one costs. Not added yet."""
        row = self._model.__new__(self._model)
        vars(row).update(values, _state=ModelState())
        return row

    def values(self, **values: Any) -> None:
        """Add a row of these, one for each column. Raises KeyError if one lacks."""
        self(self.row(**values))

    def __call__(self, row: Any, others: Sequence[Any] | None = None) -> None:
        """What fails leaves no row. In a transaction the setting is afterwards what it was.

        `others` are the values of the statement that goes along.
        """
        link = connections[DEFAULT_DB_ALIAS]
        sealed = {field.attname: field.get_db_prep_save(field.pre_save(row, True), link) for field in self._sealed}
        values = row.__dict__ | sealed
        own = [values[name] for name in self._names]
        if others is not None:
            with prepared() as cursor:
                cursor.execute(self._here, [*others, *own])
            row._state.adding = False  # noqa: SLF001 - Django's documented name
            return
        nested = tenant(row.organization_id) if link.in_atomic_block else nullcontext()
        with nested, prepared() as cursor:
            cursor.execute(self._text, [str(row.organization_id), *own])
