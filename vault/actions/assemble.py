"""Making one version of an upload's parts: at once while its sender waits, or by a job where it takes longer.

Whoever does it, and however often it is begun again, the version is shown in the transaction that turns the upload's
row to DONE, and only a row that is not DONE can be turned. So there is one version, or none.
"""

import logging
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import timedelta
from time import monotonic
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from hq.authz import gate
from hq.authz.actor import Actor, Origin
from hq.authz.permissions import Permission
from hq.crypto.aead import Tampered
from hq.db.context import tenant
from hq.lib.errors import Problem, Refused
from jobs import actions as jobs
from jobs.registry import RunningJob
from vault import selectors
from vault.actions.conditions import Conditions
from vault.actions.put import StoredAs, put_object
from vault.actions.uploads import ASSEMBLE, MIB, UploadEnded, arrived, staged_of
from vault.actions.uploads_maker import OPERATOR, READ_WITH, maker_of
from vault.models import Upload
from vault.store import MissingBytes, Staged, stage_for

log = logging.getLogger("hq.vault")
AT_ONCE = 64 * MIB
ATTEMPTS = 20
TOLD_EVERY = 2.0  # seconds
PATIENCE = timedelta(days=1)  # vault/0007 finds those whose time is over by as much
BATCH = 100
State = Upload.State


class PartsMissing(Refused):
    """Not every part of this upload has arrived. Send what is missing, then complete it."""


class PartsDamaged(Refused):
    """What was sent of this upload cannot be read any more. Nothing was stored; send it again."""


class NotPutTogether(Refused):
    """HQ could not put this upload together. Nothing was stored; send it again."""


def complete_upload(*, actor: Actor, upload_id: UUID) -> Upload:
    """Make the path's next version of the parts. Call it outside of any transaction; called again it says the same.

    The upload comes back DONE, or ASSEMBLING if a job does it.

    Raises:
        NotFound, Denied, UploadEnded, PartsMissing, PartsDamaged, and what `put_object` raises.
    """
    with tenant(actor.organization_id):
        upload = selectors.get_upload(actor, upload_id)
        staged = staged_of(upload)
    if upload.state in {State.DONE, State.ASSEMBLING}:
        return upload
    refuse_ended(upload)
    missing = sorted(set(range(1, staged.count + 1)) - set(arrived(upload, staged)))
    if missing:
        raise PartsMissing(_said(missing))
    if upload.size > AT_ONCE and upload.created_by_kind != OPERATOR:
        return _hand_over(actor, upload)
    try:
        _put(upload, staged, _Turn(upload, actor))
    except Problem:
        now_is = _again(actor, upload_id)
        if now_is.state != State.DONE:
            raise
        return now_is  # somebody completed it at the same time
    clear(upload)
    return _again(actor, upload_id)


def _said(missing: list[int]) -> str:
    shown = ", ".join(str(part) for part in missing[:20])
    more = f" and {len(missing) - 20} more" if len(missing) > 20 else ""
    return f"Parts {shown}{more} have not arrived. Send them, then complete the upload."


def refuse_ended(upload: Upload) -> None:
    """Raises UploadEnded, with the reason where HQ had one."""
    if upload.state == State.GIVEN_UP or upload.is_over:
        raise UploadEnded(upload.refusal_detail or "")


def _again(actor: Actor, upload_id: UUID) -> Upload:
    with tenant(actor.organization_id):
        return selectors.get_upload(actor, upload_id)


def _hand_over(actor: Actor, upload: Upload) -> Upload:
    with tenant(actor.organization_id):
        locked = selectors.get_upload(actor, upload.id, lock=True)
        if locked.state == State.OPEN:
            locked.state, locked.method = State.ASSEMBLING, actor.method
            locked.origin = {
                "ip": actor.origin.ip,
                "user_agent": actor.origin.user_agent,
                "request_id": actor.origin.request_id,
            }
            locked.save(update_fields=["state", "method", "origin"])
            jobs.enqueue(
                ASSEMBLE,
                organization_id=actor.organization_id,
                environment_id=upload.environment_id,
                payload={"upload_id": upload.id},
                key=str(upload.id),
            )
    return _again(actor, upload.id)


class _Turn:
    """The upload's own row, locked while its version is shown: whoever comes second finds it DONE."""

    def __init__(self, upload: Upload, actor: Actor) -> None:
        self.upload, self.actor = upload, actor

    def claim(self) -> None:
        row = _rows(self.upload).select_for_update(no_key=True).first()
        if row is None or row.state != self.upload.state:
            raise UploadEnded
        gate.require(self.actor, Permission.OBJECTS_WRITE, path=self.upload.path)

    def keep(self, stored: StoredAs) -> None:
        _rows(self.upload).update(
            state=State.DONE,
            version_id=stored.version.id,
            created=stored.created,
            event_id=stored.event_id,
            event_index=stored.event_index,
        )


class _TurnOfJob(_Turn):
    """The same for a job, which may have lost its lease, and whose actor may have lost their right since."""

    def __init__(self, upload: Upload, actor: Actor, job: RunningJob) -> None:
        super().__init__(upload, actor)
        self.job = job

    def claim(self) -> None:
        self.job.fence()
        fresh = _rows(self.upload).select_related(*READ_WITH).first()
        if fresh is None:
            raise UploadEnded
        self.actor = maker_of(fresh, self.actor.origin)
        super().claim()


