"""Files on their way into the store: announced by a row before they are begun, leased while they are written.

A put makes them from what comes, a rotation from what is there already. If the writer dies, the lease runs out and the
reaper removes what it left.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from time import monotonic
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from hq.db.context import tenant
from vault.models import Blob, Bucket
from vault.store import store_for

log = logging.getLogger("hq.vault")
LEASE = timedelta(minutes=10)
RENEWED_EVERY = 60.0  # seconds


def announce(bucket: Bucket, environment_id: UUID, key_version: int) -> Blob:
    """Say that a file may come, sealed under this version of the content key. Commit before it is begun."""
    blob = Blob(
        organization_id=bucket.organization_id,
        environment_id=environment_id,
        bucket=bucket,
        key_version=key_version,
        lease_until=Now() + LEASE,
    )
    blob.key = f"{bucket.name}/{blob.id.hex}"
    blob.save(force_insert=True)
    return blob


def pending(blob: Blob) -> QuerySet[Blob]:
    """The row, as long as it is the writer's: none once the reaper came first."""
    return Blob.objects.filter(organization_id=blob.organization_id, id=blob.id, state=Blob.State.PENDING)


def lively(chunks: Iterable[bytes], renew: Callable[[], None]) -> Iterator[bytes]:
    """The chunks, while `renew` is called every minute."""
    renew_at = monotonic() + RENEWED_EVERY
    for chunk in chunks:
        yield chunk
        if monotonic() > renew_at:
            renew()
            renew_at = monotonic() + RENEWED_EVERY


def give_up(blob: Blob) -> None:
    """Remove what was begun, unless it is shown by now. If this fails as well, the reaper does it."""
    try:
        with tenant(blob.organization_id):
            doomed = pending(blob).update(state=Blob.State.DOOMED, lease_until=None)
    except Exception as error:  # noqa: BLE001 - the error that led here is the one to tell
        _leave(blob, error)
    else:
        if doomed:
            remove(blob)


def remove(blob: Blob) -> None:
    """Remove a DOOMED blob: the file first, then the row. What fails is left to the reaper."""
    try:
        store_for(blob.bucket.store).delete(blob.bucket.name, blob.key)
        with tenant(blob.organization_id):
            Blob.objects.filter(organization_id=blob.organization_id, id=blob.id, state=Blob.State.DOOMED).delete()
    except Exception as error:  # noqa: BLE001 - nobody refers to it any more, so nothing but time is lost
        _leave(blob, error)


def _leave(blob: Blob, error: Exception) -> None:
    log.warning("a file that must go is left to the reaper", extra={"blob": blob.id, "error": type(error).__name__})
