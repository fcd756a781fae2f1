"""hq.db.fields: what a sealed column promises (KEY-8), the short way and the long way."""

import logging
import os

import pytest
from django.core.exceptions import FieldError
from django.db import IntegrityError, connection, transaction

from hq.crypto.aead import Aead
from hq.db import sealing
from hq.db.fields import CannotBeSealed, KeyUnavailable, Purpose, Tampered
from hq.db.models import PLATFORM_ID
from hq.lib.ids import new_id
from tests.db.sealed_notes import SECRET, Note, PlatformNote, again, store, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("source")]


class TestSealing:
    def test_it_comes_back_as_it_was(self, note):
        assert (again(note).text, again(note).other, again(note).document) == (SECRET, "second", {"a": [1]})

    @pytest.mark.parametrize("text", ["", "\0", "a" * 100_000, "𝔘nicode \u202e"])
    def test_any_text_comes_back(self, org, text):
        assert again(Note.objects.create(organization_id=org, text=text)).text == text

    def test_the_database_holds_no_plain_text(self, note):
        assert SECRET.encode() not in stored(note)
        assert b"second" not in stored(note, "other")
        assert b'"a"' not in stored(note, "document")

    def test_it_is_aes_gcm_bound_to_table_column_organization_and_row(self, note, org, source):
        data = stored(note)
        assert data[:5] == b"\x01\x00\x00\x00\x01"
        aad = b"test_note\0text\0" + org.bytes + note.pk.bytes
        assert Aead(source.keys[org][1]).open(data[5:], aad) == SECRET.encode()

    def test_the_same_text_never_looks_the_same_twice(self, org):
        rows = [Note.objects.create(organization_id=org, number=n, text=SECRET) for n in range(50)]
        assert len({stored(row)[5:17] for row in rows}) == 50

    def test_rows_of_the_deployment_itself_are_sealed_under_its_own_keys(self, source):
        row = PlatformNote.objects.create(text=SECRET)
        aad = b"test_platformnote\0text\0" + PLATFORM_ID.bytes + row.pk.bytes
        assert Aead(source.keys[PLATFORM_ID][1]).open(stored(row)[5:], aad) == SECRET.encode()
        assert again(row).text == SECRET

    def test_ids_given_as_text_are_the_same_ids(self, org):
        row_id = new_id()
        Note.objects.create(id=str(row_id), organization_id=str(org), text=SECRET)
        assert Note.objects.get(pk=row_id).text == SECRET

    def test_none_is_null(self, org):
        row = Note.objects.create(organization_id=org, text=SECRET)
        assert again(row).other is None
        assert Note.objects.filter(other=None).count() == Note.objects.filter(other__isnull=True).count() == 1
        with pytest.raises(IntegrityError), transaction.atomic():
            Note.objects.create(organization_id=org, number=1, text=None)

    @pytest.mark.parametrize("text", ["\ud800", "half \udfff"])
    def test_half_characters_are_refused_by_name(self, org, text):
        with pytest.raises(CannotBeSealed):
            Note.objects.create(organization_id=org, text=text)

    @pytest.mark.parametrize("value", [1, b"bytes", ["list"], 1.5])
    def test_what_is_no_text_is_refused(self, org, value):
        with pytest.raises(FieldError, match="holds text"):
            Note.objects.create(organization_id=org, text=value)

    @pytest.mark.parametrize("document", [{"n": 2**60}, {"x": float("nan")}, {"s": "\ud800"}, {1: 2}, {"b": b""}])
    def test_a_document_without_an_exact_form_is_refused(self, org, document):
        with pytest.raises(CannotBeSealed):
            Note.objects.create(organization_id=org, text="", document=document)

    def test_a_row_without_an_organization_is_refused(self):
        with pytest.raises(FieldError, match="organization"):
            Note.objects.create(text=SECRET)

    def test_without_a_key_nothing_is_written(self, org, source):
        source.down = True
        with pytest.raises(KeyUnavailable), transaction.atomic():
            Note.objects.create(organization_id=org, text=SECRET)
        assert Note.objects.count() == 0

    def test_before_a_key_source_is_registered_it_refuses(self, org, source):
        sealing.register_key_source(sealing._NoSource())
        with pytest.raises(KeyUnavailable):
            Note.objects.create(organization_id=org, text=SECRET)


