"""Reading a month back from the archive. Only what was read, and fits the tree in the database, counts as archived."""

from collections.abc import Sequence
from datetime import date

from archive.actions import lines
from archive.actions.plan import Order
from archive.actions.write import note_failure
from archive.buckets import Absent, ArchiveFault, Bucket, bucket
from archive.models import Digest, File, Month
from archive.selectors import progress_of
from audit import selectors as trail
from audit.tags import Log
from hq.crypto import chain, merkle
from hq.crypto.merkle import BadProof
from hq.crypto.secrets import digest
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.registry import LeaseLost, RunningJob


class DoesNotFit(ArchiveFault):
    """What is in the archive is not what was written there. Its month stays where it is; an operator has to look."""


def next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def verify_month(job: RunningJob, order: Order, month: date) -> dict[str, int]:
    """Read a month back, file by file, and compare it with the tree. Raises ArchiveFault, DoesNotFit, LeaseLost."""
    target, place = bucket(), order.place
    until = next_month(month)
    with job.step():
        verified = progress_of(order.organization_id, order.environment_id, order.log).verified
        files = list(File.objects.filter(**place, day__gte=month, day__lt=until).order_by("first"))
        digests = over(files)
    try:
        _require_whole(files, verified)
        for number, file in enumerate(files):
            check_file(target, file)
            job.progress(number + 1, len(files), f"{file.day:%Y-%m-%d}")
        for each in digests:
            _check_digest(target, each)
            job.progress(len(files), len(files))
    except LeaseLost:
        raise
    except Exception as fault:
        note_failure(order, fault)
        raise
    return _settle(job, order, month, files)


def over(files: Sequence[File]) -> list[Digest]:
    """The digests that list these files of one log, in their order. In the log's tenant context."""
    if not files:
        return []
    place = {name: getattr(files[0], name) for name in ("organization_id", "environment_id", "log")}
    found = Digest.objects.filter(**place, last__gte=files[0].first, first__lte=files[-1].last)
    return list(found.order_by("number"))


def _require_whole(files: Sequence[File], verified: int) -> None:
    """They go on from what was verified, and no entry stands between two of them. Raises DoesNotFit."""
    reached = min(verified, files[0].first - 1) if files else 0
    for file in files:
        if file.first != reached + 1:
            raise DoesNotFit
        reached = file.last


def check_file(target: Bucket, file: File) -> None:
    """Compare one file with its hash, its chain, and the tree. Raises DoesNotFit, ArchiveFault."""
    try:
        content = target.read(file.name)
        if digest(content) != bytes(file.file_hash or b""):
            raise DoesNotFit
        leaves = _leaves(content, file.first)
    except (Absent, lines.Damaged):
        raise DoesNotFit from None
    if len(leaves) != file.last - file.first + 1:
        raise DoesNotFit
    place = (file.organization_id, file.environment_id, Log(file.log))
    with tenant(file.organization_id):
        tree = trail.tree_of(*place)
        beside = trail.beside(*place, file.first - 1, file.last, tree.size)
    try:
        merkle.check_range(file.first - 1, leaves, tree.size, beside, tree.root)
    except BadProof:
        raise DoesNotFit from None


def _leaves(content: bytes, first: int) -> Sequence[bytes]:
    leaves: list[bytes] = []
    previous: bytes | None = None
    for number, line in enumerate(lines.read(content)):
        broken = previous is not None and line.previous != previous
        if line.index != first + number or broken or chain.link(line.previous, line.document) != line.hash:
            raise DoesNotFit
        leaves.append(merkle.leaf_hash(line.document))
        previous = line.hash
    return leaves


def _check_digest(target: Bucket, made: Digest) -> None:
    try:
        if target.read(made.name) != made.file.encode():
            raise DoesNotFit
    except Absent:
        raise DoesNotFit from None


def _settle(job: RunningJob, order: Order, month: date, files: Sequence[File]) -> dict[str, int]:
    with job.step():
        progress = progress_of(order.organization_id, order.environment_id, order.log, lock=True)
        last = files[-1].last if files else 0
        result = {"files": len(files), "last": last}
        if files and last > progress.verified:
            size = sum(file.size or 0 for file in files)
            found = {"last": last, "size": size, "verified_at": now()}  # more may have come since it was read last
            if not Month.objects.filter(**order.place, month=month).update(**found):
                Month.objects.create(**order.place, month=month, first=files[0].first, **found)
            progress.verified, progress.verified_at = last, now()
        progress.failing_since, progress.failure = None, ""
        progress.save(update_fields=["verified", "verified_at", "failing_since", "failure"])
        job.complete(dict(result))
    return result
