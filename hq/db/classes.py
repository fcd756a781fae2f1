"""The five data classes (VLT-12): what each field of each table is, and what follows from that.

A model says it once, beside its fields:

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="purpose",
        in_clear={"path": "Listed and searched by range"},
        secrets={"token_digest": Held.DIGEST},
        operational="state created_at",
    )

There is no class by default: a field that is not named here fails `manage check` (hq.db.class_checks) and the tests.
Customer content and what is local-only cannot be declared for a column, because they have no place in one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from django.apps import apps
from django.db import connection, models
from django.db.migrations.recorder import MigrationRecorder

from hq.db.fields import SealedJSONField, SealedTextField
from hq.db.sealing import Purpose


class DataClass(StrEnum):
    """What a stored value is. Each has its handling."""

    CONTENT = "customer-content"
    METADATA = "customer-metadata"
    OPERATIONAL = "operational"
    SECRETS = "secrets"
    LOCAL_ONLY = "local-only"

    @property
    def handling(self) -> "Handling":
        return HANDLING[self]


@dataclass(frozen=True, slots=True)
class Handling:
    """How a class is treated. `purposes` are the keys it may be sealed under."""

    title: str
    meaning: str
    logged: bool
    exported: bool
    kept: str
    erasure: str
    encryption: str
    purposes: frozenset[Purpose] = frozenset()


HANDLING = {
    DataClass.CONTENT: Handling(
        title="Customer content",
        meaning="The bytes that people and machines store. They are in sealed files, never in the database.",
        logged=False,
        exported=True,
        kept="Until its versions are deleted, with the organization at the latest",
        erasure="Unreadable once the key is destroyed; the files are deleted",
        encryption="Always",
        purposes=frozenset({Purpose.CONTENT}),
    ),
    DataClass.METADATA: Handling(
        title="Customer metadata",
        meaning="What describes content and people: names, addresses, paths, sizes, purposes.",
        logged=False,
        exported=True,
        kept="As long as what it describes",
        erasure="Unreadable once the key is destroyed; rows are deleted, but for the trail’s",
        encryption="Always, unless a reason is stated",
        purposes=frozenset({Purpose.AUDIT, Purpose.METADATA, Purpose.PEOPLE}),
    ),
    DataClass.OPERATIONAL: Handling(
        title="Operational and audit",
        meaning="What HQ needs to run and to account for itself: ids, times, states, counts, network addresses.",
        logged=True,
        exported=True,
        kept="As its table says; the trail always",
        erasure="Deleted, but for the trail, which names ids only",
        encryption="Not required",
    ),
    DataClass.SECRETS: Handling(
        title="Secrets",
        meaning="What opens something: keys, passwords, tokens. Kept sealed, wrapped or as a digest, never as it is.",
        logged=False,
        exported=False,
        kept="Until used up, expired or replaced",
        erasure="Deleted, or unreadable once the key above is destroyed",
        encryption="Always sealed, wrapped or hashed",
        purposes=frozenset({Purpose.METADATA, Purpose.SIGNING}),
    ),
    DataClass.LOCAL_ONLY: Handling(
        title="Local-only",
        meaning="What never leaves a person’s machine: credentials, settings, private keys, raw datasets.",
        logged=False,
        exported=False,
        kept="Never: the server refuses it",
        erasure="Nothing is there to erase",
        encryption="Not stored",
    ),
}


class Held(StrEnum):
    """How a value stands where it is stored, if not in the clear. The last three are not for our own columns."""

    SEALED = "sealed"
    WRAPPED = "wrapped"
    DIGEST = "digest"
    ARGON2ID = "argon2id"
    SIGNED = "signed"  # half of it: the other half is a signature that only the holder has
    NEVER = "never"  # the column is empty, and the running role may not fill it
    HOLDER = "holder"  # outside of HQ's database, with the one it was given to

    @property
    def sentence(self) -> str:
        return _HELD[self]


_HELD = {
    Held.SEALED: "Sealed",
    Held.WRAPPED: "Wrapped by the next higher key",
    Held.DIGEST: "Only a digest is kept",
    Held.ARGON2ID: "Only an Argon2id hash is kept",
    Held.SIGNED: "Of use only with a signature that the holder has",
    Held.NEVER: "Empty; HQ may not fill it",
    Held.HOLDER: "Only its holder has it",
}


class Erasure(StrEnum):
    """What erasing an organization does to a value."""

    DELETED = "deleted"
    UNREADABLE = "unreadable"  # the row stays, its key does not
    STAYS = "stays"
    NOT_THEIRS = "not-theirs"  # it was never the organization's

    @property
    def sentence(self) -> str:
        return _ERASED[self]


_ERASED = {
    Erasure.DELETED: "Deleted",
    Erasure.UNREADABLE: "Stays, unreadable",
    Erasure.STAYS: "Stays",
    Erasure.NOT_THEIRS: "Not the organization’s",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """How long the rows of a table are kept, in words, and what erasing their organization does to them."""

    sentence: str
    erasure: Erasure = Erasure.DELETED
    after: timedelta | None = None


ORGANIZATION = Kept("As long as the organization")
ALWAYS = Kept("Always; it outlives the organization", Erasure.STAYS)
ACCOUNT = Kept("As long as the person’s account", Erasure.NOT_THEIRS)
UNTIL_EXPIRED = Kept("Until it expires; swept within the hour")
DEPLOYMENT = Kept("As long as the deployment", Erasure.NOT_THEIRS)


def days(number: int, since: str) -> Kept:
    """Rows that a sweep deletes: `days(30, "after it ended")`."""
    return Kept(f"{number} days {since}", after=timedelta(days=number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The classes of a model's fields, by name. What an abstract base declares holds for the models made of it."""

    kept: Kept | None = None
    metadata: str = ""
    in_clear: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Held] = field(default_factory=dict)
    operational: str = ""

    @property
    def names(self) -> list[str]:
        """Every name as often as it is declared."""
        return [*self.metadata.split(), *self.in_clear, *self.secrets, *self.operational.split()]

    def class_of(self, name: str) -> DataClass | None:
        if name in self.secrets:
            return DataClass.SECRETS
        if name in self.in_clear or name in self.metadata.split():
            return DataClass.METADATA
        return DataClass.OPERATIONAL if name in self.operational.split() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One line of the data map: a column of a table, or something kept elsewhere."""

    room: str
    table: str
    field: str
    type: str
    data_class: DataClass
    kept: Kept
    held: Held | None = None
    purpose: Purpose | None = None
    platform: bool = False  # sealed under the deployment's own key, which no organization's end destroys
    why_plain: str = ""

    @property
    def logged(self) -> bool:
        return self.data_class.handling.logged

    @property
    def exported(self) -> bool:
        return self.data_class.handling.exported

    @property
    def key_of(self) -> str:
        """Whose key seals it: the organization's or the deployment's; empty if none does."""
        if self.purpose is None:
            return ""
        return "deployment" if self.platform else "organization"

    @property
    def stands(self) -> str:
        """How it stands where it is stored, and why, in words."""
        if self.purpose is not None:
            return f"Sealed under the {self.key_of}’s {self.purpose} key"
        if self.held is not None:
            return self.held.sentence
        if self.data_class is DataClass.LOCAL_ONLY:
            return self.why_plain
        return f"In the clear: {self.why_plain}" if self.why_plain else "In the clear"

    @property
    def erasure(self) -> Erasure:
        """A row that stays keeps nothing readable of what was sealed or wrapped under the organization's keys."""
        under_key = self.held in {Held.SEALED, Held.WRAPPED} and not self.platform
        return Erasure.UNREADABLE if self.kept.erasure is Erasure.STAYS and under_key else self.kept.erasure