def _rows(upload: Upload) -> QuerySet[Upload]:
    return Upload.objects.filter(organization_id=upload.organization_id, pk=upload.pk)


def _put(upload: Upload, staged: Staged, turn: _Turn, job: RunningJob | None = None) -> StoredAs:
    with closing(_pieces(upload, staged)) as pieces:
        return put_object(
            actor=turn.actor,
            path=upload.path,
            chunks=pieces if job is None else _told(job, upload, pieces),
            content_type=upload.content_type,
            conditions=Conditions.of(upload.conditions),
            expected_size=upload.size,
            expected_sha256=upload.sha256,
            turn=turn,
        )


def _pieces(upload: Upload, staged: Staged) -> Generator[bytes]:
    if not staged.count:
        return
    try:
        yield from stage_for(upload.bucket.store).read(staged)
    except MissingBytes:
        raise PartsMissing from None
    except Tampered:
        log.error("parts of an upload do not open", extra={"upload": upload.id})  # noqa: TRY400 - says it all
        raise PartsDamaged from None


def _told(job: RunningJob, upload: Upload, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, while the job says how far it is and keeps its lease. Raises LeaseLost."""
    done, tell_at = 0, monotonic()
    for piece in pieces:
        if monotonic() >= tell_at:
            job.progress(done, upload.size, "Putting it together")
            tell_at = monotonic() + TOLD_EVERY
        done += len(piece)
        yield piece


def assemble_upload(job: RunningJob) -> None:
    """Put one upload together. Killed anywhere it is run again, and finds in the row how far it was.

    Raises what is worth another try.
    """
    with tenant(job.organization_id):
        rows = Upload.objects.filter(organization_id=job.organization_id, pk=job.payload["upload_id"])
        upload = rows.select_related(*READ_WITH).first()
    if upload is not None and upload.state == State.ASSEMBLING:
        _assemble(job, upload)
    if upload is not None:
        clear(upload)
    with job.step():
        job.complete()


def _assemble(job: RunningJob, upload: Upload) -> None:
    try:
        with tenant(job.organization_id):
            maker, staged = maker_of(upload, Origin(**(upload.origin or {}))), staged_of(upload)
        _put(upload, staged, _TurnOfJob(upload, maker, job), job)
    except Problem as problem:
        if problem.status < 500:
            _refuse(job, problem)
        else:
            _raise_unless_last(job, problem)
    except OSError as error:
        _raise_unless_last(job, error)


def _raise_unless_last(job: RunningJob, error: Exception) -> None:
    """The sender must hear of it at last: what is never tried again is given up."""
    if job.attempt < job.max_attempts:
        raise error
    log.error("an upload could not be put together", extra={"job": job.id, "error": type(error).__name__})
    _refuse(job, NotPutTogether())


def _refuse(job: RunningJob, problem: Problem) -> None:
    """Nothing comes of it, and the row says why: for its maker, and until it expires."""
    with job.step():
        rows = Upload.objects.filter(organization_id=job.organization_id, pk=job.payload["upload_id"])
        row = rows.select_for_update(no_key=True).filter(state=State.ASSEMBLING).first()
        if row is not None:
            row.state, row.refusal, row.refusal_detail = State.GIVEN_UP, problem.code, str(problem)
            row.save(update_fields=["state", "refusal", "refusal_detail"])


def clear(upload: Upload) -> None:
    """Remove the parts of an upload that has ended. What fails is left to the sweep."""
    try:
        stage_for(upload.bucket.store).discard(staged_of(upload, keys=False))
        with tenant(upload.organization_id):
            _rows(upload).filter(state__in=[State.DONE, State.GIVEN_UP]).update(parts_kept=False)
    except Exception as error:  # noqa: BLE001 - the version is there; that its parts still are costs room and no more
        log.warning("parts are left to the sweep", extra={"upload": upload.id, "error": type(error).__name__})


def end_uploads(job: RunningJob) -> dict[str, int]:
    """End what is past its time; remove parts first, then rows. Killed anywhere, it is simply run again."""
    mine = Upload.objects.filter(organization_id=job.organization_id)
    with job.step():
        mine.filter(state=State.OPEN, expires_at__lt=Now()).update(state=State.GIVEN_UP)
        mine.filter(state=State.ASSEMBLING, expires_at__lt=Now() - PATIENCE).update(state=State.GIVEN_UP)
    ended = mine.filter(state__in=[State.DONE, State.GIVEN_UP])
    cleared = 0
    while batch := _batch(job, ended.filter(parts_kept=True)):
        for upload in batch:
            stage_for(upload.bucket.store).discard(staged_of(upload, keys=False))
        with job.step():
            ended.filter(pk__in=[upload.pk for upload in batch]).update(parts_kept=False)
        cleared += len(batch)
        job.progress(cleared, message="Removing parts of uploads that ended")
    with job.step():
        removed, _ = ended.filter(parts_kept=False, expires_at__lt=Now()).delete()
        job.complete({"cleared": cleared, "removed": removed})
    return {"cleared": cleared, "removed": removed}


def _batch(job: RunningJob, rows: QuerySet[Upload]) -> list[Upload]:
    with job.step():
        return list(rows.select_related("bucket").order_by("pk")[:BATCH])
