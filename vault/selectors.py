"""Reads of objects. Paths are found by ranges in C order, never by LIKE: row security would keep that from an index."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Sum

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import AuthMethod, Permission
from hq.lib.errors import Invalid, NotFound
from hq.lib.paths import LAST, clean_prefix, clean_stored_path
from vault.models import Blob, Bucket, ObjectVersion, StoredObject

COUNTED_MOST = 1_000
TOTALLED_MOST = 20_000


class NoBucket(NotFound):
    """This organization has no bucket yet. It is made while the organization is provisioned."""


class NotOurCursor(Invalid):
    """The cursor is not one of ours; use next_cursor as it was given."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What several paths begin with, its slash included. Above COUNTED_MOST objects are not counted: `more` says so."""

    path: str
    objects: int
    more: bool

    @property
    def name(self) -> str:
        return self.path.rstrip("/").rpartition("/")[2]


Entry = Folder | ObjectVersion


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything below a prefix. `more`: there is more than was counted, and `size` tells nothing."""

    objects: int
    size: int
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketStats:
    """`objects` and `size` (plain bytes): what the environment shows. `stored`: bytes at rest of the whole bucket."""

    name: str
    store: str
    region: str
    created_at: datetime
    objects: int
    size: int
    stored: int


def get_bucket(actor: Actor) -> Bucket:
    """The organization's bucket. Raises NoBucket."""
    bucket = Bucket.objects.filter(organization_id=actor.organization_id).first()
    if bucket is None:
        raise NoBucket
    return bucket


def objects_of(actor: Actor) -> QuerySet[StoredObject]:
    """Every object of the actor's environment, deleted ones too. Asks no permission: for this room only."""
    return StoredObject.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))


def find_object(actor: Actor, path: str, *, lock: bool = False) -> StoredObject | None:
    """The object at a clean path, deleted or not. Asks no permission: for this room only."""
    rows = objects_of(actor).filter(path=path)
    return (rows.select_for_update(no_key=True) if lock else rows).first()


def version_of(stored: StoredObject, number: int | None = None) -> ObjectVersion:
    """One version, the current one by default. Raises NotFound."""
    rows = ObjectVersion.objects.filter(
        organization_id=stored.organization_id, object_id=stored.id, number=number or stored.current or 0
    )
    version = rows.select_related("blob").first()
    if version is None:
        raise NotFound
    version.object = stored
    return version


def get_object(actor: Actor, path: str, *, version: int | None = None) -> ObjectVersion:
    """What a path holds. A deleted object is not there; its versions are, for those who may see history.

    Raises:
        NotFound: also for a link that asks for anything but the current version of a path it is pinned to.
        InvalidPath: it is no path.
    """
    clean = clean_stored_path(path)
    gate.require(actor, Permission.OBJECTS_READ, path=clean)
    if version is not None:
        refuse_links(actor)
    stored = find_object(actor, clean)
    if stored is None or (stored.deleted_at is not None and version is None):
        raise NotFound
    return version_of(stored, version)


def find_objects(actor: Actor, paths: Sequence[str]) -> dict[str, ObjectVersion]:
    """What these paths hold, by clean path; one that holds nothing is left out. Two queries, however many there are.

    Raises:
        NotFound: for a link, if it is not pinned to one of them.
        Denied, InvalidPath.
    """
    clean = [clean_stored_path(path) for path in paths]
    for path in clean:
        gate.require(actor, Permission.OBJECTS_READ, path=path)
    found = _current_of(actor, objects_of(actor).filter(deleted_at=None, path__in=clean))
    return {version.path: version for version in found}


def refuse_links(actor: Actor) -> None:
    """History is not shared by a link. Raises NotFound."""
    if actor.method is AuthMethod.LINK or actor.pinned is not None:
        raise NotFound


