"""Bodies of /v1 as they are described and as they are made."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from hq.db.classes import DataClass, Erasure, Held, Stored
from hq.db.sealing import Purpose


class ClassBody(serializers.Serializer[Any]):
    name = serializers.ChoiceField([each.value for each in DataClass])
    title = serializers.CharField()
    meaning = serializers.CharField()
    logged = serializers.BooleanField(help_text="Whether a value may stand in a log line.")
    exported = serializers.BooleanField(help_text="Whether an export of the organization may carry it.")
    kept = serializers.CharField()
    erasure = serializers.CharField(help_text="What erasing the organization does.")
    encryption = serializers.CharField()
    items = serializers.IntegerField(help_text="How many of the items are of this class.")


class StoredBody(serializers.Serializer[Any]):
    room = serializers.CharField(help_text="The part of HQ; packages, outside and refused are none.")
    table = serializers.CharField()
    field = serializers.CharField()
    type = serializers.CharField(help_text="The column's type, or what it is outside the database.")
    held = serializers.ChoiceField(
        [each.value for each in Held], allow_null=True, help_text="How it stands there; null: as it is."
    )
    encrypted_under = serializers.ChoiceField(
        [each.value for each in Purpose], allow_null=True, help_text="The purpose of the data key that seals it."
    )
    key_of = serializers.ChoiceField(["organization", "deployment"], allow_null=True, help_text="Whose key that is.")
    why_plain = serializers.CharField(allow_null=True, help_text="Why customer metadata stands in the clear.")
    logged = serializers.BooleanField()
    exported = serializers.BooleanField()
    kept = serializers.CharField()
    erasure = serializers.ChoiceField([each.value for each in Erasure])

    def get_fields(self) -> dict[str, Any]:
        """`class` is no name that Python lets an attribute have."""
        return super().get_fields() | {"class": serializers.ChoiceField([each.value for each in DataClass])}


class DataMapBody(serializers.Serializer[Any]):
    classes = ClassBody(many=True)
    items = StoredBody(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Always null: the map comes whole.")


def data_map_body(lines: Sequence[Stored]) -> dict[str, Any]:
    """The whole map: the five classes with their handling, and what is stored."""
    counts = Counter(line.data_class for line in lines)
    return {
        "classes": [_class_body(each, counts[each]) for each in DataClass],
        "items": [_stored_body(line) for line in lines],
        "next_cursor": None,
    }


def _class_body(data_class: DataClass, items: int) -> dict[str, Any]:
    handling = data_class.handling
    told = ("title", "meaning", "logged", "exported", "kept", "erasure", "encryption")
    return {"name": data_class.value} | {name: getattr(handling, name) for name in told} | {"items": items}


def _stored_body(line: Stored) -> dict[str, Any]:
    return {
        "room": line.room,
        "table": line.table,
        "field": line.field,
        "class": line.data_class.value,
        "type": line.type,
        "held": line.held.value if line.held else None,
        "encrypted_under": line.purpose.value if line.purpose else None,
        "key_of": line.key_of or None,
        "why_plain": line.why_plain or None,
        "logged": line.logged,
        "exported": line.exported,
        "kept": line.kept.sentence,
        "erasure": line.erasure.value,
    }
