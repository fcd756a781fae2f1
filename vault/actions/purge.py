"""Removing for good what is over: deleted files and old versions at the end of their retention, and a whole bucket.

The rows go first, and with them the last reference to a blob; the reaper then removes its file (vault.actions.orphans).
That what is shown, or under a legal hold, does not go the database holds too (retention's migrations).
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum

from hq.db.retention import RecordClass
from hq.db.sealing import KeyUnavailable
from keys.selectors import content_key
from vault.models import Blob, Bucket, ObjectVersion, StoredObject
from vault.selectors.deleted import DELETED as OF_DELETED
from vault.store import store_for

BATCH = 200
ERASED = "Erased member"


def _below(prefixes: Sequence[str], path: str) -> Q:
    """Paths that begin with one of these. None for no prefix at all."""
    found = Q(pk__in=[])
    for prefix in prefixes:
        found |= Q(**{f"{path}__startswith": prefix})
    return found


def _gone(organization_id: UUID, before: datetime, held: Sequence[str]) -> QuerySet[StoredObject]:
    rows = StoredObject.objects.filter(organization_id=organization_id, deleted_at__lt=before)
    return rows.exclude(_below(held, "path")) if held else rows


def _old(organization_id: UUID, before: datetime, held: Sequence[str]) -> QuerySet[ObjectVersion]:
    """Versions that another one took the place of before then, of files that are there."""
    later = ObjectVersion.objects.filter(
        organization_id=organization_id, object_id=OuterRef("object_id"), number__gt=OuterRef("number")
    )
    rows = ObjectVersion.objects.filter(organization_id=organization_id, object__deleted_at=None)
    rows = rows.exclude(number=F("object__current"))
    rows = rows.alias(replaced_at=Subquery(later.order_by("number").values("created_at")[:1]))
    rows = rows.filter(replaced_at__lt=before)
    return rows.exclude(_below(held, "object__path")) if held else rows


def count_deleted(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    return _gone(organization_id, before, held).count()


def count_old(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    return _old(organization_id, before, held).count()


def purge_deleted(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    """One batch of files that were deleted before then, with every version; how many. In the caller's transaction."""
    rows = _gone(organization_id, before, held)
    wanted = list(rows.order_by("deleted_at", "id").values_list("id", flat=True)[:BATCH])
    versions = ObjectVersion.objects.filter(organization_id=organization_id, object_id__in=wanted)
    blobs = _lock_blobs(organization_id, versions)
    # Who restores one holds its row: that one is left. A rotation may have put other files in the place of these.
    mine = set(rows.filter(id__in=wanted).select_for_update(skip_locked=True).values_list("id", flat=True))
    mine -= set(versions.exclude(blob_id__in=blobs).values_list("object_id", flat=True))
    # Not by the ORM: it would delete the versions before the objects that name them.
    _delete("vault_storedobject", organization_id, mine)
    _doom(organization_id, blobs)
    return len(mine)


def purge_versions(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    """One batch of versions that were replaced before then; how many. In the caller's transaction."""
    rows = _old(organization_id, before, held)
    wanted = list(rows.order_by("id").values_list("id", flat=True)[:BATCH])
    versions = ObjectVersion.objects.filter(organization_id=organization_id, id__in=wanted)
    blobs = _lock_blobs(organization_id, versions)
    objects = StoredObject.objects.filter(organization_id=organization_id, id__in=versions.values("object_id"))
    free = list(objects.select_for_update(skip_locked=True).values_list("id", flat=True))
    mine = set(rows.filter(id__in=wanted, object_id__in=free, blob_id__in=blobs).values_list("id", flat=True))
    _delete("vault_objectversion", organization_id, mine)
    _doom(organization_id, blobs)
    return len(mine)


def _lock_blobs(organization_id: UUID, versions: QuerySet[ObjectVersion]) -> list[UUID]:
    """Before anything else, in one order: a rotation that replaces a blob holds it while it changes the versions."""
    rows = Blob.objects.filter(organization_id=organization_id, id__in=versions.values("blob_id"))
    return list(rows.order_by("id").select_for_update().values_list("id", flat=True))


def _doom(organization_id: UUID, blobs: Sequence[UUID]) -> None:
    """Those that no version refers to any more."""
    used = ObjectVersion.objects.filter(organization_id=organization_id, blob_id=OuterRef("id"))
    rows = Blob.objects.filter(organization_id=organization_id, id__in=blobs, state=Blob.State.STORED)
    rows.filter(~Exists(used)).update(state=Blob.State.DOOMED)


def _delete(table: str, organization_id: UUID, ids: set[UUID]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE organization_id = %s AND id = ANY(%s)",  # noqa: S608 - a name of this file
            [organization_id, list(ids)],
        )


DELETED = RecordClass(
    name=OF_DELETED,
    title="Deleted files",
    holds="Files that somebody deleted, with all of their versions. Until then they can be restored",
    since="after they were deleted",
    default=timedelta(days=30),
    least=1,
    most=3650,
    by_path=True,
    count=count_deleted,
    remove=purge_deleted,
)
VERSIONS = RecordClass(
    name="vault.versions",
    title="Old versions of files",
    holds="What a file held before it was written again",
    since="after a newer version took their place",
    default=None,
    least=1,
    most=3650,
    by_path=True,
    count=count_old,
    remove=purge_versions,
)


class Stored(NamedTuple):
    """What an organization's bucket holds."""

    bucket: str
    objects: int
    versions: int
    files: int
    bytes: int


def measure(organization_id: UUID) -> Stored:
    """In the caller's tenant transaction. The bucket's name is empty where there is none."""
    bucket = Bucket.objects.filter(organization_id=organization_id).first()
    files: dict[str, Any] = Blob.objects.filter(organization_id=organization_id).aggregate(
        files=Count("*"), bytes=Sum("sealed_size")
    )
    return Stored(
        bucket=bucket.name if bucket else "",
        objects=StoredObject.objects.filter(organization_id=organization_id).count(),
        versions=ObjectVersion.objects.filter(organization_id=organization_id).count(),
        files=files["files"],
        bytes=int(files["bytes"] or 0),
    )


def empty_bucket(bucket: Bucket, told: Callable[[int], None]) -> None:
    """Remove a bucket with everything in it, outside of any transaction. Where it is gone, nothing happens.

    `told` hears from time to time how many things are gone; what it raises ends this.
    """
    store_for(bucket.store).remove_bucket(bucket.name, told)


def find_bucket(organization_id: UUID) -> Bucket | None:
    """In the caller's tenant transaction."""
    return Bucket.objects.filter(organization_id=organization_id).first()


def left_in(bucket: Bucket) -> list[str]:
    """What the store still has of a bucket: the last look of an erasure."""
    return store_for(bucket.store).keys_of(bucket.name)


def forget_person(organization_id: UUID, person_id: UUID) -> int:
    """Name an erased member no more beside what they stored and deleted; how many rows. In the caller's transaction."""
    changed = 0
    try:
        content_key(organization_id)
    except KeyUnavailable:
        return 0  # nobody reads those names any more either
    own = ObjectVersion.objects.filter(organization_id=organization_id, created_by_kind="person")
    for version in own.filter(created_by_id=person_id).iterator(chunk_size=BATCH):
        if version.created_by != ERASED:
            version.created_by = ERASED
            version.save(update_fields=["created_by"])
            changed += 1
    return changed
