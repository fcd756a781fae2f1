"""The work of a rotation, by a job that may be killed anywhere and goes on where the rows say it is (KEY-2).

1. REQUESTED: the provider makes the CMK's new version; one transaction then wraps every data key anew and makes new
   ones. From here on a compromised old version of the CMK opens nothing that an old copy does not give it already.
2. REENCRYPTING: holder by holder, batch by batch, what stands under an older data key is brought forward. Each row is
   locked, read, sealed again and written in one transaction, so nothing that was written meanwhile is put back.
3. SETTLING: nothing is left, but a process may keep its rings for five minutes and write under the old data key. When
   that time is over, and every transaction that had begun by then has ended, nothing can come any more.
4. DONE: what is left is counted once more, and if that is nothing, HQ signs it.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from audit import recorder
from audit import selectors as trail
from audit.tags import Tag
from hq.authz.actor import Actor, system_actor
from hq.crypto.secrets import equal
from hq.db.sealing import Purpose
from hq.lib.clock import now
from jobs.registry import RunningJob
from keys import rings
from keys.actions.rotation import target_of
from keys.actions.rotation_end import finish_rotation
from keys.actions.turns import wait_for_turn
from keys.models import Cmk, DataKey, Rotation, wrapping_context
from keys.providers import ProviderError, provider
from keys.registry import KEPT, RENEWED, Holder, holders, tell_followers
from keys.selectors import kms_key

log = logging.getLogger("hq.keys")
BATCH = 10_000  # rows, in several transactions: each call costs two of the engine's own
SLICE_SECONDS = 20.0  # then other jobs have their turn
REST = 0.1  # of the time that a batch took, so that a long rotation leaves room for everybody's reads and writes
SOON, TURNING = timedelta(seconds=1), timedelta(seconds=10)
MARGIN = timedelta(seconds=5)


def advance_rotation(job: RunningJob) -> None:
    """Do a slice of the work. Raises ProviderError, KeyUnavailable: the job is then tried again later."""
    rings.forget(job.organization_id)  # another process may have made the new version
    with job.step():
        rotation = _rotation(job, lock=True)  # whoever goes on with a paused one waits until this job has ended
        if rotation.state != Rotation.State.ABANDONED and (
            rotation.state not in Rotation.UNFINISHED or rotation.paused_at is not None
        ):
            job.complete()
            return
    if rotation.state == Rotation.State.ABANDONED:
        _come_back(job, rotation)
        return
    if rotation.state == Rotation.State.REQUESTED:
        if not _has_turned(job, rotation):
            return
        if rotation.from_cmk is not None:
            # Before the data keys: what is written under the new ones then stands under the new CMK everywhere.
            tell_followers(job.organization_id, rotation.cmk.kms_arn)
        if not _make_version(job):  # given up meanwhile
            with job.step():
                job.again(now())
            return
    end = time.monotonic() + SLICE_SECONDS
    while time.monotonic() < end:
        if _next_batch(job):
            continue
        return
    with job.step():
        job.again(now())


def _come_back(job: RunningJob, rotation: Rotation) -> None:
    """The end of one that was given up: whatever followed the other CMK stands under the one in use again."""
    if rotation.from_cmk is not None:
        with job.step():
            in_use = kms_key(job.organization_id)
        tell_followers(job.organization_id, in_use)
    with job.step():
        job.complete()


def _rotation(job: RunningJob, *, lock: bool = False) -> Rotation:
    rows = Rotation.objects.select_related("cmk", "from_cmk")
    if lock:
        rows = rows.select_for_update(no_key=True, of=("self",))
    return rows.get(organization_id=job.organization_id, id=UUID(job.payload["rotation_id"]))


def actor_of(organization_id: UUID) -> Actor:
    """HQ, at work on an organization's keys."""
    return system_actor(organization_id, home_environment_id=trail.home_of(organization_id))


# ---- 1. the new version


class WrappingUnproven(ProviderError):
    """The key provider gave back a wrapping that opens to another key. Nothing was changed."""


def _has_turned(job: RunningJob, rotation: Rotation) -> bool:
    """Have the provider make a version; True once it wraps. AWS KMS may take minutes. Killed, one too many stays.

    A key of the customer's own has the versions that they give it, and one that is moved to is as new as it is.
    """
    cmk = rotation.cmk
    if rotation.from_cmk is not None or cmk.customer_owned:
        return True
    keeper = provider(cmk.provider)
    if rotation.turned_at is None:
        keeper.rotate_key(cmk.ref)
        with job.step():
            Rotation.objects.filter(organization_id=job.organization_id, id=rotation.id).update(turned_at=now())
    if not keeper.is_rotating(cmk.ref):
        return True
    with job.step():
        job.again(now() + TURNING)
    return False


