"""Columns that the database holds only sealed (KEY-8). To the code they look like text or JSON.

A value is sealed when its row is saved and opened when the attribute is read: what nobody looks at costs nothing. It
cannot be searched, compared or copied inside the database: filters, `update(...=value)`, `update(...=F(...))` and
`bulk_update` raise FieldError. Search by a keyed blind index where it is needed.
"""

import json
import logging
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload
from uuid import UUID

from django.core import checks
from django.core.exceptions import FieldError
from django.db import models
from django.db.models.constants import OnConflict
from django.db.models.lookups import Exact
from django.db.models.query_utils import DeferredAttribute

from hq.crypto.aead import Tampered
from hq.db import sealing
from hq.db.sealed import CLOSED, Sealed
from hq.db.sealing import FORMAT, HEADER_BYTES, SHORTEST, KeySource, KeyUnavailable, Purpose, Ring, register_key_source
from hq.lib.canonical import NotCanonical, canonical
from hq.lib.errors import Invalid

__all__ = [
    "CannotBeSealed",
    "KeySource",
    "KeyUnavailable",
    "Purpose",
    "Ring",
    "Sealed",
    "SealedJSONField",
    "SealedTextField",
    "Tampered",
    "register_key_source",
]

log = logging.getLogger("hq.db.fields")
_Set = TypeVar("_Set")
_Get = TypeVar("_Get")


class CannotBeSealed(Invalid):
    """Something in this text or document has no exact form (half a character, for one), so it cannot be stored."""


class _Ready:
    """What `pre_save` made for the database. Nothing else gets there: no plain text, no foreign ciphertext."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class _IsNull(Exact):
    """`filter(column=None)` is the only comparison that means something: each sealing of a text differs."""

    def get_prep_lookup(self) -> None:
        if self.rhs is not None:
            raise FieldError("A sealed column cannot be searched. Use a blind index.")


def _uuid(value: Any) -> UUID:
    """Rows made from text keep the text until they are read back."""
    return value if isinstance(value, UUID) else UUID(str(value))


class SealedAttribute(DeferredAttribute):
    """Opens a value when it is read, remembers whose row it came from, and loads what opening needs."""

    field: "_SealedField[Any, Any]"

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        state, field = instance.__dict__, self.field
        name = field.attname
        if name not in state:
            field.load(instance)
        held = state[name]
        if held is None:
            return None
        if held.opened is CLOSED:
            organization_id, row_id = field.origin(held, instance)
            field.open_into(held, organization_id, row_id)
        return held.opened

    def __set__(self, instance: Any, value: Any) -> None:
        state, field = instance.__dict__, self.field
        if value is None:
            state[field.attname] = None
        elif isinstance(value, Sealed):
            if value.row_id is None:  # fresh from the database: the row's id and organization were set just before
                value.row_id = state.get(field.row_name)
                value.organization_id = field.under or state.get("organization_id")
            state[field.attname] = value
        else:
            field.assign(state, value)


if TYPE_CHECKING:
    from django.db.models import Field
else:

    class Field(models.Field):
        """Django's own takes type parameters in the stubs only."""

        def __class_getitem__(cls, _parameters: object) -> type["Field"]:
            return cls


