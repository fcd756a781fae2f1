"""Rows of statements that are written out: read into models as the ORM would make them, and added."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.base import ModelState
from django.db.models.fields import NOT_PROVIDED

from hq.db.context import SETTING, tenant
from hq.db.fields import SealedJSONField, SealedTextField
from hq.db.fixed import Fixed, ask
from hq.db.prepared import prepared

Row = TypeVar("Row", bound=models.Model)
# What values of a field are, by Django's name for its type.
_KINDS: dict[str, type] = {
    "BigIntegerField": int,
    "BinaryField": bytes,
    "CharField": str,
    "DateTimeField": datetime,
    "GenericIPAddressField": str,
    "UUIDField": UUID,
}


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


class _Adding:
    """What is common to statements that add one row: its columns, and how an instance is made and sealed."""

    def __init__(self, model: type[models.Model], *, told: Mapping[str, str]) -> None:
        self._model = model
        # What the database fills by itself is left to it.
        fields = [field for field in model._meta.concrete_fields if field.db_default is NOT_PROVIDED]  # noqa: SLF001 - Django's documented name
        self._sealed = [field for field in fields if isinstance(field, (SealedJSONField, SealedTextField))]
        self._names = [field.attname for field in fields if field.attname not in told]
        columns = [str(field.column) for field in fields if field.attname not in told]
        self._columns, self._marks = ", ".join([*columns, *told]), ", ".join([*["%s"] * len(columns), *told.values()])

    def row(self, **values: Any) -> Any:
        """An instance of these, one for each column: without what making one costs. Not added yet."""
        row = self._model.__new__(self._model)
        vars(row).update(values, _state=ModelState())
        return row

    def _of(self, row: Any, link: Any, encoded: Mapping[str, bytes] | None = None) -> list[Any]:
        sealed = {}
        for field in self._sealed:
            plain = encoded.get(field.attname) if encoded else None
            ready = field.pre_save(row, True) if plain is None else field.seal_encoded(row, plain)
            sealed[field.attname] = field.get_db_prep_save(ready, link)
        values = row.__dict__ | sealed
        return [values[name] for name in self._names]


class Insert(_Adding):
    """Adds one row that names its organization. Outside a transaction it is one of its own, in one round trip."""

    def __init__(self, model: type[models.Model]) -> None:
        super().__init__(model, told={})
        # The row comes out of the setting, so that is made before row security judges the row.
        self._text = (
            f"WITH place AS (SELECT set_config('{SETTING}', %s, true))"  # noqa: S608 - names of our own models
            f" INSERT INTO {model._meta.db_table} ({self._columns}) SELECT {self._marks} FROM place"  # noqa: SLF001 - as above
        )

    def __call__(self, row: Any, *, encoded: Mapping[str, bytes] | None = None) -> None:
        """What fails leaves no row. In a transaction the setting is afterwards what it was.

        `encoded` are values of sealed columns for one who has encoded them already.
        """
        link = connections[DEFAULT_DB_ALIAS]
        own = self._of(row, link, encoded)
        nested = tenant(row.organization_id) if link.in_atomic_block else nullcontext()
        with nested, prepared() as cursor:
            cursor.execute(self._text, [str(row.organization_id), *own])


class InsertAt(_Adding):
    """Adds one row to which another statement gives its place, all in one round trip, in the caller's transaction.

    `place` is that statement, as a common table expression of this name, with the kinds of its values, and `told` says
    which columns of the row it gives by which of its own. `tells` is another of its own, a boolean.
    """

    def __init__(
        self, model: type[models.Model], *, place: str, kinds: Sequence[type], told: Mapping[str, str], tells: str
    ) -> None:
        super().__init__(model, told=told)
        self._told = list(told)
        of = {field.attname: _KINDS[field.get_internal_type()] for field in model._meta.concrete_fields}  # noqa: SLF001 - Django's documented name
        self._added = Fixed(
            f"WITH {place} INSERT INTO {model._meta.db_table} ({self._columns})"  # noqa: S608, SLF001 - names of our own models
            f" SELECT {self._marks} FROM place RETURNING {', '.join(told)}, (SELECT {tells} FROM place)",
            [*kinds, *(of[name] for name in self._names)],
            gives=[*(of[name] for name in told), bool],
        )

    def __call__(self, row: Any, *, at: Sequence[Any], encoded: Mapping[str, bytes]) -> bool | None:
        """Add it and tell it its place; what `tells` says, or None if there is no place to add it at.

        `at` are the values of `place`, `encoded` those of sealed columns that the caller has encoded already.
        """
        link = connections[DEFAULT_DB_ALIAS]
        place = self._added.row(ask(link, self._added.bound([*at, *self._of(row, link, encoded)])))
        if place is None:
            return None
        *told, tells = place
        vars(row).update(zip(self._told, told, strict=True))
        row._state.adding = False  # noqa: SLF001 - Django's documented name
        return bool(tells)