def list_versions(actor: Actor, path: str, *, before: int | None = None, limit: int = 200) -> Sequence[ObjectVersion]:
    """A path's versions, newest first, of a deleted object too; up to limit + 1. Raises NotFound."""
    gate.require(actor, Permission.OBJECTS_READ)
    stored = find_object(actor, clean_stored_path(path))
    if stored is None:
        raise NotFound
    rows = ObjectVersion.objects.filter(organization_id=actor.organization_id, object_id=stored.id)
    if before is not None:
        rows = rows.filter(number__lt=before)
    return _with_object(rows.order_by("-number")[: limit + 1], {stored.id: stored})


def list_objects(
    actor: Actor, *, prefix: str = "", folders: bool = False, after: str = "", limit: int = 50
) -> Sequence[Entry]:
    """Objects whose path begins with `prefix`, by path; up to limit + 1.

    With `folders`, what lies deeper than the prefix's own folder is shown as the folder it is in, and folders come
    first. `after` is `position()` of the last entry seen.

    Raises:
        InvalidPath, NotOurCursor.
    """
    gate.require(actor, Permission.OBJECTS_READ)
    prefix = clean_prefix(prefix)
    kind, last = _position(after, prefix)
    entries: list[Entry] = []
    if folders and kind != "o":
        entries.extend(_folders(actor, prefix, last, limit + 1))
        last = ""
    if len(entries) <= limit:
        entries.extend(_objects(actor, prefix, last, limit + 1 - len(entries), flat=not folders))
    return entries


def position(entry: Entry) -> str:
    """Where a list went on from this entry."""
    return f"d{entry.path}" if isinstance(entry, Folder) else f"o{entry.path}"


def _position(after: str, prefix: str) -> tuple[str, str]:
    kind, last = after[:1], after[1:]
    if after and (kind not in {"d", "o"} or not last.startswith(prefix) or clean_prefix(last) != last):
        raise NotOurCursor
    return kind, last


def _objects(actor: Actor, prefix: str, last: str, limit: int, *, flat: bool) -> list[ObjectVersion]:
    rows = objects_of(actor).filter(deleted_at=None, path__gte=prefix, path__lt=prefix + LAST)
    if not flat:
        rows = rows.filter(folder=folder_of(prefix))
    if last:
        rows = rows.filter(path__gt=last)
    return _current_of(actor, rows.order_by("path")[:limit])


def _current_of(actor: Actor, rows: QuerySet[StoredObject]) -> list[ObjectVersion]:
    """The current version of each object, in the order of the objects. Two queries."""
    shown = {row.id: row for row in rows}
    versions = ObjectVersion.objects.filter(
        organization_id=actor.organization_id, object_id__in=shown, number=F("object__current")
    )
    by_object = {version.object_id: version for version in _with_object(versions, shown)}
    return [by_object[object_id] for object_id in shown if object_id in by_object]  # else gone meanwhile


def _with_object(rows: QuerySet[ObjectVersion], known: dict[UUID, StoredObject]) -> list[ObjectVersion]:
    versions = list(rows)
    for version in versions:
        version.object = known[version.object_id]
    return versions


def folder_of(prefix: str) -> str:
    """Up to and with the last slash."""
    return prefix[: prefix.rfind("/") + 1]


