"""`manage check` refuses a stored field without a class, and a class that the column does not live up to (VLT-12)."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.core import checks
from django.db import models

from hq.db.classes import ALWAYS, DataClass, Declared, Held, Model, declaration, every_model, fields, is_sealed
from hq.db.elsewhere import OTHER_TABLES

_OWN = {Held.SEALED, Held.WRAPPED, Held.DIGEST, Held.ARGON2ID}


def check_classes(app_configs: Any, **_: Any) -> list[checks.CheckMessage]:
    """Registered with Django. What other packages' tables hold is judged too, but they cannot be made to seal it."""
    return [fault for model in every_model() for fault in faults(model)]


def faults(model: Model) -> list[checks.CheckMessage]:
    """What is wrong with the declaration of one model."""
    declared = declaration(model)
    if declared is None or declared.kept is None:
        sentence = "A model says how long its rows are kept and of which class each field is: data_classes."
        return [checks.Error(sentence, obj=model, id="hq.E010")]
    found = list(_misnamed(model, declared))
    ours = model._meta.db_table not in OTHER_TABLES  # noqa: SLF001 - Django's documented name
    for column in fields(model):
        data_class = declared.class_of(column.name)
        if data_class is None:
            found.append(checks.Error("A stored field needs a class.", obj=column, id="hq.E010"))
        elif ours:
            found += [checks.Error(sentence, obj=column, id=code) for code, sentence in _judged(column, declared)]
    return found


def _misnamed(model: Model, declared: Declared) -> Iterator[checks.CheckMessage]:
    known = {column.name for column in fields(model)}
    for name, times in Counter(declared.names).items():
        if name not in known:
            yield checks.Error(f"{name} is declared, and is no stored field.", obj=model, id="hq.E011")
        elif times > 1:
            yield checks.Error(f"{name} is declared more than once.", obj=model, id="hq.E012")
    if not all(reason.strip() for reason in declared.in_clear.values()):
        yield checks.Error("What stands in the clear says why.", obj=model, id="hq.E013")


def _judged(column: "models.Field[Any, Any]", declared: Declared) -> Iterator[tuple[str, str]]:
    """Whether a column of ours is what its class asks for: an id of the check and a sentence for each fault."""
    data_class, sealed = declared.class_of(column.name), is_sealed(column)
    if data_class is DataClass.METADATA and not sealed:
        if column.name not in declared.in_clear:
            yield "hq.E013", "Customer metadata is sealed, or stands in `in_clear` with the reason."
        if declared.kept == ALWAYS:
            yield (
                "hq.E014",
                "Customer metadata that outlives its organization must be sealed, or nothing takes it away.",
            )
    if sealed and column.name in declared.in_clear:
        yield "hq.E013", "A sealed column does not stand in the clear."
    if data_class is DataClass.SECRETS:
        held = declared.secrets[column.name]
        if held not in _OWN or (held is Held.SEALED) is not sealed:
            yield "hq.E015", "A secret is sealed, wrapped, or kept as a digest or an Argon2id hash; never as it is."
        if held in {Held.WRAPPED, Held.DIGEST} and not isinstance(column, models.BinaryField):
            yield "hq.E015", "Digests and wrapped keys are bytes."
    purpose = getattr(column, "purpose", None) if sealed else None
    if purpose is not None and data_class is not None and purpose not in data_class.handling.purposes:
        yield "hq.E016", f"What is {data_class.handling.title.lower()} is not sealed under the {purpose} key."
