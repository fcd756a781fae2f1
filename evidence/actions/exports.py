"""Exporting a range of a log: asked for, made by a job, given out, and removed (AUD-7).

A job that is killed leaves a package that nobody sees, which the reaper removes; the next one begins at the first entry
again. One transaction then keeps the package, names it in the row and ends the job: all or nothing.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from audit import recorder
from audit.recorder import Target
from audit.selectors import EntryAltered, EntryMissing
from audit.tags import Log, Tag
from evidence.actions.checkpoints import NotAsSigned, make_checkpoint, tell_altered
from evidence.actions.export_zip import Making
from evidence.models import Checkpoint, TrailExport
from evidence.models.exports import LIFE
from evidence.selectors import exports as selectors
from evidence.selectors import latest_checkpoint
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.crypto.secrets import digest
from hq.db.context import tenant
from hq.db.locks import hold
from hq.lib.clock import now
from hq.lib.errors import Invalid, NotFound, Refused
from hq.web.transfer import Closeable, Described
from jobs import actions as jobs
from jobs.registry import RunningJob
from tenants import selectors as tenants
from vault.actions.packages import Package, begin_package, drop_packages, read_package

MOST_AT_ONCE: Final = 3
# Beyond these, a time in one zone is none in another, and what the database keeps of it cannot be read again.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
REPORTED_EVERY, RENEWED_EVERY = 2.0, 60.0  # seconds
ZIP: Final = "application/zip"
TITLES: Final = {Log.ADMIN: "the administrative log", Log.ACCESS: "the access log"}


class TooManyAtOnce(Refused):
    """Three exports of the trail are being made already. Wait for one of them, or remove it."""


class NoSuchRange(Invalid):
    """The beginning of the range must lie before its end."""


class NoSuchTime(Invalid):
    """A range begins and ends in the years from 1970 to 9998."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What is asked for: a log, from a time on and before another; None: from its first entry, up to its newest."""

    log: Log
    since: datetime | None = None
    until: datetime | None = None
    with_csv: bool = False


def request_trail_export(*, actor: Actor, wish: Range) -> TrailExport:
    """Begin one: a job makes it from now on. In the caller's transaction.

    Raises Denied, NoSuchTime, NoSuchRange, TooManyAtOnce.
    """
    gate.require(actor, Permission.AUDIT_READ)
    if any(at and not EARLIEST <= at < LATEST for at in (wish.since, wish.until)):
        raise NoSuchTime
    if wish.since and wish.until and wish.since >= wish.until:
        raise NoSuchRange
    environment_id, organization = environment_of(actor), tenants.find_open(actor.organization_id)
    if organization is None:
        raise NotFound
    hold(f"hq.evidence:exports:{actor.organization_id}")  # two that ask at once are counted one after the other
    here = TrailExport.objects.filter(organization_id=actor.organization_id)
    waiting = selectors.listed(actor.organization_id, list(here.filter(made_at=None)))
    if sum(each.state == "making" for each in waiting) >= MOST_AT_ONCE:  # one that failed holds up nobody
        raise TooManyAtOnce
    export = TrailExport.objects.create(
        organization_id=actor.organization_id,
        environment_id=environment_id,
        log=wish.log.value,
        since=wish.since,
        until=wish.until,
        with_csv=wish.with_csv,
        requested_by_id=actor.id,
        requested_by_label=actor.label,
        name=f"trail-{organization.slug}-{tenants.get_environment(actor).name}-{wish.log.value}",
        expires_at=now() + LIFE,
    )
    job = jobs.enqueue(
        "evidence.export",
        organization_id=actor.organization_id,
        environment_id=environment_id,
        payload={"export_id": str(export.id)},
        key=str(export.id),
    )
    export.job_id = job.id
    export.save(update_fields=["job_id"])
    recorder.record(
        actor,
        Tag.TRAIL_EXPORTED,
        target=target_of(export),
        after={
            "log": wish.log.value,
            "since": wish.since.isoformat() if wish.since else None,
            "until": wish.until.isoformat() if wish.until else None,
            "csv": wish.with_csv,
        },
    )
    return export


