"""Columns that the database holds only sealed (KEY-8). To the code they look like text or JSON.

A value is sealed when its row is saved and opened when the attribute is read: what nobody looks at costs nothing. It
cannot be searched, compared or copied inside the database: filters, `update(...=value)`, `update(...=F(...))` and
`bulk_update` raise FieldError. Search by a keyed blind index where it is needed.
"""

import json
import logging
from collections.abc import Callable
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
from hq.db.sealing import (
    FORMAT,
    HEADER_BYTES,
    SHORTEST,
    KeyGone,
    KeySource,
    KeyUnavailable,
    Purpose,
    Ring,
    register_key_source,
)
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
        field = self.field
        try:
            held: Any = instance.__dict__[field.attname]
        except KeyError:
            field.load(instance)
            held = instance.__dict__[field.attname]
        if type(held) is not Sealed:
            return held
        if held.opened is not CLOSED:
            return held.opened
        # The usual case in few steps; anything else is for `open`, which has every case with its reason.
        data: Any = held.data
        organization_id: Any = held.organization_id
        row_id: Any = held.row_id
        try:
            ring = field.rings[organization_id.int]
            if data[:5] != ring.head:
                return field.open(held, instance)
            plain = ring.open(data[5:], field.place + ring.organization + row_id.int.to_bytes(16))
        except (AttributeError, KeyError, Tampered):
            return field.open(held, instance)
        ring.used = True
        if field.mutable:
            held.plain = plain
        held.opened = opened = field.decode(plain)
        return opened

    def __set__(self, instance: Any, value: Any) -> None:
        state, field = instance.__dict__, self.field
        if type(value) is Sealed:
            if value.row_id is None:  # fresh from the database: the row's id and organization were set just before
                value.row_id = state.get(field.row_name)
                value.organization_id = field.under or state.get("organization_id")
        elif not field.mutable:
            held = state.get(field.attname)
            if type(held) is Sealed and held.opened == value:
                return  # the same text again is no change: full_clean() does that
        state[field.attname] = value


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
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]

    def __init__(self, *args: Any, purpose: Purpose, **kwargs: Any) -> None:
        kwargs["editable"] = False
        kwargs["serialize"] = False
        self.purpose = Purpose(purpose)
        self.rings = sealing.remembered[self.purpose]
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
        names = [field.attname for field in meta.concrete_fields]
        earlier = names[: names.index(self.attname)]
        found: list[checks.CheckMessage] = list(super().check(**kwargs))
        if self.unique or getattr(self, "db_index", False):
            found.append(self._error(1, "A sealed column cannot be unique or indexed."))
        if not isinstance(meta.pk, models.UUIDField) or meta.pk.attname not in earlier:
            found.append(self._error(2, "A sealed column needs a UUID primary key, declared before it."))
        computed = "organization_id" not in names and hasattr(self.model, "organization_id")
        if self.under is None and "organization_id" not in earlier and not computed:
            found.append(self._error(3, "A sealed column needs an organization before it, or `sealed_under`."))
        return found

    def _error(self, number: int, sentence: str) -> checks.Error:
        return checks.Error(sentence, obj=self, id=f"hq.E{number:03}")

    def from_db_value(self, value: bytes | None, expression: Any, connection: Any) -> Sealed | None:
        if value is None:
            return None
        held = Sealed()
        held.data, held.opened, held.row_id = value, CLOSED, None
        return held

    def get_prep_value(self, value: Any) -> Any:
        """Let through what `pre_save` made, and nothing else: no plain text, no ciphertext of another place."""
        if value is None or (type(value) is Sealed and hasattr(value, "ready")):
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

    # ---- sealing and opening

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Seal a new value. A sealed one stays as it is while row, organization and key version are the same."""
        state = model_instance.__dict__
        # The usual case in few steps; anything else is for `_seal`, which has every case with its reason. What came
        # from the database cannot be encoded, so it goes there too.
        try:
            value = state[self.attname]
            if value is None:
                return None
            organization_id: Any = self.under or state["organization_id"]
            row_id: Any = state[self.row_name]
            ring = self.rings[organization_id.int]
            plain = self.encode(value)
            data = ring.head + ring.seal(plain, self.place + ring.organization + row_id.int.to_bytes(16))
        except (AttributeError, KeyError, TypeError, ValueError):
            return self._seal(model_instance, add)
        ring.seals += 1
        state[self.attname] = made = Sealed()
        made.data, made.opened, made.ready = data, value, True
        made.organization_id, made.row_id = organization_id, row_id
        if self.mutable:
            made.plain = plain
        return made

    def _seal(self, instance: models.Model, add: bool) -> Sealed | None:
        """Seal for the place where the instance is now. Raises KeyUnavailable, CannotBeSealed, FieldError, Tampered."""
        state = instance.__dict__
        if self.attname not in state:
            self.load(instance)
        value = state[self.attname]
        if value is None:
            return None
        organization_id, row_id = self._place_of(instance)
        ring = sealing.key_source().ring(organization_id, self.purpose)
        if isinstance(value, Sealed):
            if not add and self._stands(value, organization_id, row_id, ring):
                value.ready = True
                return value
            value = self.open(value, instance) if value.opened is CLOSED else value.opened
        return self._sealed(instance, value, self._encoded(value))

    def seal_encoded(self, instance: models.Model, plain: bytes) -> Sealed:
        """Seal the new value that is set, for one who knows already how it is encoded. Raises KeyUnavailable."""
        value = instance.__dict__[self.attname]
        if type(value) is Sealed:  # once more, as the row could not be added yet
            value = value.opened
        return self._sealed(instance, value, plain)

    def _sealed(self, instance: models.Model, value: Any, plain: bytes) -> Sealed:
        organization_id, row_id = self._place_of(instance)
        ring = self.rings.get(organization_id.int) or sealing.key_source().ring(organization_id, self.purpose)
        data = ring.head + ring.seal(plain, self._aad(organization_id, row_id))
        ring.seals += 1
        instance.__dict__[self.attname] = made = Sealed.of(data, organization_id, row_id)
        made.opened, made.ready = value, True
        if self.mutable:
            made.plain = plain
        return made

    def _stands(self, held: Sealed, organization_id: UUID, row_id: UUID, ring: Ring) -> bool:
        """True if the bytes are still right for this row, what they say is unchanged, and their key version current."""
        here = held.row_id == row_id and held.organization_id in (None, organization_id)
        return here and held.data[:HEADER_BYTES] == ring.head and not held.changed

    def open(self, held: Sealed, instance: models.Model) -> Any:
        """Open a value and keep what came out beside it. Raises Tampered, KeyUnavailable."""
        organization_id, row_id = self._origin(held, instance)
        data, source = held.data, sealing.key_source()
        whose = self._whose(organization_id, row_id)
        if len(data) < SHORTEST or data[0] != FORMAT:
            raise self._tampered(whose)
        head = data[:HEADER_BYTES]
        cipher = source.ring(organization_id, self.purpose).cipher(head)
        if cipher is None:  # perhaps another process has just made this version
            cipher = source.renewed(organization_id, self.purpose).cipher(head)
        if cipher is None:
            version = int.from_bytes(head[1:])
            log.error("unknown data key version", extra=whose | {"version": version})
            raise KeyGone(f"Version {version} of this organization's {self.purpose} key is not there.")
        try:
            plain = cipher.open(data[HEADER_BYTES:], self._aad(organization_id, row_id))
        except Tampered:
            raise self._tampered(whose) from None
        if self.mutable:
            held.plain = plain
        held.opened = self.decode(plain)
        return held.opened

    def _encoded(self, value: Any) -> bytes:
        try:
            return self.encode(value)
        except TypeError:
            raise FieldError(f"{self.name} holds text, not {type(value).__name__}.") from None
        except (UnicodeEncodeError, NotCanonical) as error:
            raise CannotBeSealed from error

    def _aad(self, organization_id: UUID, row_id: UUID) -> bytes:
        return self.place + organization_id.bytes + row_id.bytes

    def _place_of(self, instance: models.Model) -> tuple[UUID, UUID]:
        organization_id = self.under or getattr(instance, "organization_id", None)
        if organization_id is None:
            raise FieldError(f"{self.name} is sealed: the row must name its organization first.")
        return _uuid(organization_id), _uuid(instance.__dict__[self.row_name])

    def _origin(self, held: Sealed, instance: models.Model) -> tuple[UUID, UUID]:
        """Where the value was sealed, which is not where the instance is now if its id was changed to copy the row."""
        organization_id, row_id = self._place_of(instance)
        return _uuid(held.organization_id or organization_id), _uuid(held.row_id or row_id)

    def _tampered(self, whose: dict[str, str]) -> Tampered:
        log.error("sealed value does not open", extra=whose)
        return Tampered(f"{self} of row {whose['row_id']} was changed, cut, moved, or sealed under another key.")

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
        self.encode, self.decode = str.encode, bytes.decode


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
        self.encode, self.decode = canonical, json.loads
