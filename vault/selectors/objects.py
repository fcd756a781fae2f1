"""Reads of single objects and their versions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, QuerySet, Sum

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import AuthMethod, Permission
from hq.db.context import seeing, tenant
from hq.db.rows import Columns
from hq.lib.errors import NotFound
from hq.lib.paths import clean_stored_path
from vault.models import Blob, Bucket, ObjectVersion, StoredObject
from vault.selectors.reach import require_each


class NoBucket(NotFound):
    """This organization has no bucket yet. It is made while the organization is provisioned."""


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
    found = _version_at(actor, clean, version)
    if found is None or (found.object.deleted_at is not None and version is None):
        raise NotFound
    return found


def get_object_at_once(actor: Actor, path: str, *, version: int | None = None) -> ObjectVersion:
    """As `get_object`, for a view with its own context: one round trip, unless rules decide, which are rows too."""
    if Permission.OBJECTS_READ in actor.permissions and not connection.in_atomic_block:
        return get_object(actor, path, version=version)
    with tenant(actor.organization_id):
        return get_object(actor, path, version=version)


_OBJECT, _VERSION, _BLOB = Columns(StoredObject), Columns(ObjectVersion), Columns(Blob)
_AT_A_PATH = f"""
    SELECT {_OBJECT.of("stored")}, {_VERSION.of("version")}, {_BLOB.of("blob")}
    FROM vault_storedobject AS stored
    JOIN vault_objectversion AS version ON version.organization_id = stored.organization_id
        AND version.object_id = stored.id AND version.number = coalesce(%(number)s, stored.current)
    JOIN vault_blob AS blob ON blob.organization_id = version.organization_id AND blob.id = version.blob_id
    WHERE stored.organization_id = %(organization)s AND stored.environment_id = %(environment)s
        AND stored.path = %(path)s
"""  # noqa: S608 - columns of our own models


def _version_at(actor: Actor, path: str, number: int | None) -> ObjectVersion | None:
    """One version at a clean path, the current one by default, with its object and its blob. Asks no permission."""
    asked: dict[str, Any] = {"organization": actor.organization_id, "environment": environment_of(actor)}
    with seeing(actor.organization_id) as cursor:
        cursor.execute(_AT_A_PATH, asked | {"path": path, "number": number})
        row = cursor.fetchone()
    if row is None:
        return None
    version = _VERSION.row(row[len(_OBJECT) : -len(_BLOB)])
    version.object, version.blob = _OBJECT.row(row[: len(_OBJECT)]), _BLOB.row(row[-len(_BLOB) :])
    return version


def find_objects(actor: Actor, paths: Sequence[str]) -> dict[str, ObjectVersion]:
    """What these paths hold, by clean path; one that holds nothing is left out. Few queries, however many there are.

    Raises:
        NotFound: for a link, if it is not pinned to one of them.
        Denied, InvalidPath.
    """
    clean = [clean_stored_path(path) for path in paths]
    require_each(actor, Permission.OBJECTS_READ, clean)
    found = current_of(actor, objects_of(actor).filter(deleted_at=None, path__in=clean))
    return {version.path: version for version in found}


def refuse_links(actor: Actor) -> None:
    """History is not shared by a link. Raises NotFound."""
    if actor.method is AuthMethod.LINK or actor.pinned is not None:
        raise NotFound


def list_versions(actor: Actor, path: str, *, before: int | None = None, limit: int = 200) -> Sequence[ObjectVersion]:
    """A path's versions, newest first, of a deleted object too; up to limit + 1. Raises NotFound, also for a link."""
    clean = clean_stored_path(path)
    gate.require(actor, Permission.OBJECTS_READ, path=clean)
    refuse_links(actor)
    stored = find_object(actor, clean)
    if stored is None:
        raise NotFound
    rows = ObjectVersion.objects.filter(organization_id=actor.organization_id, object_id=stored.id)
    if before is not None:
        rows = rows.filter(number__lt=before)
    return _with_object(rows.order_by("-number")[: limit + 1], {stored.id: stored})


def current_of(actor: Actor, rows: Iterable[StoredObject]) -> list[ObjectVersion]:
    """The current version of each object, in the order of the objects. One query more. For this room only."""
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


def bucket_stats(actor: Actor) -> BucketStats:
    """The bucket, and how much is in it: for those who read all of it. Raises NoBucket."""
    gate.require(actor, Permission.ORGANIZATION_READ)
    gate.require(actor, Permission.OBJECTS_READ)
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
