"""Bodies of /v1 as they are described and as they are made."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from hq.db.classes import DataClass, Erasure, Held, Stored
from hq.db.sealing import Purpose
from hq.web.api import Input
from keys.actions.records import REASON_LENGTH
from keys.models import Destruction, Rotation
from keys.selectors import KeyLine, KeyList


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


class KeyBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(["cmk", "data_key"])
    purpose = serializers.CharField(allow_null=True, help_text="What a data key is for; null for the CMK.")
    kept_in = serializers.CharField()
    version = serializers.IntegerField()
    state = serializers.CharField()
    created_at = serializers.DateTimeField(help_text="When this version was made.")
    next_rotation_on = serializers.DateField(allow_null=True)


class KeyListBody(serializers.Serializer[Any]):
    items = KeyBody(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Always null: there are few.")


class RotateInput(Input):
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=REASON_LENGTH)


class RotationInput(Input):
    paused = serializers.BooleanField()


class RotationHolderBody(serializers.Serializer[Any]):
    name = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    unopened = serializers.IntegerField(help_text="Rows that do not open; they are left as they are.")


class RotationBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    key_id = serializers.UUIDField()
    state = serializers.ChoiceField(Rotation.State.choices)
    from_version = serializers.IntegerField(allow_null=True)
    to_version = serializers.IntegerField(allow_null=True)
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    holders = RotationHolderBody(many=True)
    requested_at = serializers.DateTimeField()
    made_at = serializers.DateTimeField(allow_null=True, help_text="When the new version took over.")
    reencrypted_at = serializers.DateTimeField(allow_null=True)
    paused_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    job_id = serializers.UUIDField()
    statement_id = serializers.UUIDField(allow_null=True, help_text="The signed statement, once it is done.")


class RotationListBody(serializers.Serializer[Any]):
    items = RotationBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DestructionBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    key_id = serializers.UUIDField()
    state = serializers.ChoiceField(Destruction.State.choices)
    erases = serializers.BooleanField(help_text="Whether the organization's data goes with the key.")
    days = serializers.IntegerField(help_text="Between agreeing to it and the end.")
    reason = serializers.CharField()
    requested_at = serializers.DateTimeField()
    requested_by = serializers.CharField()
    approved_at = serializers.DateTimeField(allow_null=True)
    approved_by = serializers.CharField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True, help_text="When it was cancelled or done.")
    ended_by = serializers.CharField(allow_null=True)
    statement_id = serializers.UUIDField(allow_null=True, help_text="The signed statement, once it is done.")


class DestructionListBody(serializers.Serializer[Any]):
    items = DestructionBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def destruction_body(wish: Destruction) -> dict[str, Any]:
    """A wish to destroy a key, and what became of it. People make and decide it, in the portal."""
    plain = ("id", "state", "erases", "days", "reason", "requested_at", "approved_at", "due_at", "ended_at")
    return {
        **{name: getattr(wish, name) for name in plain},
        "key_id": wish.cmk_id,
        "requested_by": wish.requested_by_label,
        "approved_by": wish.approved_by_label,
        "ended_by": wish.ended_by_label,
        "statement_id": wish.statement_id,
    }


def key_list_body(keys: KeyList) -> dict[str, Any]:
    """The CMK in use first."""
    lines = [*([("cmk", keys.cmk)] if keys.cmk else []), *(("data_key", line) for line in keys.data_keys)]
    return {"items": [_key_body(kind, line) for kind, line in lines], "next_cursor": None}


def _key_body(kind: str, line: KeyLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "kind": kind,
        "purpose": line.purpose or None,
        "kept_in": line.kept_in,
        "version": line.version,
        "state": line.state,
        "created_at": line.since,
        "next_rotation_on": line.next_rotation_on,
    }


def rotation_body(rotation: Rotation) -> dict[str, Any]:
    """How far a rotation is."""
    held = [
        {"name": name, **{key: cursor[key] for key in ("done", "total", "unopened")}}
        for name, cursor in sorted(rotation.cursors.items())
    ]
    return {
        "id": rotation.id,
        "key_id": rotation.cmk_id,
        "state": rotation.state,
        "from_version": rotation.from_version,
        "to_version": rotation.to_version,
        "done": sum(line["done"] for line in held),
        "total": sum(line["total"] for line in held),
        "holders": held,
        "requested_at": rotation.requested_at,
        "made_at": rotation.made_at,
        "reencrypted_at": rotation.reencrypted_at,
        "paused_at": rotation.paused_at,
        "finished_at": rotation.finished_at,
        "job_id": rotation.job_id,
        "statement_id": rotation.statement_id,
    }
