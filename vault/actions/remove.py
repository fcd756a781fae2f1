"""Deleting an object and bringing it back. Neither touches a stored byte."""

from collections.abc import Sequence
from uuid import UUID

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import NotFound, Refused
from hq.lib.paths import clean_stored_path
from vault import selectors
from vault.actions.conditions import ALWAYS, Conditions
from vault.actions.put import add_version, claim_name, described, refuse_taken_name
from vault.models import Blob, ObjectVersion, StoredObject
from vault.store import MissingBytes


class NotDeleted(Refused):
    """This file is not deleted. To bring back an older state, name its version."""


class AlreadyCurrent(Refused):
    """This version is the one that is shown already."""


def delete_object(*, actor: Actor, path: str, conditions: Conditions = ALWAYS) -> ObjectVersion:
    """Hide an object. Its versions stay and `restore_object` brings it back. Returns the version that was shown.

    Raises:
        NotFound, Denied, InvalidPath, PreconditionFailed.
    """
    clean = clean_stored_path(path)
    with tenant(actor.organization_id):
        gate.require(actor, Permission.OBJECTS_DELETE, path=clean)
        stored = selectors.find_object(actor, clean, lock=True)
        if stored is None or stored.deleted_at is not None:
            raise NotFound
        version = selectors.version_of(stored)
        conditions.check(version.sha256)
        stored.deleted_at, stored.deleted_by = now(), actor.label
        stored.save(update_fields=["deleted_at", "deleted_by"])
        recorder.record(actor, Tag.OBJECT_DELETED, target=Target("object", stored.id, clean), before=described(version))
    return version


def delete_objects(*, actor: Actor, paths: Sequence[str]) -> list[str]:
    """Delete several, each in a transaction and with an event of its own; which of them were there still.

    Unless every one may be deleted, none is. Raises Denied, InvalidPath.
    """
    clean = [clean_stored_path(path) for path in paths]
    with tenant(actor.organization_id):
        selectors.require_each(actor, Permission.OBJECTS_DELETE, clean)
    return [path for path in clean if _deleted(actor, path)]


def _deleted(actor: Actor, path: str) -> bool:
    try:
        delete_object(actor=actor, path=path)
    except NotFound:
        return False  # somebody else was first
    return True


def restore_object(*, actor: Actor, path: str, version: int | None = None) -> ObjectVersion:
    """Bring back a deleted object, or an older version as a new one. Returns the version that is shown now.

    Raises:
        NotFound, Denied, InvalidPath, NotDeleted, AlreadyCurrent, NameTaken, MissingBytes.
    """
    clean = clean_stored_path(path)
    with tenant(actor.organization_id):
        gate.require(actor, Permission.OBJECTS_WRITE, path=clean)
        selectors.refuse_links(actor)  # a link writes what it is pinned to, not its history
        claim_name(actor, clean)
        stored = selectors.find_object(actor, clean, lock=True)
        if stored is None:
            raise NotFound
        shown = selectors.version_of(stored) if stored.deleted_at is None else None
        if shown is None:
            refuse_taken_name(actor, clean)
        restored = _bring_back(actor, stored, shown, version)
        recorder.record(
            actor,
            Tag.OBJECT_RESTORED,
            target=Target("object", stored.id, clean),
            before=described(shown) if shown else None,
            after=described(restored) | ({"restored_from": restored.restored_from} if version else {}),
        )
    return restored


def _bring_back(actor: Actor, stored: StoredObject, shown: ObjectVersion | None, number: int | None) -> ObjectVersion:
    if number is None and shown is not None:
        raise NotDeleted
    wanted = selectors.version_of(stored, number)
    if shown is not None and wanted.number == shown.number:
        raise AlreadyCurrent
    if wanted.number == stored.current:
        stored.deleted_at = stored.deleted_by = None
        stored.save(update_fields=["deleted_at", "deleted_by"])
        return wanted
    return add_version(
        actor,
        stored,
        blob=_held(wanted),
        size=wanted.size,
        sha256=wanted.sha256,
        content_type=wanted.content_type,
        restored_from=wanted.number,
    )


def _held(version: ObjectVersion) -> Blob:
    """The version's blob, locked: a rotation that replaces it must find every version that refers to it."""
    seen: UUID | None = None
    while version.blob_id != seen:
        seen = version.blob_id
        rows = Blob.objects.filter(organization_id=version.organization_id, id=seen, state=Blob.State.STORED)
        if blob := rows.select_for_update(no_key=True).first():
            return blob
        version.refresh_from_db(fields=["blob"])  # replaced while we looked, or while we waited
    raise MissingBytes
