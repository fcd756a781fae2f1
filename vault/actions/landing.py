"""The direct way into S3: a session of AWS for a landing area, and taking in what landed there (VLT-4).

A session puts files below the area of its storage credentials, and does nothing else. What it put is no object yet:
a job judges each file as if its holder sent it at that moment, seals it, shows it with its event, and removes what
landed.
"""

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, Problem, Refused
from hq.web.transfer import media_type
from jobs.registry import RunningJob
from keys.selectors import kms_key
from vault import selectors
from vault.actions.credentials import SHORTEST, AlreadyEnded, Level, target_of
from vault.actions.credentials_use import CredentialsEnded, landing_actor, networks_of
from vault.actions.put import ObjectTooLarge, StoredAs, put_object
from vault.models import DEFAULT_TYPE, EMBEDDED, Bucket, StorageCredential
from vault.store import MissingBytes

if TYPE_CHECKING:  # the client of AWS takes a while: who keeps files embedded need not wait for it
    from vault.store.s3_landing import Landed, Landing
    from vault.store.s3_sessions import LandingSession

log = logging.getLogger("hq.vault")
KIND = "vault.take_in"
TOLD_EVERY = 2.0  # seconds
# After the credentials' end: what was begun before may still arrive, as AWS looks at a request when it begins.
GRACE = timedelta(hours=1)


class NoDirectWay(Refused):
    """Files come into this HQ by its own address only: it keeps them itself, or has no role in AWS to lend."""


class NotToWrite(Refused):
    """These storage credentials are for reading, and the direct way is for writing. Read at HQ's own S3 address."""


class NotTheirs(Denied):
    """Only those who got these storage credentials can get a session for them."""


class TooLateForSession(Refused):
    """These storage credentials end in less than 15 minutes, and AWS gives no shorter session. Get others."""


class SleepingFile(Refused):
    """It was put into a storage class that cannot be read at once."""


@dataclass(frozen=True, slots=True)
class DirectWay:
    """A session, and where it puts files: the paths of the credentials, below `prefix` in `bucket`."""

    row: StorageCredential
    bucket: str
    prefix: str
    session: "LandingSession"


def open_direct_way(*, actor: Actor, credentials_id: UUID) -> DirectWay:
    """A session of AWS for the landing area of one's own storage credentials, no longer than they live.

    Call it outside of any transaction. That it was given is recorded before it is. Raises NotFound, Denied, NotTheirs,
    AlreadyEnded, NotToWrite, NoDirectWay, TooLateForSession, TooManyPaths and the faults of the store.
    """
    from vault.store.s3_sessions import Wanted, begin_session, prefix_of

    with tenant(actor.organization_id):
        row = selectors.get_credentials(actor, credentials_id)
        row = StorageCredential.objects.select_for_update(no_key=True).get(
            organization_id=actor.organization_id, pk=row.pk
        )
        bucket = selectors.get_bucket(actor)
        if bucket.store == EMBEDDED or not settings.S3_ROLE_ARN:
            raise NoDirectWay
        seconds = _require(actor, row)
        wanted = Wanted(
            bucket=bucket.name,
            id=row.id,
            paths=row.paths,
            cmk=kms_key(actor.organization_id),
            networks=networks_of(row),
            seconds=seconds,
        )
        row.lands = True
        row.save(update_fields=["lands"])
        after = {"access_key": row.access_key, "paths": row.paths, "landing": prefix_of(row.id), "seconds": seconds}
        recorder.record(actor, Tag.CREDENTIALS_ISSUED, target=target_of(row), after=after)
    return DirectWay(row, bucket.name, prefix_of(row.id), begin_session(wanted))


def _require(actor: Actor, row: StorageCredential) -> int:
    """For how many seconds a session may be given."""
    if (row.issued_to_kind, row.issued_to_id) != (actor.kind, actor.id):
        raise NotTheirs
    if not row.is_live:
        raise AlreadyEnded
    if row.permission != Level.WRITE:
        raise NotToWrite
    for path in row.paths:
        gate.require(actor, Permission.OBJECTS_WRITE, path=path)
    left = int((row.expires_at - now()).total_seconds())
    # Asked for at once, credentials of 15 minutes have a moment less: AWS's shortest session ends by itself then.
    if left < SHORTEST - 60:
        raise TooLateForSession
    return max(left, SHORTEST)


