"""Reads of uploads. Each is its maker's alone: to everybody else it is not there."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import QuerySet

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.db import lookups
from hq.lib.clock import now
from hq.lib.errors import NotFound
from hq.lib.paths import clean_stored_path
from vault.models import Upload
from vault.selectors.objects import refuse_links

_READ_WITH = ("bucket", "version__object")


def locate_upload(upload_id: UUID) -> UUID | None:
    """The organization that an upload belongs to, before its rows can be seen."""
    found = lookups.one("vault_find_upload", upload_id)
    return found["organization_id"] if found else None


def uploads_of(actor: Actor) -> QuerySet[Upload]:
    """The actor's own uploads in their environment. Asks no permission: for this room only."""
    return Upload.objects.filter(
        organization_id=actor.organization_id,
        environment_id=environment_of(actor),
        created_by_kind=actor.kind,
        created_by_id=actor.id,
    )


def get_upload(actor: Actor, upload_id: UUID, *, lock: bool = False) -> Upload:
    """One of the actor's own, whatever became of it, while they may write to its path. Raises NotFound, Denied."""
    refuse_links(actor)
    rows = uploads_of(actor).filter(pk=upload_id)
    found = (rows.select_for_update(no_key=True) if lock else rows.select_related(*_READ_WITH)).first()
    if found is None:
        raise NotFound
    gate.require(actor, Permission.OBJECTS_WRITE, path=found.path)
    return found


def list_uploads(actor: Actor, *, path: str = "", before: UUID | None = None, limit: int = 50) -> Sequence[Upload]:
    """The actor's own that are not over, newest first, of one path if one is named; up to limit + 1.

    Raises Denied, InvalidPath; NotFound for a link.
    """
    refuse_links(actor)
    if path:
        gate.require(actor, Permission.OBJECTS_WRITE, path=clean_stored_path(path))
    else:
        gate.reach(actor, Permission.OBJECTS_WRITE)
    rows = open_uploads(actor)
    if path:
        rows = rows.filter(path=clean_stored_path(path))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.select_related(*_READ_WITH).order_by("-pk")[: limit + 1])


def open_uploads(actor: Actor) -> QuerySet[Upload]:
    """Those that parts may come to, or that are being put together. Asks no permission: for this room only."""
    under_way = (Upload.State.OPEN, Upload.State.ASSEMBLING)
    return uploads_of(actor).filter(state__in=under_way, expires_at__gt=now())
