"""The running role may write what a rotation seals again, and nothing that is kept as it is; new tables included."""

from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction

from hq.db.context import tenant
from hq.db.fields import SealedJSONField, SealedTextField
from hq.db.sealing import Purpose
from keys.registry import KEPT, holders
from sharing import actions as sharing
from sharing.models import ShareAttempt, ShareLink
from tests.factories import ORIGIN, Place, make_place
from tests.keys.support import new_data_key
from vault import actions as vault
from vault.models import ObjectVersion, StoredObject

SEALED = [
    (model._meta.db_table, field.column, field.purpose)
    for model in apps.get_models()
    for field in model._meta.concrete_fields
    if isinstance(field, (SealedTextField, SealedJSONField))
]


def may_update(table: str, column: str | None) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_column_privilege('hq_app', %s, %s, 'UPDATE')", [table, column])
        return bool(cursor.fetchone()[0])


def updatable(model: type[models.Model]) -> set[str | None]:
    table = model._meta.db_table
    return {field.column for field in model._meta.concrete_fields if may_update(table, field.column)}


def append_only() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'append_only'")
        return {row[0] for row in cursor.fetchall()}


@pytest.mark.django_db
def test_what_is_sealed_again_may_be_written() -> None:
    assert {purpose for _, _, purpose in SEALED} >= {Purpose.METADATA, Purpose.PEOPLE, Purpose.AUDIT}
    wanted = [(table, column) for table, column, purpose in SEALED if purpose not in KEPT]
    assert [place for place in wanted if not may_update(*place)] == []


@pytest.mark.django_db
def test_what_is_append_only_may_not() -> None:
    tables = append_only()
    assert tables >= {"audit_auditevent", "audit_accessentry", "keys_statement"}
    assert [(table, column) for table, column, _ in SEALED if table in tables and may_update(table, column)] == []
    assert [(table, purpose) for table, _, purpose in SEALED if table in tables and purpose not in KEPT] == []


@pytest.mark.django_db
def test_of_rows_that_never_change_nothing_more_may_be_written() -> None:
    assert updatable(ObjectVersion) == {"blob_id", "sha256", "content_type", "created_by"}
    assert updatable(ShareAttempt) == {"user_agent"}
    opened_and_revoked = {"opened_at", "opened_ip", "revoked_at", "revoked_by_id"}
    assert updatable(ShareLink) == opened_and_revoked | {"purpose", "recipient", "created_by_label", "revoked_by_label"}


@pytest.fixture
def place(db: None) -> Place:
    """An organization with a row in each of the tables that hold sealed words about files and links."""
    place = make_place()
    actor = place.actor()
    for path in "ab":
        vault.put_object(actor=actor, path=path, chunks=[b"content"], content_type="text/x-told")
    vault.delete_object(actor=actor, path="b")
    with tenant(place.id):
        made = sharing.create_share(actor=actor, paths=("a",), permission="read", ttl_seconds=900, purpose="told")
    sharing.redeem_share(token=made.token, origin=ORIGIN)
    with tenant(place.id):
        sharing.revoke_share(actor=actor, share_id=made.link.id)
    return place


def words(place: Place) -> dict[str, Any]:
    with tenant(place.id):
        version, link = ObjectVersion.objects.filter(object__path="a").get(), ShareLink.objects.get()
        return {
            "version": (version.sha256, version.content_type, version.created_by),
            "object": StoredObject.objects.get(path="b").deleted_by,
            "link": (link.purpose, link.created_by_label, link.revoked_by_label),
            "attempts": sorted(attempt.user_agent for attempt in ShareAttempt.objects.all()),
        }


def test_what_is_said_of_files_and_links_really_comes_under_the_new_key(place: Place) -> None:
    before = words(place)
    assert before["link"] == ("told", "Olive Owner", "Olive Owner")
    version = new_data_key(place.id, Purpose.METADATA)
    done = {}
    for holder in holders(place.id):
        if holder.purpose is Purpose.METADATA:
            with tenant(place.id):
                rows = holder.left(place.id, version)
            batch = holder.reseal(lambda: tenant(place.id), place.id, version, None, 100)
            assert batch == (rows, 0, None), holder.name
            with tenant(place.id):
                assert holder.left(place.id, version) == 0, holder.name
            done[holder.title] = rows
    attempts = len(before["attempts"])
    wanted = {"Deletions of files": 1, "Details of files": 2, "Details of share links": 1}
    assert done.items() >= (wanted | {"Visits to share links": attempts}).items()
    assert attempts > 0
    assert words(place) == before


def test_the_trail_refuses_it(place: Place) -> None:
    for table in ("audit_auditevent", "audit_accessentry"):
        with (
            tenant(place.id),
            connection.cursor() as cursor,
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
        ):
            cursor.execute(f"UPDATE {table} SET detail = detail")
