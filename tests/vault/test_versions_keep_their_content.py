"""What the database itself refuses of versions, although a rotation may let them refer to another file."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from hq.db.context import tenant
from tests.factories import Place
from tests.vault.support import Put, new_content_key
from vault import actions, selectors
from vault.actions import drafts
from vault.models import Blob, ObjectVersion


def point(place: Place, path: str, blob: Blob) -> None:
    with tenant(place.id), transaction.atomic():
        ObjectVersion.objects.filter(object__path=path).update(blob_id=blob.id)


def test_the_running_role_cannot_give_a_version_other_content(place: Place, put: Put) -> None:
    put("a", b"12345")
    old = put("same size", b"abcde").version.blob
    new_content_key(place)
    other_size = put("b", b"123456").version.blob
    other_environment = actions.put_object(
        actor=place.actor(environment_id=place.test_id), path="c", chunks=[b"12345"]
    ).version.blob
    with tenant(place.id):
        unfinished = drafts.announce(selectors.get_bucket(place.actor()), place.live_id, 2)
        drafts.pending(unfinished).update(sealed_size=Blob.objects.get(id=old.id).sealed_size)
    for blob in (old, other_size, other_environment, unfinished):
        with pytest.raises(IntegrityError, match="keeps its content"):
            point(place, "a", blob)
    allowed = put("d", b"fghij").version.blob  # the database sees sizes, not bytes
    point(place, "a", allowed)


@pytest.mark.parametrize("column", ["number", "size", "created_at", "created_by_id", "restored_from", "object_id"])
def test_the_running_role_cannot_change_anything_else_of_a_version(place: Place, put: Put, column: str) -> None:
    put("a", b"content")
    with tenant(place.id):
        value = ObjectVersion.objects.values_list(column, flat=True).get()
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            ObjectVersion.objects.update(**{column: value})
