"""Writing what was planned, out of any transaction, and noting it in one. Killed anywhere, nothing is lost."""

import logging
from collections.abc import Iterator

from archive.actions import lines
from archive.actions.compare import compare_checkpoints
from archive.actions.plan import MissingEntries, Order, next_of
from archive.buckets import AlreadyThere, ArchiveFault, Bucket, bucket
from archive.models import Digest, File, Progress
from archive.selectors import progress_of
from audit import actions as audit
from audit import selectors as trail
from audit.selectors import SealedEntry
from audit.tags import Log
from evidence import selectors as evidence
from hq.crypto.secrets import digest
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.registry import LeaseLost, RunningJob

log = logging.getLogger("hq.archive")
PAGE = 1000


class Conflict(ArchiveFault):
    """The archive has something else under a name that HQ was about to write. An operator has to look at it."""


def archive_log(job: RunningJob, order: Order) -> dict[str, int]:
    """Write every closed day of a log, and the digests over them. Raises ArchiveFault, LeaseLost, KeyUnavailable."""
    target, files, digests = bucket(), 0, 0
    try:
        if order.before is None:  # somebody asked: what waits for its place is not left out
            audit.grow(order.organization_id, order.environment_id)
        while (todo := next_of(job, order, _checkpoint(order))) is not None:
            if isinstance(todo, File):
                _write_file(job, target, todo)
                files += 1
            else:
                _write_digest(job, target, todo)
                digests += 1
            job.progress(todo.last, message=f"{todo.day:%Y-%m-%d}")
        compare_checkpoints(job, target, order)
    except LeaseLost:
        raise
    except Exception as fault:
        note_failure(order, fault)
        raise
    result = {"files": files, "digests": digests}
    with job.step():
        row = progress_of(order.organization_id, order.environment_id, order.log, lock=True)
        row.looked_at, row.failing_since, row.failure = now(), None, ""
        row.save(update_fields=["looked_at", "failing_since", "failure"])
        job.complete(dict(result))
    return result


def note_failure(order: Order, fault: Exception) -> None:
    """Since when a log is not archived, whatever keeps it from that, for the page and for the alarm."""
    told = {"failure": type(fault).__name__, "environment": order.environment_id, "trail": str(order.log)}
    log.warning("a log could not be archived", extra=told)
    with tenant(order.organization_id):
        row = progress_of(order.organization_id, order.environment_id, order.log, lock=True)
        row.failing_since, row.failure = row.failing_since or now(), type(fault).__name__
        row.save(update_fields=["failing_since", "failure"])


def _checkpoint(order: Order) -> dict[str, object] | None:
    """The newest there is. It may be of fewer entries than the digest lists: the next one's will reach further."""
    with tenant(order.organization_id):
        found = evidence.latest_checkpoint(order.environment_id, order.log)
    if found is None:
        return None
    return {"origin": found.origin, "size": found.size, "root": bytes(found.root).hex()}


def _write_file(job: RunningJob, target: Bucket, file: File) -> None:
    content = lines.compressed(_entries(file))
    try:
        target.put(file.name, content)
    except AlreadyThere:
        there = target.read(file.name)
        if not lines.same(there, content):
            raise conflict(file.name) from None
        content = there
    with job.step():
        mine = File.objects.filter(organization_id=file.organization_id, pk=file.pk)
        mine.filter(file_hash=None).update(file_hash=digest(content), size=len(content))


def _entries(file: File) -> Iterator[SealedEntry]:
    """All of them, a page a transaction."""
    after = file.first - 1
    while after < file.last:
        with tenant(file.organization_id):
            page = trail.sealed_page(
                file.organization_id,
                file.environment_id,
                Log(file.log),
                after=after,
                limit=min(PAGE, file.last - after),
            )
        for entry in page:
            if entry.index != after + 1:
                raise MissingEntries
            after = entry.index
            yield entry
        if not page:
            raise MissingEntries


def _write_digest(job: RunningJob, target: Bucket, made: Digest) -> None:
    try:
        target.put(made.name, made.file.encode())
    except AlreadyThere:
        if target.read(made.name) != made.file.encode():
            raise conflict(made.name) from None
    with job.step():
        mine = Digest.objects.filter(organization_id=made.organization_id, pk=made.pk)
        if mine.filter(written_at=None).update(written_at=now()):
            rows = Progress.objects.filter(
                organization_id=made.organization_id, environment_id=made.environment_id, log=made.log
            )
            rows.update(archived=made.last, archived_at=now())


def conflict(name: str) -> Conflict:
    """What to raise of a name that holds something else. It is logged here."""
    log.error("the archive holds something else under this name", extra={"archived_file": name})
    return Conflict()
