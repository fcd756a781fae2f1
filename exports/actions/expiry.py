"""The end of exports: what nobody needs any more, and what has been there long enough (VLT-11)."""

from typing import Any

from exports.actions.requests import drop
from exports.models import Entry, Export
from hq.lib.clock import now
from jobs.registry import RunningJob

BATCH = 10_000


def forget_export(job: RunningJob) -> dict[str, Any]:
    """Delete the notes that an export was made by, and the export itself if it was removed. Killed, it goes on."""
    entries = Entry.objects.filter(organization_id=job.organization_id, export_id=job.payload["export_id"])
    gone = 0
    while True:
        with job.step():
            some = list(entries.values_list("pk", flat=True)[:BATCH])
            Entry.objects.filter(organization_id=job.organization_id, pk__in=some).delete()
        gone += len(some)
        if len(some) < BATCH:
            break
        job.progress(gone, message="Forgetting what an export was made by")
    with job.step():
        rows = Export.objects.filter(organization_id=job.organization_id, id=job.payload["export_id"])
        rows.exclude(removed_at=None).delete()
    return {"entries": gone}


def expire_exports(job: RunningJob) -> dict[str, Any]:
    """Remove what has been there for a week, also what never became whole."""
    expired = 0
    while True:
        with job.step():
            rows = Export.objects.filter(organization_id=job.organization_id, removed_at=None, expires_at__lt=now())
            export = rows.select_for_update(no_key=True).order_by("pk").first()
            if export is None:
                return {"expired": expired}
            drop(export)
        expired += 1