def _make_version(job: RunningJob) -> bool:
    """Wrap under the new version and make the new data keys: all or nothing. False if it is no longer asked for."""
    with job.step():
        wait_for_turn(job.organization_id)
        rotation = _rotation(job, lock=True)
        if rotation.state != Rotation.State.REQUESTED:
            return False
        before, after = rotation.from_cmk or rotation.cmk, rotation.cmk
        rings.cache.unsettle(job.organization_id)
        rotation.from_version = before.version
        if rotation.from_cmk is None:
            _count_version(after)
        else:
            _take_over(before, after)
        rotation.to_version, rotation.state = after.version, Rotation.State.REENCRYPTING
        rotation.made_at = database_now()
        rotation.rewrapped = _wrap_anew(after)
        _renew_data_keys(after)
        rotation.save(update_fields=["from_version", "to_version", "made_at", "state", "rewrapped"])
        recorder.record(
            actor_of(job.organization_id),
            Tag.KEY_MOVED if rotation.from_cmk else Tag.KEY_ROTATED,
            target=target_of(after),
            before={"kept_in": before.provider, "version": before.version if rotation.from_cmk else after.version - 1},
            after={"kept_in": after.provider, "version": after.version, "data_keys_wrapped_anew": rotation.rewrapped},
        )
    return True


def _count_version(cmk: Cmk) -> None:
    cmk.version, cmk.rotated_at, cmk.overdue_at = cmk.version + 1, now(), None
    cmk.save(update_fields=["version", "rotated_at", "overdue_at"])


def _take_over(before: Cmk, after: Cmk) -> None:
    before.retired_at = now()
    before.save(update_fields=["retired_at"])
    after.retired_at, after.rotated_at = None, now()
    after.save(update_fields=["retired_at", "rotated_at"])


def _wrap_anew(cmk: Cmk) -> int:
    """Put every data key under the newest version; how many. Few, whatever the size of the tenant.

    A former wrapping is let go only for one that was seen to open to the same key. A retired data key that is lost
    stays as it is: what stands under it is found as rows that do not open, and everything else must not wait for it.
    """
    rows = DataKey.objects.filter(organization_id=cmk.organization_id, destroyed_at=None).select_related("cmk")
    new, count = provider(cmk.provider), 0
    for row in rows:
        wrapped, old = bytes(row.wrapped or b""), provider(row.cmk.provider)
        try:
            plain = old.decrypt(row.cmk.ref, wrapped, row.context)
        except rings.LOST as error:
            if row.retired_at is None:
                raise
            whose = {"data_key": str(row.id), "organization_id": str(row.organization_id), "why": error.code}
            log.error("a retired data key is lost, so it is left as it is", extra=whose)  # noqa: TRY400 - says it all
            continue
        if row.cmk_id == cmk.id:
            row.wrapped = new.reencrypt(cmk.ref, wrapped, row.context)
        else:
            row.wrapped = new.wrap(cmk.ref, plain, row.context)
        if not equal(new.decrypt(cmk.ref, row.wrapped, row.context), plain):
            raise WrappingUnproven
        row.cmk, row.cmk_version = cmk, cmk.version
        row.save(update_fields=["wrapped", "cmk", "cmk_version"])
        count += 1
    return count


def _renew_data_keys(cmk: Cmk) -> None:
    for row in DataKey.objects.filter(organization_id=cmk.organization_id, retired_at=None, purpose__in=RENEWED):
        renew_data_key(cmk, row)


def renew_data_key(cmk: Cmk, row: DataKey) -> DataKey:
    """Make the next version of a data key the current one, in the caller's transaction. Raises ProviderError."""
    row.retired_at = now()
    row.save(update_fields=["retired_at"])
    context = wrapping_context(row.organization_id, row.environment_id, row.purpose, row.version + 1)
    keeper = provider(cmk.provider)
    made = keeper.generate_data_key(cmk.ref, context)
    if not equal(keeper.decrypt(cmk.ref, made.wrapped, context), made.plain):
        raise WrappingUnproven
    return DataKey.objects.create(
        organization_id=row.organization_id,
        environment_id=row.environment_id,
        purpose=row.purpose,
        version=row.version + 1,
        wrapped=made.wrapped,
        cmk=cmk,
        cmk_version=cmk.version,
    )


# ---- 2. the rows


def _next_batch(job: RunningJob) -> bool:
    """Do one batch, or what comes after the last; False when this slice has nothing more to do."""
    with job.step():
        rotation = _rotation(job, lock=True)
        if rotation.paused_at is not None:
            job.complete()
            return False
        todo = _begin_next(rotation)
        if todo is None and _had_to_wait(rotation):
            job.again(now() + SOON)
            return False
        if todo is None:
            return _settle(job, rotation)
        holder, version = todo
        cursor = rotation.cursors[holder.name]
    began = time.monotonic()
    after = UUID(cursor["after"]) if cursor["after"] else None
    batch = holder.reseal(job.step, job.organization_id, version, after, BATCH)
    with job.step():
        rotation = _rotation(job, lock=True)
        cursor = rotation.cursors[holder.name]
        cursor["done"] += batch.resealed
        cursor["resealed"] += batch.resealed
        cursor["unopened"] += batch.unopened
        cursor["after"] = str(batch.last) if batch.last else None
        cursor["waits"] = batch.last is None and not _end_round(job, holder, version, cursor)
        rotation.save(update_fields=["cursors"])
        job.progress(*_numbers(rotation), message=holder.title)
    time.sleep(REST * (time.monotonic() - began))
    return True