Model = type[models.Model]


def every_model() -> list[Model]:
    """Every concrete model with a table, those that Django makes by itself included."""
    found = apps.get_models(include_auto_created=True)
    return [*(model for model in found if not model._meta.proxy), MigrationRecorder.Migration]  # noqa: SLF001 - Django's documented name


def fields(model: Model) -> "list[models.Field[Any, Any]]":
    return list(model._meta.concrete_fields)  # noqa: SLF001 - Django's documented name


def declaration(model: Model) -> Declared | None:
    """What a model and its abstract bases declare, as one; None if it declares nothing itself."""
    from hq.db.elsewhere import OTHER_TABLES

    if model._meta.db_table in OTHER_TABLES:  # noqa: SLF001 - Django's documented name
        return OTHER_TABLES[model._meta.db_table]  # noqa: SLF001 - Django's documented name
    own = vars(model).get("data_classes")
    if not isinstance(own, Declared):
        return None
    inherited = [vars(base)["data_classes"] for base in model.__mro__[1:] if "data_classes" in vars(base)]
    house = " ".join(each.operational for each in inherited)
    return Declared(
        kept=own.kept,
        metadata=own.metadata,
        in_clear=own.in_clear,
        secrets=own.secrets,
        operational=f"{house} {own.operational}",
    )


