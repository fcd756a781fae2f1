"""hq.db.fields in Django's hands: copies, queries that mean nothing, declarations."""

import copy
import json
import pickle
from typing import Any
from uuid import UUID

import pytest
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import models, transaction
from django.db.models import F, Value
from django.db.models.functions import Lower
from django.forms import modelform_factory
from django.test.utils import isolate_apps

from hq.db.fields import Purpose, SealedTextField, Tampered
from hq.db.models import PLATFORM_ID
from hq.lib.ids import new_id
from tests.db.sealed_notes import SECRET, Note, again, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("source")]


class TestCopies:
    def test_a_copy_with_another_id_is_sealed_for_its_own_place(self, note):
        row = again(note)
        row.pk, row._state.adding, row.number = new_id(), True, 1
        row.save()
        assert (again(row).text, again(row).document) == (SECRET, {"a": [1]})
        assert (again(note).text, again(note).document) == (SECRET, {"a": [1]})
        assert stored(row) != stored(note)

    def test_a_row_moved_to_another_organization_is_sealed_for_it(self, note):
        row = again(note)
        row.organization_id = new_id()
        row.save()
        assert again(note).text == SECRET

    def test_copies_in_memory_stay_apart(self, note, registered):
        row, shallow, deep = again(note), copy.copy(again(note)), copy.deepcopy(again(note))
        row.text = "changed"
        assert (shallow.text, deep.text) == (SECRET, SECRET)
        deep.document["a"].append(2)
        assert shallow.document == {"a": [1]}

    def test_copying_deeply_and_pickling_leave_out_what_was_opened(self, note, registered):
        row = again(note)
        assert (row.text, row.document) == (SECRET, {"a": [1]})
        pickled = pickle.dumps(row)
        assert SECRET.encode() not in pickled
        assert SECRET not in repr(copy.deepcopy(row).__dict__)
        assert pickle.loads(pickled).text == copy.deepcopy(row).text == SECRET

    def test_a_document_changed_in_place_is_not_pickled_and_not_lost_in_a_copy(self, note, registered):
        row = again(note)
        row.document["a"].append(2)
        assert copy.deepcopy(row).document == {"a": [1, 2]}
        with pytest.raises(pickle.PicklingError):
            pickle.dumps(row)

    def test_a_document_changed_in_place_is_saved(self, note):
        row = again(note)
        row.document["a"].append(2)
        row.save()
        assert again(note).document == {"a": [1, 2]}

    def test_a_document_that_only_looks_equal_is_a_change(self, note):
        row = again(note)
        assert row.document == {"a": [1]} == {"a": [True]}
        row.document = {"a": [True]}
        row.save()
        assert again(note).document["a"][0] is True

    def test_the_sealed_value_of_one_row_is_not_written_into_a_new_one(self, note):
        [values] = Note.objects.values("organization_id", "text")
        with pytest.raises(Tampered), transaction.atomic():
            Note.objects.create(number=1, **values)
        assert Note.objects.count() == 1

    def test_printing_shows_the_size_only(self, note):
        [values] = Note.objects.values()
        assert repr(values["text"]) == f"<sealed {len(stored(note))} bytes>"
        assert SECRET not in repr(again(note).__dict__)

    def test_serializers_and_forms_leave_it_out(self, note):
        assert "text" not in json.loads(serializers.serialize("json", [again(note)]))[0]["fields"]
        assert "text" not in modelform_factory(Note, exclude=[]).base_fields