class TestMisplaced:
    """A value that does not belong where it stands is refused, and nothing is overwritten."""

    def test_between_rows(self, note, org):
        other = Note.objects.create(organization_id=org, number=1, text="other")
        store(other, stored(note))
        with pytest.raises(Tampered, match=r"db\.Note\.text of row"):
            again(other).text  # noqa: B018 - reading opens it

    def test_between_columns(self, note):
        store(note, stored(note, "other"))
        with pytest.raises(Tampered):
            again(note).text  # noqa: B018 - reading opens it

    def test_between_tenants(self, note, source):
        source.keys[new := new_id()] = source.keys[note.organization_id]  # even if both had the same key
        with connection.cursor() as cursor:
            cursor.execute("UPDATE test_note SET organization_id = %s", [new])
        with pytest.raises(Tampered):
            again(note).text  # noqa: B018 - reading opens it

    def test_between_tables(self, note, source):
        source.keys[PLATFORM_ID] = source.keys[note.organization_id]
        row = PlatformNote.objects.create(id=note.pk, text="x")
        store(row, stored(note))
        with pytest.raises(Tampered):
            again(row).text  # noqa: B018 - reading opens it

    def test_cut_at_any_length(self, note):
        data = stored(note)
        for length in range(len(data)):
            store(note, data[:length])
            with pytest.raises(Tampered):
                again(note).text  # noqa: B018 - reading opens it

    def test_any_bit_flipped(self, note):
        data = stored(note)
        for bit in range(len(data) * 8):
            store(note, bytes(byte ^ (1 << bit % 8 if i == bit // 8 else 0) for i, byte in enumerate(data)))
            with pytest.raises((Tampered, KeyUnavailable)):  # the latter: another key version is named
                again(note).text  # noqa: B018 - reading opens it

    def test_saving_such_a_row_under_another_id_raises_and_writes_nothing(self, note):
        store(note, os.urandom(60))
        row = again(note)
        row.pk, row._state.adding, row.number = new_id(), True, 1
        with pytest.raises(Tampered), transaction.atomic():
            row.save()
        assert Note.objects.count() == 1

    def test_the_log_names_the_place_and_nothing_secret(self, note, source, caplog):
        store(note, stored(note, "other"))
        with caplog.at_level(logging.DEBUG), pytest.raises(Tampered) as caught:
            again(note).text  # noqa: B018 - reading opens it
        [record] = caplog.records
        assert (record.row_id, record.organization_id) == (str(note.pk), str(note.organization_id))
        said = f"{record.__dict__} {caught.value!r}"
        key = source.keys[note.organization_id][1]
        assert "second" not in said
        assert key.hex() not in said
        assert repr(key)[2:-1] not in said


class TestVersions:
    def test_an_older_version_still_opens(self, note, source):
        source.rotate(note.organization_id)
        source.forget()
        assert again(note).text == SECRET

    def test_new_values_use_the_current_version(self, note, source):
        source.rotate(note.organization_id)
        source.forget()
        row = again(note)
        row.text = "new"
        row.save()
        assert stored(note)[:5] == b"\x01\x00\x00\x00\x02"

    def test_a_version_made_by_another_process_is_asked_for_once(self, note, source):
        source.ring(note.organization_id, Purpose.METADATA)
        before = stored(note)
        source.rotate(note.organization_id)
        aad = b"test_note\0text\0" + note.organization_id.bytes + note.pk.bytes
        store(note, b"\x01\0\0\0\x02" + Aead(bytes([200]) * 32).seal(b"newer", aad))
        assert again(note).text == "newer"
        assert source.asked_again == (1 if source.remembers else 0)
        assert before != stored(note)

    def test_an_unknown_version_is_named(self, note, source):
        store(note, b"\x01\0\0\0\x09" + stored(note)[5:])
        with pytest.raises(KeyUnavailable, match="Version 9 of this organization's metadata key"):
            again(note).text  # noqa: B018 - reading opens it
        assert source.asked_again == 1

    def test_saving_an_untouched_row_of_an_older_version_brings_it_to_the_current_one(self, note, source):
        row = again(note)
        source.rotate(note.organization_id)
        source.forget()
        row.save()
        assert stored(note)[:5] == stored(note, "other")[:5] == b"\x01\0\0\0\x02"
        assert again(note).text == SECRET


class TestLaziness:
    def test_what_nobody_reads_is_not_opened(self, note, source):
        source.down = True
        source.forget()
        row = again(note)
        assert row.number == 0
        with pytest.raises(KeyUnavailable):
            row.text  # noqa: B018 - reading opens it

    def test_it_is_opened_once(self, note, source):
        row = again(note)
        assert row.text == SECRET
        source.down = True
        source.forget()
        assert row.text == SECRET

    def test_an_untouched_row_keeps_its_sealed_bytes(self, note):
        before = stored(note), stored(note, "other"), stored(note, "document")
        again(note).save()
        assert (stored(note), stored(note, "other"), stored(note, "document")) == before

    def test_a_mere_reader_keeps_its_sealed_bytes(self, note):
        before, row = (stored(note), stored(note, "document")), again(note)
        assert (row.text, row.document) == (SECRET, {"a": [1]})
        row.text = SECRET
        row.save()
        assert (stored(note), stored(note, "document")) == before

    def test_validating_is_no_change(self, note):
        before, row = stored(note), again(note)
        row.full_clean()
        row.save()
        assert stored(note) == before

    def test_a_second_save_keeps_the_sealed_bytes(self, note):
        before = stored(note)
        note.save()
        assert stored(note) == before

    def test_deferred_it_comes_with_one_query(self, note, django_assert_num_queries):
        with django_assert_num_queries(1):
            row = Note.objects.defer("text").get()
        with django_assert_num_queries(1):
            assert row.text == SECRET
        before = stored(note)
        row.save()
        assert stored(note) == before

    def test_deferred_together_with_its_organization_it_comes_with_one_query(self, note, django_assert_num_queries):
        row = Note.objects.only("number").get()
        with django_assert_num_queries(1):
            assert row.text == SECRET
        with django_assert_num_queries(0):
            assert row.organization_id == note.organization_id

    def test_loaded_alone_it_fetches_its_organization(self, note, django_assert_num_queries):
        with django_assert_num_queries(2):
            assert Note.objects.only("text").get().text == SECRET

    def test_deferred_and_set_it_is_saved(self, note):
        row = Note.objects.defer("text").get()
        row.text = "new"
        row.save()
        assert again(note).text == "new"

    def test_refreshing_reads_what_is_there_now(self, note):
        row = again(note)
        note.text = "newer"
        note.save()
        row.refresh_from_db()
        assert row.text == "newer"
        row.refresh_from_db(fields=["text"])
        row.save()
        assert again(note).text == "newer"
