"""Reads of deleted objects."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.db import retention
from vault.models import ObjectVersion, StoredObject
from vault.selectors.lists import NotOurCursor
from vault.selectors.objects import current_of, objects_of, refuse_links
from vault.selectors.reach import HERE, LIES_WITHIN, WITHIN, lies_in, ranges_of, reach_of, split

DELETED = "vault.deleted"  # the class of record, registered by vault.actions.purge


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
    """Deleted objects that the actor may read, last deleted first, each with the version that would come back.

    Up to limit + 1. `after` is `position_of_deleted()` of the last one seen.

    Raises NotOurCursor, Denied; NotFound for a link.
    """
    refuse_links(actor)
    reach = reach_of(actor, Permission.OBJECTS_READ)
    position = _position_of_deleted(after) if after else None
    if reach is not None:
        return current_of(actor, _within(actor, reach, position, limit + 1))
    rows = objects_of(actor).filter(deleted_at__isnull=False)
    if position:
        at, object_id = position
        rows = rows.filter(Q(deleted_at__lt=at) | Q(deleted_at=at, id__lt=object_id), deleted_at__lte=at)
    return current_of(actor, rows.order_by("-deleted_at", "-id")[: limit + 1])


# By path, not by time: what is deleted elsewhere, however much, costs nothing. OFFSET keeps it from becoming a join.
_GONE_WITHIN = f"""
    SELECT gone.* FROM {WITHIN} CROSS JOIN LATERAL (
        SELECT * FROM vault_storedobject AS seen
        WHERE {HERE} AND seen.deleted_at IS NOT NULL AND {LIES_WITHIN}
          AND (%(at)s::timestamptz IS NULL OR (seen.deleted_at, seen.id) < (%(at)s, %(id)s::uuid))
        OFFSET 0
    ) AS gone ORDER BY gone.deleted_at DESC, gone.id DESC LIMIT %(limit)s
"""  # noqa: S608 - constants of this room


def _within(
    actor: Actor, reach: tuple[str, ...], position: tuple[datetime, UUID] | None, limit: int
) -> list[StoredObject]:
    at, object_id = position or (None, None)
    arguments = split(ranges_of(reach, "")) | {"at": at, "id": object_id, "limit": limit}
    where = {"organization": actor.organization_id, "environment": environment_of(actor)}
    return list(StoredObject.objects.raw(_GONE_WITHIN, where | arguments))


def kept_until(actor: Actor) -> Callable[[ObjectVersion], datetime | None]:
    """Until when each deleted object can be restored. None: a legal hold keeps it."""
    kept = retention.period(actor.organization_id, DELETED)
    held = retention.held(actor.organization_id, DELETED)

    def until(version: ObjectVersion) -> datetime | None:
        deleted_at: datetime | None = version.object.deleted_at
        if kept is None or held is None or deleted_at is None or version.object.path.startswith(held):
            return None
        return deleted_at + kept

    return until


def find_restorable(actor: Actor, paths: Sequence[str]) -> list[str]:
    """Of these paths, clean or not, those that are deleted and that the actor may bring back. For showing only."""
    if not (paths and gate.reaches(actor, Permission.OBJECTS_WRITE)) or gate.is_pinned(actor):
        return []
    reach = reach_of(actor, Permission.OBJECTS_WRITE)
    asked = [path for path in paths if "\0" not in path and lies_in(path, reach)]
    found = objects_of(actor).filter(deleted_at__isnull=False, path__in=asked)
    return list(found.order_by("path").values_list("path", flat=True))