def target_of(export: TrailExport) -> Target:
    """How the trail names it."""
    return Target("trail_export", UUID(str(export.id)), TITLES[Log(export.log)])


def make_trail_export(job: RunningJob) -> None:
    """Make it, from its first entry. Raises what keeps it from being made: StorageFull, KeyUnavailable, LeaseLost."""
    try:
        export, checkpoint = _cut(job)
        if export is None:
            return
        if checkpoint is None or export.first is None:
            _end_empty(job, export)
            return
        _write(job, export, checkpoint)
    except EntryAltered as fault:
        _end_altered(job, fault.index)
    except EntryMissing:
        _end_missing(job)


def _write(job: RunningJob, export: TrailExport, checkpoint: Checkpoint) -> None:
    package = begin_package(export.organization_id, export.environment_id)
    try:
        making = Making(export, checkpoint, _lively(job, export, package))
        with package.writing() as writer:
            making.write(writer)
        kept = _keep(job, export, package, making, writer.size)
    except BaseException:
        package.give_up()
        raise
    if not kept:
        package.give_up()


def _cut(job: RunningJob) -> tuple[TrailExport | None, Checkpoint | None]:
    """The export with its range settled, and a checkpoint that covers it; None, and the job is done, if it was removed.

    Of a log that is not what was signed, what the last checkpoint covers is exported: whoever checks it finds the rest.
    """
    with tenant(job.organization_id):
        found = _rows(job).first()
    if found is not None:
        with suppress(NotAsSigned):
            make_checkpoint(found.organization_id, found.environment_id, Log(found.log))
    with job.step():
        export = _rows(job).select_for_update(no_key=True).first()
        if export is None:
            job.complete({"removed": True})
            return None, None
        checkpoint = latest_checkpoint(export.environment_id, export.log)
        if checkpoint is not None and export.first is None:
            place = (export.organization_id, export.environment_id, Log(export.log))
            first = selectors.first_since(*place, export.since, checkpoint.size)
            last = selectors.first_since(*place, export.until, checkpoint.size) - 1 if export.until else checkpoint.size
            if first <= last:
                export.first, export.last = first, last
                export.save(update_fields=["first", "last"])
    return export, checkpoint


def _rows(job: RunningJob) -> QuerySet[TrailExport]:
    return TrailExport.objects.filter(organization_id=job.organization_id, id=job.payload["export_id"], made_at=None)


def _lively(job: RunningJob, export: TrailExport, package: Package) -> Callable[[int], None]:
    """Says how far it is, and that its writer is alive, but not with each page."""
    told = {"report": monotonic(), "renew": monotonic()}
    total = export.entries * (2 if export.with_csv else 1)
    job.progress(0, total)

    def after_page(done: int) -> None:
        moment = monotonic()
        if moment - told["report"] >= REPORTED_EVERY:
            job.progress(done, total)
            told["report"] = moment
        if moment - told["renew"] >= RENEWED_EVERY:
            package.renew()
            told["renew"] = moment

    return after_page


def _keep(job: RunningJob, export: TrailExport, package: Package, making: Making, size: int) -> bool:
    """One transaction: the file is there, and the export is made. False if it was removed meanwhile."""
    with job.step():
        row = _rows(job).select_for_update(no_key=True).first()
        if row is None:
            job.complete({"removed": True})
            return False
        row.blob_id, row.size, row.name = package.keep(size), size, making.file_name
        row.shredded, row.made_at = making.shredded, now()
        row.expires_at = row.ends_at(row.made_at)
        row.save(update_fields=["blob_id", "size", "name", "shredded", "made_at", "expires_at"])
        job.complete({"entries": export.entries, "shredded": making.shredded})
    return True


def _end_empty(job: RunningJob, export: TrailExport) -> None:
    with job.step():
        at = now()
        _rows(job).update(made_at=at, expires_at=export.ends_at(at))
        job.complete({"entries": 0})


def _end_altered(job: RunningJob, index: int) -> None:
    """It would hold an entry that is not what was kept, and trying again would find the same. An alarm says so."""
    with job.step():
        export = _give_up(job, {"altered": index})
        if export is not None:
            tell_altered((export.organization_id, export.environment_id, export.log), index)


