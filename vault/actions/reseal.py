"""Bringing stored files under the organization's newest content key, while they are read, restored and written.

A file is never changed. Its bytes are opened, verified and sealed into a new one, announced and leased like an upload;
then one transaction lets every version that referred to the old file refer to the new one, and dooms the old. Killed at
any point, either file serves every version, and the reaper removes the other.
"""

import logging
from collections.abc import Generator
from contextlib import closing
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Now

from hq.crypto.aead import Tampered
from hq.db.sealing import KeyUnavailable, Purpose
from keys.columns import Batch, Held, Step
from keys.selectors import KeyMaterial, content_key
from vault.actions import drafts, packages
from vault.models import Blob, ObjectVersion
from vault.store import ForeignKey, MissingBytes, store_for

log = logging.getLogger("hq.vault")
# So that a call ends within seconds, and what its caller writes down of it is recent. A larger file is one call's work.
BATCH_BYTES, BATCH_FILES = 256 * 1024 * 1024, 100


class _Unopened(Exception):
    """The old file does not open."""


class _NotOurs(Exception):
    """Somebody else replaced the old file, or the new one was taken for abandoned."""


class StoredFiles:
    """The sealed files of an organization's vault, as a holder of data (keys.registry.Holder)."""

    name = "vault_blob"
    title = "File contents"
    purpose = Purpose.CONTENT

    def count(self, organization_id: UUID) -> Held:
        found = _stored(organization_id).aggregate(rows=Count("*"), bytes=Sum("sealed_size"))
        return Held(found["rows"], int(found["bytes"] or 0))

    def left(self, organization_id: UUID, version: int) -> int:
        """Uploads that began under an older version count too: they show later what is sealed under it."""
        alive = Q(state=Blob.State.STORED) | Q(state=Blob.State.PENDING)
        return Blob.objects.filter(alive, organization_id=organization_id, key_version__lt=version).count()

    def reseal(self, step: Step, organization_id: UUID, version: int, after: UUID | None, limit: int) -> Batch:
        """Each file is its own work; up to BATCH_FILES of them in one call. Call it outside of any transaction.

        Raises KeyUnavailable, StorageFull, and what `step` raises.
        """
        limit = min(limit, BATCH_FILES)
        content_key(organization_id, version)  # a process that does not know of it yet would seal under an older one
        with step():
            older = _stored(organization_id).filter(key_version__lt=version).select_related("bucket").order_by("id")
            found = list((older.filter(id__gt=after) if after else older)[:limit])
        resealed = unopened = size = 0
        for number, blob in enumerate(found, start=1):
            outcome = _reseal(step, blob)
            resealed, unopened = resealed + (outcome is True), unopened + (outcome is False)
            size += blob.sealed_size or 0
            if size >= BATCH_BYTES or number == limit:
                return Batch(resealed, unopened, blob.id)
        return Batch(resealed, unopened, None)


def _stored(organization_id: UUID) -> QuerySet[Blob]:
    return Blob.objects.filter(organization_id=organization_id, state=Blob.State.STORED)


def _reseal(step: Step, old: Blob) -> bool | None:
    """True: it stands under the new key. False: it does not open and is as it was. None: it was not ours to do."""
    with step():
        key = content_key(old.organization_id)
        new = drafts.announce(old.bucket, old.environment_id, key.version)
    try:
        _copy(step, old, new, key)
        _replace(step, old, new)
    except _NotOurs:
        drafts.give_up(new)
        return None
    except _Unopened as error:
        drafts.give_up(new)
        return _says_unopened(step, old, error)
    except BaseException:
        drafts.give_up(new)
        raise
    drafts.remove(old)
    return True


def _copy(step: Step, old: Blob, new: Blob, key: KeyMaterial) -> None:
    def renew() -> None:
        with step():
            if not drafts.pending(new).update(lease_until=Now() + drafts.LEASE):
                raise _NotOurs

    try:
        with store_for(new.bucket.store).put(new.bucket.name, new.key, content_key=key.key, aad=new.aad) as writer:
            renew()  # had the lease run out before the file was begun, nobody would look for it
            with closing(_plain(old)) as plain:
                for piece in drafts.lively(plain, renew):
                    writer.write(piece)
            renew()
    except MissingBytes:
        raise _NotOurs from None


def _plain(old: Blob) -> Generator[bytes]:
    """The bytes of a file, each piece verified. Raises _Unopened, whatever is wrong with it."""
    try:
        key = content_key(old.organization_id, old.key_version)
        pieces = store_for(old.bucket.store).open(old.bucket.name, old.key, content_key=key.key, aad=old.aad)
        with closing(pieces):
            yield from pieces
    except (ForeignKey, KeyUnavailable, MissingBytes, Tampered) as error:
        raise _Unopened(type(error).__name__) from error


def _replace(step: Step, old: Blob, new: Blob) -> None:
    """All at once: the new file serves every version that the old one served, and the old one must go.

    Whoever makes one more version of the old file holds its row, so it is waited for: a moment, and a copy is not made
    in vain.
    """
    sealed_size = store_for(new.bucket.store).sealed_size(new.bucket.name, new.key)
    if sealed_size != old.sealed_size:
        raise _Unopened("another size than was stored")
    with step():
        same = _stored(old.organization_id).filter(id=old.id, key=old.key, key_version=old.key_version)
        if not same.select_for_update(no_key=True).exists():
            raise _NotOurs
        if not drafts.pending(new).update(state=Blob.State.STORED, lease_until=None, sealed_size=sealed_size):
            raise _NotOurs
        versions = ObjectVersion.objects.filter(organization_id=old.organization_id, blob_id=old.id)
        versions.update(blob_id=new.id)
        packages.tell_moved(old.organization_id, old.id, new.id)
        same.update(state=Blob.State.DOOMED)


def _says_unopened(step: Step, old: Blob, error: _Unopened) -> bool | None:
    """Log it, if the file is still in use: one that was replaced meanwhile is missing rightly."""
    with step():
        if not _stored(old.organization_id).filter(id=old.id).exists():
            return None
    place = {"organization_id": str(old.organization_id), "blob_id": str(old.id), "why": str(error)}
    log.error("stored file does not open, so it is left as it is", extra=place)
    return False
