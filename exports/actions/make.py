"""The job that makes an export, a volume a time. Killed anywhere, it repeats the volume it was at, and no other.

1. The cut: which versions of which files belong to it is written down, in one transaction.
2. A volume: a package is announced in the bucket and written with no transaction open. One transaction then keeps it,
   puts down its row and moves the cursor: all or nothing.
3. The last one ends the export in that same transaction, with an event, and mail that says only that it is ready.
"""

from collections.abc import Iterator
from time import monotonic
from uuid import UUID

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from exports.actions import files, mail
from exports.actions.files import LeftOut
from exports.actions.recipients import encrypt
from exports.actions.volumes import End, Making, told
from exports.models import Entry, Export, Volume
from hq.authz.actor import system_actor
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import RunningJob
from vault.actions.packages import Package, begin_package

REPORTED_EVERY, RENEWED_EVERY = 2.0, 60.0  # seconds


class _Removed(Exception):
    """Somebody removed the export while a volume of it was made."""


def make_export(job: RunningJob) -> None:
    """Make its next volume. Raises what keeps it from being made: StorageFull, KeyUnavailable, LeaseLost."""
    export = _cut(job)
    if export is None:
        return
    with job.step():
        before = list(
            Volume.objects.filter(organization_id=job.organization_id, export_id=export.id).order_by("number")
        )
    package = begin_package(export.organization_id, export.environment_id)
    try:
        making = Making(export, before)
        size = _write(job, export, making, package)
        _keep(job, export, package, making.ended(), size)
    except _Removed:
        package.give_up()
        with job.step():
            job.complete({"removed": True})
    except LeftOut as found:
        package.give_up()
        with job.step():
            rows = Entry.objects.filter(organization_id=export.organization_id, export_id=export.id)
            rows.filter(number=found.number).update(left_out=found.why)
            job.again(now())
    except BaseException:
        package.give_up()
        raise


def _cut(job: RunningJob) -> Export | None:
    """The export, with what belongs to it written down; None, and the job is done, if it was removed."""
    with job.step():
        rows = Export.objects.filter(organization_id=job.organization_id, id=job.payload["export_id"], removed_at=None)
        export = rows.filter(made_at=None).select_for_update(no_key=True).first()
        if export is None:
            job.complete({"removed": True})
        elif export.cut_at is None:
            export.cut_at = now()
            export.files_total, export.bytes_total = files.choose(export)
            export.save(update_fields=["cut_at", "files_total", "bytes_total"])
    return export


def _write(job: RunningJob, export: Export, making: Making, package: Package) -> int:
    with package.writing() as writer:
        encrypt(_lively(job, export, making, package), writer, export.recipient)
    return writer.size


def _lively(job: RunningJob, export: Export, making: Making, package: Package) -> Iterator[bytes]:
    """The volume's bytes, while it is said how far it is and that its writer is alive."""
    reported_at = renewed_at = monotonic()
    _report(job, export, making)
    for piece in making.stream():
        yield piece
        moment = monotonic()
        if moment - reported_at >= REPORTED_EVERY:
            _report(job, export, making)
            reported_at = moment
        if moment - renewed_at >= RENEWED_EVERY:
            package.renew()
            renewed_at = moment


def _report(job: RunningJob, export: Export, making: Making) -> None:
    job.progress(export.bytes_done + making.counted, export.bytes_total, told(making.number - 1))


def _keep(job: RunningJob, export: Export, package: Package, end: End, size: int) -> None:
    """One transaction: the volume is there, and the export goes on behind it, or is made."""
    with job.step():
        still = Export.objects.filter(organization_id=export.organization_id, id=export.id, removed_at=None)
        if not still.select_for_update(no_key=True).exists():
            raise _Removed
        number = Volume.objects.filter(organization_id=export.organization_id, export_id=export.id).count() + 1
        Volume.objects.create(
            organization_id=export.organization_id,
            export_id=export.id,
            number=number,
            blob_id=package.keep(size),
            size=size,
            plain_size=end.plain_size,
            members=end.members,
            manifest_digest=end.manifest_digest,
        )
        export.cursor, export.members = end.cursor, export.members + end.members
        export.bytes_done += end.counted
        export.left_out = [*export.left_out, *end.left_out]
        if not end.is_last:
            export.save(update_fields=["cursor", "members", "bytes_done", "left_out"])
            job.again(now())
            return
        export.made_at = now()
        export.expires_at, export.manifest_digest = export.ends_at(export.made_at), end.manifest_digest
        export.files_left_out = files.files_left_out(export)
        export.save(
            update_fields=[
                *("cursor", "members", "bytes_done", "made_at", "expires_at", "manifest_digest"),
                *("left_out", "files_left_out"),
            ]
        )
        forget_later(export)
        mail.tell_ready(export)
        _record(export, number, end)
        job.complete({"volumes": number})


def forget_later(export: Export) -> None:
    """What it was made by goes in the background: it may be a million rows."""
    jobs.enqueue(
        "exports.forget",
        organization_id=export.organization_id,
        payload={"export_id": str(export.id)},
        key=f"{export.id}:{export.removed_at is not None}",
    )


def _record(export: Export, volumes: int, end: End) -> None:
    recorder.record(
        system_actor(export.organization_id, home_environment_id=export.environment_id),
        Tag.EXPORT_COMPLETED,
        target=target_of(export),
        after={
            "volumes": volumes,
            "members": export.members,
            "left_out": export.left_out_total,
            "manifest_sha256": end.manifest_digest.hex(),
        },
    )


def target_of(export: Export) -> Target:
    """How the trail names it."""
    return Target("export", UUID(str(export.id)), "of the organization" if export.is_whole else "of their own data")
