"""Files that rooms above keep in an organization's bucket for a while, such as exports: no path shows them.

A package is sealed and leased like an upload, and rotations take it along. It asks no permission: the room that keeps
it has asked. That room's row names the blob, and is told when a rotation has put another in its place.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from hq.crypto.aead import Tampered
from hq.crypto.stream import sealed_size
from hq.db.context import tenant
from hq.lib.errors import NotFound
from keys.selectors import KeyMaterial, content_key
from vault.actions import drafts
from vault.actions.put import UploadTooSlow
from vault.actions.read import ObjectDamaged, Opened
from vault.models import Blob, Bucket, ObjectVersion
from vault.selectors import NoBucket
from vault.store import ForeignKey, MissingBytes, Pieces, Writer, store_for

# What is wrong with a stored file that cannot be read, now or later. A key that is out of reach is not among them.
UNREADABLE = (ForeignKey, MissingBytes, ObjectDamaged, Tampered)
# Puts the second blob where a room's row names the first: organization, old, new. In the transaction of the change.
Move = Callable[[UUID, UUID, UUID], None]

_moves: dict[str, Move] = {}


def on_move(name: str, move: Move) -> None:
    """Twice the same name is the same."""
    _moves[name] = move


def tell_moved(organization_id: UUID, old: UUID, new: UUID) -> None:
    """Every room that may name the old one. In the caller's transaction."""
    for move in _moves.values():
        move(organization_id, old, new)


@dataclass(frozen=True, slots=True)
class Package:
    """One on its way into the store. Nobody sees it before `keep()`; if its writer dies, the reaper removes it."""

    blob: Blob
    key: KeyMaterial

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Seal what is written into the store. Call `renew()` now and then. Raises StorageFull, UploadTooSlow."""
        blob = self.blob
        store = store_for(blob.bucket.store)
        try:
            with store.put(blob.bucket.name, blob.key, content_key=self.key.key, aad=blob.aad) as writer:
                self.renew()
                yield writer
                self.renew()
        except MissingBytes:
            raise UploadTooSlow from None

    def renew(self) -> None:
        """Say that the writer is alive. Raises UploadTooSlow if the reaper came first."""
        with tenant(self.blob.organization_id):
            if not drafts.pending(self.blob).update(lease_until=Now() + drafts.LEASE):
                raise UploadTooSlow

    def keep(self, size: int) -> UUID:
        """In the caller's transaction, which names it in a row: from now on it stays. Raises UploadTooSlow.

        `size` is how many plain bytes were written: the sealed size follows, and the store is not asked here.
        """
        blob = self.blob
        changed = {"state": Blob.State.STORED, "lease_until": None, "sealed_size": sealed_size(size)}
        if not drafts.pending(blob).update(**changed):
            raise UploadTooSlow
        return blob.id

    def give_up(self) -> None:
        """Remove what was begun."""
        drafts.give_up(self.blob)


def begin_package(organization_id: UUID, environment_id: UUID) -> Package:
    """Say that one will come. Opens its own transaction: call it outside of any. Raises NoBucket, KeyUnavailable."""
    with transaction.atomic(durable=True), tenant(organization_id):
        bucket = Bucket.objects.filter(organization_id=organization_id).first()
        if bucket is None:
            raise NoBucket
        key = content_key(organization_id)
        return Package(drafts.announce(bucket, environment_id, key.version), key)


def read_package(organization_id: UUID, find: Callable[[], UUID], start: int = 0, stop: int | None = None) -> Pieces:
    """A kept one's bytes. `find` gives the blob that the room's row names now: a rotation may replace it meanwhile.

    Raises NotFound, MissingBytes, ObjectDamaged, KeyUnavailable; Tampered from the iterator.
    """
    blob = _kept(organization_id, find())
    while True:
        key = content_key(organization_id, blob.key_version)
        try:
            return store_for(blob.bucket.store).open(
                blob.bucket.name, blob.key, content_key=key.key, aad=blob.aad, start=start, stop=stop
            )
        except MissingBytes:
            now = _kept(organization_id, find())
            if now.id == blob.id:
                raise
            blob = now
        except Tampered:
            raise ObjectDamaged from None


def _kept(organization_id: UUID, blob_id: UUID) -> Blob:
    with tenant(organization_id):
        blob = _stored(organization_id, [blob_id]).select_related("bucket").first()
    if blob is None:
        raise NotFound
    return blob


def drop_packages(organization_id: UUID, blob_ids: Iterable[UUID]) -> None:
    """In the caller's transaction: they must go. Their files follow its commit; what fails is left to the reaper."""
    rows = _stored(organization_id, blob_ids)
    for blob in list(rows.select_related("bucket").select_for_update(no_key=True, of=("self",)).order_by("id")):
        rows.filter(id=blob.id).update(state=Blob.State.DOOMED)
        transaction.on_commit(lambda blob=blob: drafts.remove(blob), robust=True)  # type: ignore[misc]  # bound now


def _stored(organization_id: UUID, blob_ids: Iterable[UUID]) -> QuerySet[Blob]:
    return Blob.objects.filter(organization_id=organization_id, id__in=list(blob_ids), state=Blob.State.STORED)


def open_versions(organization_id: UUID, version_ids: Iterable[UUID]) -> dict[UUID, Opened]:
    """These versions, ready to be read, whether their paths show them or not; one that is gone is left out.

    In the organization's context. For jobs that have settled before what they may read.
    """
    bucket = Bucket.objects.filter(organization_id=organization_id).first()
    if bucket is None:
        return {}
    rows = ObjectVersion.objects.filter(organization_id=organization_id, id__in=list(version_ids))
    rows = rows.select_related("blob", "object__environment")
    return {version.id: Opened(version, bucket) for version in rows}


def versions_of(organization_id: UUID) -> QuerySet[ObjectVersion]:
    """Every version of every file, deleted ones too, to be narrowed. In the organization's context."""
    return ObjectVersion.objects.filter(organization_id=organization_id)
