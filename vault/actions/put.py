"""Storing an object in three parts: a row that says a file may come, the file, and the version that shows it.

1. Authorise; commit a PENDING blob under a lease. A crash from here on leaves something that the reaper finds exactly.
2. Seal the bytes into the store as they come, with no transaction open. Nothing is visible.
3. In one transaction: the blob is STORED, the object has a new current version, the trail an event. All or nothing.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.crypto.stream import sealed_size
from hq.db.context import tenant
from hq.db.locks import hold
from hq.lib.errors import Invalid, PayloadTooLarge, Refused
from hq.lib.paths import clean_path
from keys.selectors import KeyMaterial, content_key
from vault import selectors
from vault.actions import drafts
from vault.actions.conditions import ALWAYS, Conditions
from vault.models import DEFAULT_TYPE, Blob, Bucket, ObjectVersion, StoredObject
from vault.store import MissingBytes, store_for


class NameTaken(Refused):
    """A file and a folder cannot have the same name; choose another one."""


class UploadTooSlow(Refused):
    """The upload paused for too long and was given up. Nothing of it was kept; send it again."""


class ObjectTooLarge(PayloadTooLarge):
    """The file is larger than this HQ accepts. Nothing of it was kept."""


class WrongLength(Invalid):
    """The body does not have the length that was announced. Nothing of it was kept."""


class WrongDigest(Invalid):
    """The body does not have the SHA-256 that was announced, so it was changed on the way. Nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class StoredAs:
    """The version that was made, whether the path was free before, and the event in the trail: its id, its place."""

    version: ObjectVersion
    created: bool
    event_id: UUID
    event_index: int


class Turn(Protocol):
    """For whoever must make one version and no second one: what else is done in the transaction that shows it."""

    def claim(self) -> None:
        """Before anything else is locked. What it raises ends the put, and nothing shows."""
        ...

    def keep(self, stored: StoredAs) -> None:
        """Once it is recorded. It locks nothing that `claim` has not locked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    """Who stores what where. `free`: nothing was at the path when it began."""

    actor: Actor
    path: str
    conditions: Conditions
    blob: Blob
    free: bool
    turn: Turn | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Announced:
    """What the sender says will come."""

    size: int | None
    sha256: str | None
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Received:
    """What came."""

    size: int
    sha256: str
    content_type: str


def put_object(
    *,
    actor: Actor,
    path: str,
    chunks: Iterable[bytes],
    content_type: str = DEFAULT_TYPE,
    conditions: Conditions = ALWAYS,
    expected_size: int | None = None,
    expected_sha256: str | None = None,
    turn: Turn | None = None,
) -> StoredAs:
    """Store what `chunks` yield as the current version of a path. Opens its own transactions: call it outside of any.

    `expected_size` in bytes and `expected_sha256` in hex are checked before anything shows. An exception from `chunks`
    or `turn` passes through. Whatever is raised, nothing is left.

    Raises:
        InvalidPath, LocalOnlyPath, Denied, NotFound, PreconditionFailed, NameTaken, ObjectTooLarge, WrongLength,
        WrongDigest, UploadTooSlow, StorageFull, KeyUnavailable.
    """
    clean = clean_path(path)
    # Durable: inside a caller's transaction the PENDING row would not be committed before its file is begun.
    with transaction.atomic(durable=True), tenant(actor.organization_id):
        gate.require(actor, Permission.OBJECTS_WRITE, path=clean)
        if expected_size is not None and expected_size > settings.MAX_OBJECT_SIZE:
            raise ObjectTooLarge
        bucket = selectors.get_bucket(actor)
        free = check(actor, clean, conditions, selectors.find_object(actor, clean)) is None
        blob, key = _announce(actor, bucket)
    upload = _Upload(actor=actor, path=clean, conditions=conditions, blob=blob, free=free, turn=turn)
    announced = _Announced(size=expected_size, sha256=expected_sha256, content_type=content_type)
    try:
        return _show(upload, _receive(blob, key, chunks, announced))
    except BaseException:
        drafts.give_up(blob)
        raise


def _announce(actor: Actor, bucket: Bucket) -> tuple[Blob, KeyMaterial]:
    """Say that a file may come."""
    key = content_key(actor.organization_id)
    return drafts.announce(bucket, environment_of(actor), key.version), key


def check(actor: Actor, path: str, conditions: Conditions, stored: StoredObject | None) -> ObjectVersion | None:
    """The version that the path shows now, if the write may go ahead. Raises PreconditionFailed, NameTaken."""
    current = selectors.version_of(stored) if stored is not None and stored.deleted_at is None else None
    conditions.check(current.sha256 if current else None)
    if current is None:
        refuse_taken_name(actor, path)
    return current


def refuse_taken_name(actor: Actor, path: str) -> None:
    """A folder that has the file's name, or a file that has a folder's. Raises NameTaken.

    On a disk, in an archive and in an export they could not both exist, so they cannot here.
    """
    live = selectors.objects_of(actor).filter(deleted_at=None)
    names = path.split("/")
    folders = ["/".join(names[:count]) for count in range(1, len(names))]
    if folders and (file := live.filter(path__in=folders).values_list("path", flat=True).first()):
        if actor.pinned is not None or not gate.allows(actor, Permission.OBJECTS_READ, path=file):
            raise NameTaken  # which of the folders is a file is not theirs to know
        raise NameTaken(f"{file} is a file, so nothing can be stored below it; choose another name.")
    if live.filter(path__gte=f"{path}/", path__lt=f"{path}0").exists():
        raise NameTaken(f"{path} is a folder; choose another name for the file.")


def claim_name(actor: Actor, path: str) -> None:
    """Whoever else makes a path below the same first name waits until this transaction ends.

    Always before the object's row is locked, or two would wait for each other.
    """
    hold(f"hq.vault:{actor.environment_id}:{path.partition('/')[0]}")


def _receive(blob: Blob, key: KeyMaterial, chunks: Iterable[bytes], announced: _Announced) -> _Received:
    digest = hashlib.sha256()
    try:
        with store_for(blob.bucket.store).put(blob.bucket.name, blob.key, content_key=key.key, aad=blob.aad) as writer:
            _renew(blob)  # Only now: had the lease run out before the file was begun, nobody would look for it.
            for chunk in drafts.lively(chunks, lambda: _renew(blob)):
                if writer.size + len(chunk) > (settings.MAX_OBJECT_SIZE if announced.size is None else announced.size):
                    raise ObjectTooLarge if announced.size is None else WrongLength
                digest.update(chunk)
                writer.write(chunk)
            if announced.size not in {None, writer.size}:
                raise WrongLength
            if announced.sha256 not in {None, digest.hexdigest()}:
                raise WrongDigest
            _renew(blob)
    except MissingBytes:
        raise UploadTooSlow from None
    return _Received(size=writer.size, sha256=digest.hexdigest(), content_type=announced.content_type)


def _renew(blob: Blob) -> None:
    """Say that the writer is alive. Raises UploadTooSlow if the reaper came first."""
    with tenant(blob.organization_id):
        if not drafts.pending(blob).update(lease_until=Now() + drafts.LEASE):
            raise UploadTooSlow


def _show(upload: _Upload, received: _Received) -> StoredAs:
    """Make the stored bytes the path's current version. A free path is claimed, also one that has become free since."""
    for claimed in (upload.free, True):
        with tenant(upload.actor.organization_id):
            if upload.turn:
                upload.turn.claim()
            if claimed:
                claim_name(upload.actor, upload.path)
            stored = selectors.find_object(upload.actor, upload.path, lock=True)
            if claimed or (stored is not None and stored.deleted_at is None):
                return _add(upload, stored, received)
    raise AssertionError("The second round is always claimed.")