# Hops from one folder to the first path behind it ("0" follows "/"), so that a folder costs one probe of the index,
# whatever it holds. Objects that lie in the base folder itself are passed over in one hop as well.
_HOP = """
    SELECT %(base)s || split_part(substr(seen.folder, char_length(%(base)s) + 1), '/', 1) || '/'
    FROM vault_storedobject AS seen
    WHERE seen.organization_id = %(organization)s AND seen.environment_id = %(environment)s AND seen.deleted_at IS NULL
      AND seen.folder >= {start} COLLATE "C" AND seen.folder > %(base)s COLLATE "C"
      AND seen.folder < %(stop)s COLLATE "C"
    ORDER BY seen.organization_id, seen.environment_id, seen.folder LIMIT 1
"""
_FOLDERS = f"""
WITH RECURSIVE hop AS (
    SELECT ({_HOP.format(start="%(start)s")}) COLLATE "C" AS folder
    UNION ALL
    SELECT ({_HOP.format(start="(rtrim(hop.folder, '/') || '0')")}) COLLATE "C" FROM hop WHERE hop.folder IS NOT NULL
), shown AS (SELECT folder FROM hop WHERE folder IS NOT NULL LIMIT %(limit)s)
SELECT folder, (
    SELECT count(*) FROM (
        SELECT FROM vault_storedobject AS inside
        WHERE inside.organization_id = %(organization)s AND inside.environment_id = %(environment)s
          AND inside.deleted_at IS NULL
          AND inside.folder >= shown.folder AND inside.folder < (rtrim(shown.folder, '/') || '0') COLLATE "C"
        LIMIT %(counted)s
    ) AS counted
) FROM shown
"""  # noqa: S608 - constants of this file


def _folders(actor: Actor, prefix: str, last: str, limit: int) -> list[Folder]:
    arguments: dict[str, str | int | UUID] = {
        "organization": actor.organization_id,
        "environment": environment_of(actor),
        "base": folder_of(prefix),
        "start": f"{last.rstrip('/')}0" if last else prefix,
        "stop": prefix + LAST,
        "limit": limit,
        "counted": COUNTED_MOST + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FOLDERS, arguments)
        return [Folder(path, min(count, COUNTED_MOST), count > COUNTED_MOST) for path, count in cursor.fetchall()]


def count_below(actor: Actor, prefix: str) -> Totals:
    """How many objects begin with the prefix, and their bytes; of a very large folder only that it is large."""
    gate.require(actor, Permission.OBJECTS_READ)
    prefix = clean_prefix(prefix)
    rows = objects_of(actor).filter(deleted_at=None, path__gte=prefix, path__lt=prefix + LAST)
    found = rows.order_by("path")[: TOTALLED_MOST + 1].aggregate(objects=Count("*"), size=Sum("size"))
    return Totals(min(found["objects"], TOTALLED_MOST), int(found["size"] or 0), found["objects"] > TOTALLED_MOST)


def position_of_deleted(version: ObjectVersion) -> str:
    """Where a list of deleted objects goes on from this one."""
    return f"{version.object.deleted_at.isoformat()} {version.object.id}"


def _position_of_deleted(after: str) -> tuple[datetime, UUID]:
    at, _, object_id = after.partition(" ")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), UUID(object_id)
    except (ValueError, OverflowError):
        raise NotOurCursor from None


def list_deleted(actor: Actor, *, after: str = "", limit: int = 50) -> Sequence[ObjectVersion]:
    """Deleted objects, last deleted first, each with the version that would come back; up to limit + 1.

    `after` is `position_of_deleted()` of the last one seen. Raises NotOurCursor.
    """
    gate.require(actor, Permission.OBJECTS_READ)
    rows = objects_of(actor).filter(deleted_at__isnull=False)
    if after:
        at, object_id = _position_of_deleted(after)
        rows = rows.filter(Q(deleted_at__lt=at) | Q(deleted_at=at, id__lt=object_id), deleted_at__lte=at)
    return _current_of(actor, rows.order_by("-deleted_at", "-id")[: limit + 1])


def bucket_stats(actor: Actor) -> BucketStats:
    """The bucket, and how much is in it. Raises NoBucket."""
    gate.require(actor, Permission.ORGANIZATION_READ)
    bucket = get_bucket(actor)
    live = objects_of(actor).filter(deleted_at=None).aggregate(objects=Count("*"), size=Sum("size"))
    stored = Blob.objects.filter(organization_id=actor.organization_id, state=Blob.State.STORED).aggregate(
        size=Sum("sealed_size")
    )
    return BucketStats(
        name=bucket.name,
        store=bucket.store,
        region=bucket.region,
        created_at=bucket.created_at,
        objects=live["objects"],
        size=int(live["size"] or 0),
        stored=int(stored["size"] or 0),
    )