def take_in(job: RunningJob) -> dict[str, int]:
    """Take in whatever landed in the organization's bucket. Killed anywhere, it runs again, and takes nothing twice."""
    with job.step():
        mine = StorageCredential.objects.filter(organization_id=job.organization_id, lands=True)
        ids = list(mine.order_by("pk").values_list("pk", flat=True))
    told, fault = {"taken": 0, "refused": 0}, None
    for credentials_id in ids:
        try:
            _take_in_of(job, credentials_id, told)
        except Problem as problem:  # worth another try, and what lies in one area holds up no other
            fault = problem
    if fault is not None:
        raise fault
    with job.step():
        job.complete(told)
    return told


def _take_in_of(job: RunningJob, credentials_id: UUID, told: dict[str, int]) -> None:
    with job.step():
        row = _row(job, credentials_id)
        bucket = Bucket.objects.filter(organization_id=job.organization_id).first()
    if row is None or bucket is None:
        return
    # Asked before the area is read: whatever is put later is put by nobody.
    over = row.expires_at + GRACE < now()
    from vault.store.s3_landing import Landing

    landing = Landing.of(bucket.name, row.id)
    for landed in landing.found():
        if landed.newest and landed.mark != row.landed and not _one(job, row, landing, landed, told):
            continue
        landing.discard(landed)
    if over:
        landing.close()
        with job.step():
            StorageCredential.objects.filter(organization_id=job.organization_id, pk=row.pk).update(lands=False)


def _row(job: RunningJob, credentials_id: UUID) -> StorageCredential | None:
    rows = StorageCredential.objects.filter(organization_id=job.organization_id, pk=credentials_id)
    return rows.select_related("organization", "environment", "membership__user", "service_account", "api_key").first()


def _one(job: RunningJob, row: StorageCredential, landing: "Landing", landed: "Landed", told: dict[str, int]) -> bool:
    """Take one file in, or refuse it and say so in the trail. False: another one took its place, and comes later.

    Raises what is worth another try.
    """
    try:
        with tenant(job.organization_id):
            actor = landing_actor(row)
    except CredentialsEnded:
        actor = None
    if actor is None:
        log.warning("a file landed with credentials that ended", extra={"credentials": row.id})
        told["refused"] += 1
        return True
    try:
        _put(job, row, actor, landing, landed)
    except MissingBytes:
        return False
    except Problem as problem:
        if problem.status >= 500:
            raise
        _refuse(job, row, actor, landed, problem)
        told["refused"] += 1
    else:
        told["taken"] += 1
    return True


def _put(job: RunningJob, row: StorageCredential, actor: Actor, landing: "Landing", landed: "Landed") -> StoredAs:
    if landed.size > settings.MAX_OBJECT_SIZE:
        raise ObjectTooLarge
    if not landed.readable:
        raise SleepingFile
    kind = media_type(landing.content_type(landed)) or DEFAULT_TYPE
    with closing(landing.read(landed)) as pieces:
        return put_object(
            actor=actor,
            path=landed.path,
            chunks=_told(job, landed.size, pieces),
            content_type=kind,
            expected_size=landed.size,
            turn=_Turn(job, row, landed),
        )


@dataclass(frozen=True, slots=True)
class _Turn:
    """The credentials say what was taken in last, in the transaction that shows it; and that they still may."""

    job: RunningJob
    row: StorageCredential
    landed: "Landed"

    def claim(self) -> None:
        self.job.fence()
        fresh = _row(self.job, self.row.pk)
        if fresh is None:
            raise CredentialsEnded
        gate.require(landing_actor(fresh), Permission.OBJECTS_WRITE, path=self.landed.path)

    def keep(self, stored: StoredAs) -> None:
        mine = StorageCredential.objects.filter(organization_id=self.row.organization_id, pk=self.row.pk)
        mine.update(landed=self.landed.mark)


def _told(job: RunningJob, size: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    done, tell_at = 0, monotonic()
    for piece in pieces:
        if monotonic() >= tell_at:
            job.progress(done, size, "Taking in what landed")
            tell_at = monotonic() + TOLD_EVERY
        done += len(piece)
        yield piece


def _refuse(job: RunningJob, row: StorageCredential, actor: Actor, landed: "Landed", problem: Problem) -> None:
    """Once in the trail: the mark is kept in the same transaction."""
    with job.step():
        StorageCredential.objects.filter(organization_id=row.organization_id, pk=row.pk).update(landed=landed.mark)
        after = {"path": landed.path, "size": landed.size, "why": str(problem)}
        recorder.record(actor, Tag.OBJECT_REFUSED, target=Target("object", row.id, landed.path[:200]), after=after)