def is_sealed(column: "models.Field[Any, Any]") -> bool:
    return isinstance(column, SealedTextField | SealedJSONField)


@cache
def data_map() -> tuple[Stored, ...]:
    """Everything that is stored, tables first. Made once: it changes with the code only."""
    from hq.db.elsewhere import OUTSIDE

    return (*(line for model in every_model() for line in _lines(model)), *OUTSIDE)


def _lines(model: Model) -> Iterator[Stored]:
    from hq.db.elsewhere import OTHER_TABLES, OTHERS

    declared = declaration(model)
    if declared is None or declared.kept is None:
        return  # hq.db.class_checks says so
    table, columns = model._meta.db_table, fields(model)  # noqa: SLF001 - Django's documented name
    for column in columns:
        data_class = declared.class_of(column.name)
        if data_class is None:
            continue
        sealed = is_sealed(column)
        yield Stored(
            room=OTHERS if table in OTHER_TABLES else model._meta.app_label,  # noqa: SLF001 - Django's documented name
            table=table,
            field=column.attname,
            type=(column.db_type(connection) or "").replace("timestamp with time zone", "timestamptz"),
            data_class=data_class,
            kept=declared.kept,
            held=Held.SEALED if sealed else declared.secrets.get(column.name),
            purpose=getattr(column, "purpose", None) if sealed else None,
            platform=sealed and hasattr(model, "sealed_under"),
            why_plain=declared.in_clear.get(column.name, ""),
        )


def fields_of(data_class: DataClass) -> list[Stored]:
    """Everything of one class, wherever it is stored."""
    return [line for line in data_map() if line.data_class is data_class]


def exported(model: Model) -> list[str]:
    """The columns that an export may carry."""
    return [line.field for line in _lines(model) if line.exported]


def erased(model: Model) -> dict[str, Erasure]:
    """What erasing an organization does to each column of its rows."""
    return {line.field: line.erasure for line in _lines(model)}


def retention(model: Model) -> timedelta:
    """How long a sweep leaves rows that are over. Raises LookupError if the rows of this model stay with something."""
    declared = declaration(model)
    if declared is None or declared.kept is None or declared.kept.after is None:
        raise LookupError(f"No sweep deletes rows of {model.__name__}.")
    return declared.kept.after


@cache
def unlogged() -> frozenset[str]:
    """The field names whose values no log line may carry: made once, since every line asks.

    A name is among them if it means a secret anywhere, or if none of our fields of that name may be logged. What other
    packages call by a name counts where we have no such field. A field without a class may not be logged.
    """
    from hq.db.elsewhere import OTHER_TABLES

    ours: dict[str, set[DataClass | None]] = {}
    others: dict[str, set[DataClass | None]] = {}
    for model in every_model():
        declared = declaration(model) or Declared()
        found = others if model._meta.db_table in OTHER_TABLES else ours  # noqa: SLF001 - Django's documented name
        for column in fields(model):
            for name in (column.name, column.attname):
                found.setdefault(name, set()).add(declared.class_of(column.name))
    secret = {name for classes in (ours, others) for name, seen in classes.items() if DataClass.SECRETS in seen}
    return frozenset(secret | {name for name, seen in (others | ours).items() if not any(map(_may_be_logged, seen))})


def _may_be_logged(data_class: DataClass | None) -> bool:
    return data_class is not None and data_class.handling.logged