class TestQueries:
    @pytest.mark.parametrize(
        "query",
        [
            lambda: Note.objects.filter(text="x").count(),
            lambda: Note.objects.exclude(text="x").count(),
            lambda: Note.objects.filter(text=F("other")).count(),
            lambda: Note.objects.filter(text__in=["x"]).count(),
            lambda: Note.objects.filter(text__contains="x").count(),
            lambda: Note.objects.filter(text__gt=b"").count(),
            lambda: Note.objects.filter(document__a=1).count(),
            lambda: Note.objects.get_or_create(text="x"),
            lambda: Note.objects.update(text="x"),
            lambda: Note.objects.update(text=b"x"),
            lambda: Note.objects.update(text=F("other")),
            lambda: Note.objects.update(text=Value("x")),
            lambda: Note.objects.update(text=Lower("other")),
            lambda: Note.objects.update(text=Note.objects.values_list("other", flat=True)[0]),
            lambda: Note.objects.update(text=Note.objects.values("other")[:1]),
            lambda: Note.objects.bulk_update([Note.objects.get()], ["text"]),
        ],
    )
    def test_what_cannot_mean_anything_is_refused(self, note, query):
        before = stored(note)
        with pytest.raises(FieldError), transaction.atomic():
            query()
        assert stored(note) == before

    def test_an_upsert_that_would_put_it_into_another_row_is_refused(self, note):
        newer = Note(organization_id=note.organization_id, number=note.number, text="x")
        fields: Any = {"update_conflicts": True, "update_fields": ["text"], "unique_fields": ["number"]}
        with pytest.raises(FieldError, match="conflict of the id"):
            Note.objects.bulk_create([newer], **fields)

    def test_an_upsert_by_id_and_one_that_leaves_it_alone_are_right(self, note):
        by_id = Note(id=note.pk, organization_id=note.organization_id, number=5, text="by id")
        changed: Any = {"update_conflicts": True, "update_fields": ["text"], "unique_fields": ["id"]}
        Note.objects.bulk_create([by_id], **changed)
        assert again(note).text == "by id"
        other = Note(organization_id=note.organization_id, number=note.number, text="x", other="y")
        left: Any = {"update_conflicts": True, "update_fields": ["organization_id"], "unique_fields": ["number"]}
        Note.objects.bulk_create([other], **left)
        assert again(note).text == "by id"

    def test_many_rows_at_once_are_right(self, org):
        Note.objects.bulk_create(Note(organization_id=org, number=n, text=f"text {n}") for n in range(20))
        assert {row.number: row.text for row in Note.objects.all()} == {n: f"text {n}" for n in range(20)}

    def test_update_or_create_is_right(self, note):
        Note.objects.update_or_create(number=note.number, defaults={"text": "updated"})
        assert again(note).text == "updated"

    def test_it_can_be_emptied(self, note):
        Note.objects.update(other=None)
        assert again(note).other is None


class TestDeclaration:
    def errors(self, **fields):
        with isolate_apps("hq.db"):
            model: Any = type("Wrong", (models.Model,), {"__module__": __name__, "Meta": META, **fields})
            return [error.id for error in model._meta.get_field("text").check()]

    def test_it_needs_a_uuid_key_and_an_organization_before_it(self):
        sealed: Any = SealedTextField
        key = models.UUIDField
        purpose = {"purpose": Purpose.METADATA}
        good = {"id": key(primary_key=True), "organization_id": key(), "text": sealed(**purpose)}
        assert self.errors(**good) == []
        assert self.errors(text=sealed(**purpose), organization_id=key(), id=key(primary_key=True)) == [
            "hq.E002",
            "hq.E003",
        ]
        assert self.errors(organization_id=key(), text=sealed(**purpose)) == ["hq.E002"]
        assert self.errors(id=key(primary_key=True), text=sealed(**purpose)) == ["hq.E003"]
        assert self.errors(id=key(primary_key=True), sealed_under=PLATFORM_ID, text=sealed(**purpose)) == []
        assert self.errors(**good | {"text": sealed(unique=True, **purpose)}) == ["hq.E001"]

    def test_it_goes_into_a_migration_and_back(self):
        name, path, args, kwargs = Note._meta.get_field("other").deconstruct()
        assert (name, path, args) == ("other", "hq.db.fields.SealedTextField", [])
        assert kwargs == {"purpose": "metadata", "null": True, "blank": True}
        made: Any = SealedTextField
        assert made(*args, **kwargs).purpose is Purpose.METADATA

    def test_a_ring_is_not_pickled_and_not_printed(self, org, source):
        ring = source.ring(org, Purpose.METADATA)
        with pytest.raises(TypeError, match="stay in this process"):
            pickle.dumps(ring)
        assert repr(ring) == f"<Ring of {UUID(bytes=org.bytes)}: 1 versions, current 1>"


META = type("Meta", (), {"app_label": "db"})
