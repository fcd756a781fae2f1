"""Removing what interrupted uploads left: files first, then the rows that named them."""

from django.db.models.functions import Now

from hq.db.context import tenant
from jobs.registry import RunningJob
from vault.models import Blob, Bucket
from vault.store import store_for

BATCH = 200


def collect_orphans(job: RunningJob) -> None:
    """Remove blobs that no version refers to and no writer is alive for. Killed anywhere, it is simply run again.

    A PENDING blob past its lease is doomed first, in one statement: its writer, should it live after all, then finds
    that the blob is no longer its own, before it could show it.
    """
    removed = 0
    with job.step():
        mine = Blob.objects.filter(organization_id=job.organization_id)
        mine.filter(state=Blob.State.PENDING, lease_until__lt=Now()).update(state=Blob.State.DOOMED, lease_until=None)
    while batch := _doomed(job):
        for blob in batch:
            store_for(blob.bucket.store).delete(blob.bucket.name, blob.key)
        with job.step():
            Blob.objects.filter(
                organization_id=job.organization_id, id__in=[blob.id for blob in batch], state=Blob.State.DOOMED
            ).delete()
        removed += len(batch)
        job.progress(removed, message="Removing what interrupted uploads left")
    removed += _remove_strays(job)
    with job.step():
        job.complete({"removed": removed})


def _doomed(job: RunningJob) -> list[Blob]:
    with job.step():
        rows = Blob.objects.filter(organization_id=job.organization_id, state=Blob.State.DOOMED)
        return list(rows.select_related("bucket").order_by("id")[:BATCH])


def _remove_strays(job: RunningJob) -> int:
    """Drafts without a row: their writers were stopped for a whole lease just before they began the file.

    The folder is read before the rows: a draft's row is committed before the draft is made, so one that has none now
    will never have one.
    """
    with tenant(job.organization_id):
        bucket = Bucket.objects.filter(organization_id=job.organization_id).first()
    if bucket is None:
        return 0
    store = store_for(bucket.store)
    found = store.unfinished(bucket.name)
    with tenant(job.organization_id):
        rows = Blob.objects.filter(
            organization_id=job.organization_id, id__in=[key.rpartition("/")[2] for key in found]
        )
        known = set(rows.values_list("key", flat=True))
    strays = [key for key in found if key not in known]
    for key in strays:
        store.delete(bucket.name, key)
    return len(strays)