def _end_missing(job: RunningJob) -> None:
    """An entry of its range is not there, and will not be. The log is checked whole at once, which tells of it."""
    with job.step():
        export = _give_up(job, {"missing": True})
        if export is not None:
            place = {"environment_id": str(export.environment_id), "log": export.log}
            jobs.enqueue(
                "audit.verify",
                organization_id=export.organization_id,
                environment_id=export.environment_id,
                payload=place,
                key=f"verify:{export.environment_id}:{export.log}",
            )


def _give_up(job: RunningJob, why: dict[str, object]) -> TrailExport | None:
    """In a step: it has ended without a file; None if it was removed meanwhile."""
    export = _rows(job).select_for_update(no_key=True).first()
    job.complete(why)
    if export is not None:
        export.made_at = now()
        export.expires_at = export.ends_at(export.made_at)
        export.save(update_fields=["made_at", "expires_at"])
    return export


def remove_trail_export(*, actor: Actor, export_id: UUID) -> None:
    """Take it away at once, made or not. In the caller's transaction. Raises Denied, NotFound."""
    export = selectors.get_trail_export(actor, export_id, lock=True)
    target = target_of(export)
    drop(export)
    recorder.record(actor, Tag.EXPORT_REMOVED, target=target)


def drop(export: TrailExport) -> None:
    """In the caller's transaction, with its row locked: nothing of it can be had any more."""
    blobs = [export.blob_id] if export.blob_id else []
    export.delete()
    drop_packages(export.organization_id, blobs)


def expire_trail_exports(job: RunningJob) -> dict[str, int]:
    """Remove what has been there for a week, also what never became whole. Killed, it goes on."""
    expired = 0
    while True:
        with job.step():
            rows = TrailExport.objects.filter(organization_id=job.organization_id, expires_at__lt=now())
            export = rows.select_for_update(no_key=True).order_by("pk").first()
            if export is None:
                return {"expired": expired}
            drop(export)
        expired += 1


def follow(organization_id: UUID, old: UUID, new: UUID) -> None:
    """Where files lie, once a rotation has sealed them anew. In the transaction of that change."""
    TrailExport.objects.filter(organization_id=organization_id, blob_id=old).update(blob_id=new)


@dataclass(frozen=True, slots=True)
class GivenExport:
    """A file that may be downloaded. Nothing was read, and nothing recorded yet."""

    actor: Actor
    export: TrailExport

    @property
    def described(self) -> Described:
        """What HTTP says of it. Its tag is of the export: the bytes never change, and are signed."""
        tag = digest(f"trail export {self.export.id}".encode()).hex()
        return Described(self.export.name, self.export.size, tag, ZIP, hashed=False)

    def read(self, start: int, stop: int) -> Closeable:
        """Its bytes, and an event of each time. Raises NotFound, MissingBytes, ObjectDamaged, KeyUnavailable."""
        with tenant(self.actor.organization_id):
            recorder.record(
                self.actor, Tag.EXPORT_DOWNLOADED, target=target_of(self.export), after={"from": start, "to": stop}
            )
        return read_package(self.actor.organization_id, partial(_blob_of, self.export), start, stop)


def _blob_of(export: TrailExport) -> UUID:
    """The blob that holds it now. Raises NotFound, once it was removed."""
    with tenant(export.organization_id):
        rows = TrailExport.objects.filter(organization_id=export.organization_id, id=export.id)
        blob_id: UUID | None = rows.values_list("blob_id", flat=True).first()
    if blob_id is None:
        raise NotFound
    return blob_id


def open_trail_export(*, actor: Actor, export_id: UUID) -> GivenExport:
    """A finished one. Opens its own transaction: call it outside of any. Raises Denied, NotFound."""
    with tenant(actor.organization_id):
        export = selectors.get_trail_export(actor, export_id)
    if export.blob_id is None or export.expires_at <= now():  # the sweep that removes it may be late
        raise NotFound
    return GivenExport(actor, export)
