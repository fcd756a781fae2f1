"""Keeping every checkpoint outside of the database, where nobody reaches who could rewrite the log itself."""

from archive.actions.plan import Order, checkpoint_name
from archive.actions.write import conflict, note_failure
from archive.buckets import AlreadyThere, ArchiveFault, Bucket, bucket
from archive.selectors import progress_of
from evidence.selectors.checkpoints import of_log
from jobs.registry import RunningJob

PAGE = 100


def keep_checkpoints(job: RunningJob, order: Order) -> dict[str, int]:
    """Write those that are not there yet, oldest first. Killed, it goes on. Raises ArchiveFault, LeaseLost."""
    target, written = bucket(), 0
    while True:
        with job.step():
            row = progress_of(order.organization_id, order.environment_id, order.log)
            newer = of_log(order.environment_id, order.log).filter(size__gt=row.checkpoint).order_by("size")
            notes = list(newer.values_list("size", "note")[:PAGE])
            if not notes:
                job.complete({"written": written})
                return {"written": written}
        try:
            for size, note in notes:
                _put(target, checkpoint_name(order, size), note)
        except ArchiveFault as fault:
            note_failure(order, fault)
            raise
        written += len(notes)
        with job.step():
            row = progress_of(order.organization_id, order.environment_id, order.log, lock=True)
            row.checkpoint = max(row.checkpoint, notes[-1][0])
            row.save(update_fields=["checkpoint"])


def _put(target: Bucket, name: str, note: str) -> None:
    """The same text may be there with other signatures; another text is another log."""
    try:
        target.put(name, note.encode())
    except AlreadyThere:
        if target.read(name).partition(b"\n\n")[0] != note.encode().partition(b"\n\n")[0]:
            raise conflict(name) from None