def _add(upload: _Upload, stored: StoredObject | None, received: _Received) -> StoredAs:
    actor, path, blob = upload.actor, upload.path, upload.blob
    before = check(actor, path, upload.conditions, stored)
    # It follows from the size, and the store is not asked in a transaction.
    sealed = sealed_size(received.size)
    if not drafts.pending(blob).update(state=Blob.State.STORED, lease_until=None, sealed_size=sealed):
        raise UploadTooSlow
    if stored is None:
        stored = StoredObject(organization_id=actor.organization_id, environment_id=blob.environment_id, path=path)
        stored.save(force_insert=True)
    version = add_version(actor, stored, blob=blob, **asdict(received))
    event = recorder.record(
        actor,
        Tag.OBJECT_UPDATED if before else Tag.OBJECT_CREATED,
        target=Target("object", stored.id, path),
        before=described(before) if before else None,
        after=described(version),
    )
    made = StoredAs(version, created=before is None, event_id=event.id, event_index=event.index)
    if upload.turn:
        upload.turn.keep(made)
    return made


def add_version(
    actor: Actor,
    stored: StoredObject,
    *,
    blob: Blob,
    size: int,
    sha256: str,
    content_type: str,
    restored_from: int | None = None,
) -> ObjectVersion:
    """Append a version to a locked object and make it the current one; a deleted object is there again."""
    versions = ObjectVersion.objects.filter(organization_id=stored.organization_id, object_id=stored.id)
    newest = versions.order_by("-number").values_list("number", flat=True).first()
    version = ObjectVersion(
        organization_id=stored.organization_id,
        object=stored,
        number=(newest or 0) + 1,
        blob=blob,
        size=size,
        sha256=sha256,
        content_type=content_type,
        created_by_kind=actor.kind,
        created_by_id=actor.id,
        created_by=actor.label,
        restored_from=restored_from,
    )
    version.save(force_insert=True)
    stored.current, stored.size, stored.updated_at = version.number, size, version.created_at
    stored.deleted_at = stored.deleted_by = None
    stored.save(update_fields=["current", "size", "updated_at", "deleted_at", "deleted_by"])
    return version


def described(version: ObjectVersion) -> dict[str, str | int]:
    """How the trail names a version."""
    return {
        "version": version.number,
        "size": version.size,
        "sha256": version.sha256,
        "content_type": version.content_type,
    }