class _SealedField(Field[_Set, _Get]):
    descriptor_class = SealedAttribute
    mutable = False  # whether an opened value can be changed in place
    under: UUID | None = None  # set when the model's rows belong to the deployment itself
    row_name = "id"

    def __init__(self, *args: Any, purpose: Purpose, **kwargs: Any) -> None:
        kwargs["editable"] = False
        kwargs["serialize"] = False
        self.purpose = Purpose(purpose)
        super().__init__(*args, **kwargs)

    # ---- what Django asks of a field

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        kwargs.pop("serialize", None)
        return name, path, args, {**kwargs, "purpose": self.purpose.value}

    def get_internal_type(self) -> str:
        return "BinaryField"

    def db_type(self, connection: Any) -> str:
        return "bytea"

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        self.under = getattr(cls, "sealed_under", None)
        self.place = f"{cls._meta.db_table}\0{self.column}\0".encode()
        if cls._meta.pk is not None:
            self.row_name = cls._meta.pk.attname

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        meta = self.model._meta  # noqa: SLF001 - Django's documented name
        earlier = [field.attname for field in meta.concrete_fields[: meta.concrete_fields.index(self)]]
        found: list[checks.CheckMessage] = list(super().check(**kwargs))
        if self.unique or getattr(self, "db_index", False):
            found.append(self._error(1, "A sealed column cannot be unique or indexed."))
        if not isinstance(meta.pk, models.UUIDField) or meta.pk.attname not in earlier:
            found.append(self._error(2, "A sealed column needs a UUID primary key, declared before it."))
        if self.under is None and "organization_id" not in earlier and not hasattr(self.model, "organization_id"):
            found.append(self._error(3, "A sealed column needs an organization before it, or `sealed_under`."))
        return found

    def _error(self, number: int, sentence: str) -> checks.Error:
        return checks.Error(sentence, obj=self, id=f"hq.E{number:03}")

    def from_db_value(self, value: bytes | None, expression: Any, connection: Any) -> Sealed | None:
        return None if value is None else Sealed(value)

    def get_prep_value(self, value: Any) -> Any:
        if value is None or type(value) is _Ready:
            return value
        raise FieldError(f"{self.name} is sealed: set it on a row and save that row.")

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        ready = self.get_prep_value(value)
        return None if ready is None else ready.data

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        """Django asks this for every value it writes, expressions included: an expression would copy a ciphertext."""
        if hasattr(value, "as_sql"):
            raise FieldError(f"{self.name} is sealed: it cannot be computed in the database.")
        self._refuse_foreign_upsert(compiler.query)
        return "%s"

    def _refuse_foreign_upsert(self, query: Any) -> None:
        """An upsert on anything but the id would put a value sealed for a new row into an old one."""
        updated = getattr(query, "on_conflict", None) is OnConflict.UPDATE and self in query.update_fields
        if updated and any(not field.primary_key for field in query.unique_fields):
            raise FieldError(f"{self.name} is sealed: it can be updated on a conflict of the id only.")

    def get_lookup(self, lookup_name: str) -> Any:
        return {"exact": _IsNull, "isnull": super().get_lookup("isnull")}.get(lookup_name)

    def get_transform(self, lookup_name: str) -> None:
        return None

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Seal a new value. A sealed one stays as it is while row, organization and key version are the same."""
        state = model_instance.__dict__
        if self.attname not in state:
            self.load(model_instance)
        held = state[self.attname]
        if held is None:
            return None
        row_id, organization_id = state[self.row_name], self.under or state.get("organization_id")
        if type(row_id) is not UUID or type(organization_id) is not UUID:
            row_id, organization_id = _uuid(row_id), self.organization_of(model_instance)
        ring = sealing._source.ring(organization_id, self.purpose)  # noqa: SLF001 - a call saved on the hot path
        if held.data is None:
            plain = self.encode(held.opened)
        elif not add and self._stands(held, organization_id, row_id, ring):
            return _Ready(held.data)
        else:
            plain = self._plain_of(held, model_instance)
        data = ring.head + ring.seal(plain, self.place + ring.organization + row_id.int.to_bytes(16, "big"))
        state[self.attname] = Sealed(data, organization_id, row_id, held.opened, plain if self.mutable else None)
        return _Ready(data)

    # ---- sealing and opening

    def encode(self, value: Any) -> bytes:
        raise NotImplementedError

    def decode(self, plain: bytes) -> Any:
        raise NotImplementedError

    def assign(self, state: dict[str, Any], value: Any) -> None:
        """Keep a new value until the row is saved."""
        state[self.attname] = Sealed(None, opened=value)

    def _stands(self, held: Sealed, organization_id: UUID, row_id: UUID, ring: Ring) -> bool:
        """True if the sealed bytes are still right for this row, and under the current version of the key."""
        if held.data is None or held.data[:HEADER_BYTES] != ring.head:
            return False
        return held.row_id == row_id and held.organization_id in (None, organization_id) and not held.changed

    def _plain_of(self, held: Sealed, instance: models.Model) -> bytes:
        """What is to be sealed anew, opened under where it came from. Raises Tampered, KeyUnavailable."""
        if held.opened is CLOSED:
            self.open_into(held, *self.origin(held, instance))
        return self.encode(held.opened)

    def origin(self, held: Sealed, instance: models.Model) -> tuple[UUID, UUID]:
        """Where the value was sealed, which is not where the instance is now if its id was changed to copy the row."""
        row_id = held.row_id or instance.__dict__[self.row_name]
        return _uuid(held.organization_id or self.organization_of(instance)), _uuid(row_id)

    def organization_of(self, instance: models.Model) -> UUID:
        organization_id = self.under or getattr(instance, "organization_id", None)
        if organization_id is None:
            raise FieldError(f"{self.name} is sealed: the row must name its organization first.")
        return _uuid(organization_id)

    def open_into(self, held: Sealed, organization_id: UUID, row_id: UUID) -> None:
        """Open a value and keep what came out beside it. Raises Tampered, KeyUnavailable."""
        data = held.data or b""
        ring = sealing._source.ring(organization_id, self.purpose)  # noqa: SLF001 - a call saved on the hot path
        opener = ring.openers.get(data[:HEADER_BYTES]) or self._opener_of(data, organization_id, row_id)
        try:
            plain = opener(data[HEADER_BYTES:], self.place + ring.organization + row_id.int.to_bytes(16, "big"))
        except Tampered:
            raise self._tampered(organization_id, row_id) from None
        if self.mutable:
            held.plain = plain
        held.opened = self.decode(plain)

    def _opener_of(self, data: bytes, organization_id: UUID, row_id: UUID) -> Any:
        """For a version that the remembered ring lacks: perhaps another process has just made it."""
        if len(data) < SHORTEST or data[0] != FORMAT:
            raise self._tampered(organization_id, row_id)
        opener = sealing.key_source().renewed(organization_id, self.purpose).openers.get(data[:HEADER_BYTES])
        if opener is None:
            version = int.from_bytes(data[1:HEADER_BYTES], "big")
            log.error("unknown data key version", extra=self._whose(organization_id, row_id) | {"version": version})
            raise KeyUnavailable(f"Version {version} of this organization's {self.purpose} key is not there.")
        return opener

    def _tampered(self, organization_id: UUID, row_id: UUID) -> Tampered:
        log.error("sealed value does not open", extra=self._whose(organization_id, row_id))
        return Tampered(f"{self} of row {row_id} was changed, cut, moved, or sealed under another key.")

    def _whose(self, organization_id: UUID, row_id: UUID) -> dict[str, str]:
        """What the log may say of it: names and ids, never a value."""
        return {
            "organization_id": str(organization_id),
            "purpose": self.purpose,
            "column": str(self),
            "row_id": str(row_id),
        }

    def load(self, instance: models.Model) -> None:
        """Fetch a deferred value, still sealed, and with it the organization if that was deferred too: one query."""
        columns = {field.attname for field in self.model._meta.concrete_fields}  # noqa: SLF001 - Django's documented name
        wanted = [name for name in ("organization_id",) if name in columns and name not in instance.__dict__]
        manager = type(instance)._base_manager.db_manager(instance._state.db)  # noqa: SLF001 - as refresh_from_db does
        names = [*wanted, self.attname]  # in this order: the value looks for its organization
        for name, value in zip(names, manager.filter(pk=instance.pk).values_list(*names).get(), strict=True):
            setattr(instance, name, value)


class SealedTextField(_SealedField[_Set, _Get]):
    """Text that the database holds only sealed: `name = SealedTextField(purpose=Purpose.METADATA)`.

    The model has a UUID key and `organization_id`, or `sealed_under = PLATFORM_ID` for rows of the deployment itself.
    Reading raises Tampered or KeyUnavailable; saving raises KeyUnavailable and CannotBeSealed.
    """

    @overload
    def __init__(
        self: "SealedTextField[str, str]",
        *,
        purpose: Purpose,
        null: Literal[False] = ...,
        blank: bool = ...,
        default: Any = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: "SealedTextField[str | None, str | None]",
        *,
        purpose: Purpose,
        null: Literal[True],
        blank: bool = ...,
        default: Any = ...,
    ) -> None: ...
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

    def assign(self, state: dict[str, Any], value: Any) -> None:
        """The same text again is no change: full_clean() does that."""
        held = state.get(self.attname)
        if held is None or held.data is None or held.opened != value:
            super().assign(state, value)

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, str):
            raise FieldError(f"{self.name} holds text, not {type(value).__name__}.")
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise CannotBeSealed from None

    def decode(self, plain: bytes) -> str:
        return plain.decode()


class SealedJSONField(_SealedField[_Set, _Get]):
    """A JSON document that the database holds only sealed, as RFC 8785 writes it. Saving sees changes in place."""

    mutable = True
    empty_strings_allowed = False

    @overload
    def __init__(
        self: "SealedJSONField[Any, Any]", *, purpose: Purpose, null: bool = ..., blank: bool = ..., default: Any = ...
    ) -> None: ...
    @overload
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

    def encode(self, value: Any) -> bytes:
        try:
            return canonical(value)
        except NotCanonical as error:
            raise CannotBeSealed from error

    def decode(self, plain: bytes) -> Any:
        return json.loads(plain)