def _begin_next(rotation: Rotation) -> tuple[Holder, int] | None:
    """The holder to work on, and the version that its data is to stand under; None when all are finished or wait."""
    current = current_versions(rotation.organization_id)
    if (
        not rotation.cursors and rotation.reencrypted_at is None
    ):  # the new version is committed since: until then others could still load the older keys
        rotation.made_at = database_now()
    for holder in holders(rotation.organization_id):
        if holder.purpose in KEPT or holder.purpose not in current:
            continue
        cursor = rotation.cursors.get(holder.name)
        if cursor is None:
            total = holder.left(rotation.organization_id, current[holder.purpose])
            cursor = {"after": None, "done": 0, "resealed": 0, "total": total, "unopened": 0, "finished": total == 0}
            rotation.cursors[holder.name] = cursor
            rotation.save(update_fields=["cursors", "made_at"])
        if not cursor["finished"] and not cursor.get("waits"):
            return holder, current[holder.purpose]
    return None


def _had_to_wait(rotation: Rotation) -> bool:
    """Whether rows or uploads of somebody's were waited for while the other holders were worked on. Now look again."""
    waited = [cursor for cursor in rotation.cursors.values() if cursor.pop("waits", False)]
    if waited:
        rotation.save(update_fields=["cursors"])
    return bool(waited)


def current_versions(organization_id: UUID) -> dict[Purpose, int]:
    """The data key version of each purpose that belongs to the whole organization."""
    rows = DataKey.objects.filter(organization_id=organization_id, environment_id=None, retired_at=None)
    return {Purpose(row.purpose): row.version for row in rows}


def _end_round(job: RunningJob, holder: Holder, version: int, cursor: dict[str, Any]) -> bool:
    """After the last row: True if the next batch can follow at once, False if rows are locked by somebody's write."""
    left = holder.left(job.organization_id, version)
    fruitless = cursor["resealed"] == 0
    cursor["finished"] = left == 0 or (fruitless and cursor["unopened"] >= left)
    cursor["total"] = cursor["done"] + left
    if cursor["finished"]:
        cursor["unopened"] = left
        return True
    cursor["resealed"] = cursor["unopened"] = 0
    return not fruitless


def _numbers(rotation: Rotation) -> tuple[int, int]:
    return (
        sum(cursor["done"] for cursor in rotation.cursors.values()),
        sum(cursor["total"] for cursor in rotation.cursors.values()),
    )


# ---- 3. waiting until nobody can write under the old data keys


def _settle(job: RunningJob, rotation: Rotation) -> bool:
    if rotation.state != Rotation.State.SETTLING:
        rotation.state, rotation.reencrypted_at = Rotation.State.SETTLING, rotation.reencrypted_at or now()
        rotation.save(update_fields=["state", "reencrypted_at"])
    settled_at = settles_at(rotation)
    if database_now() < settled_at:
        job.again(settled_at)
        return False
    oldest, newest = _transactions()
    if rotation.barrier is None:
        rotation.barrier = newest
        rotation.save(update_fields=["barrier"])
    if oldest < rotation.barrier:
        job.again(now() + SOON)
        return False
    if _strays(rotation):
        return True
    finish_rotation(job, rotation)
    return False


def settles_at(rotation: Rotation) -> datetime:
    """When the last process has let go of the old data keys."""
    assert rotation.made_at is not None, "only once the new version is made"  # noqa: S101 - for the types; the table holds it
    return rotation.made_at + timedelta(seconds=rings.SECONDS) + MARGIN


def database_now() -> datetime:
    """One clock for all workers: each may have another idea of the time, and five minutes must be five minutes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def _transactions() -> tuple[int, int]:
    """The oldest transaction that runs, and the first that has not begun."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmin(now)::text::bigint, pg_snapshot_xmax(now)::text::bigint"
            " FROM pg_current_snapshot() AS now"
        )
        oldest, newest = cursor.fetchone()
    return oldest, newest


def _strays(rotation: Rotation) -> bool:
    """Rows that were written under an old data key meanwhile: their holders have another round."""
    current, found = current_versions(rotation.organization_id), False
    for holder in holders(rotation.organization_id):
        cursor = rotation.cursors.get(holder.name)
        if cursor and holder.left(rotation.organization_id, current[holder.purpose]) > cursor["unopened"]:
            cursor |= {"finished": False, "after": None, "resealed": 0, "unopened": 0}
            found = True
    if found:
        rotation.save(update_fields=["cursors"])
    return found
