"""Files in parts at the S3 door: S3 says no size before the first part, so each part is a sealed file by itself.

What a program calls the whole by is a token under its own credentials' secret: it says which upload, for which path, of
which type, so that beginning one keeps nothing. A part is there whole or not at all; sent again it takes the former's
place. The version shows in the transaction in which the parts go, so there is one version or none.
"""

import hashlib
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.crypto.kdf import derive
from hq.crypto.tokens import BadToken, SealedTokens
from hq.db.context import tenant
from hq.db.locks import hold
from hq.lib.clock import now
from hq.lib.errors import Invalid, NotFound, Refused
from hq.lib.ids import new_id
from hq.lib.paths import clean_path
from jobs.registry import RunningJob
from vault import selectors
from vault.actions import drafts
from vault.actions.conditions import ALWAYS, Conditions
from vault.actions.credentials_use import CredentialsEnded, actor_again
from vault.actions.packages import Package, begin_package, drop_packages, read_package
from vault.actions.put import ObjectTooLarge, StoredAs, WrongDigest, WrongLength, check, put_object
from vault.models import DoorPart, StorageCredential
from vault.store.staging import MOST_PARTS

MOST_HELD = 20_000  # parts of one's credentials at a time
KIND, BATCH = "vault.end_parts", 200
# Parts may come until their credentials end; who completes them at the last moment has a while for it.
GRACE = timedelta(hours=1)
_INFO = b"hq upload in parts at the s3 door"
_DIGEST = 32


class NoSuchUpload(NotFound):
    """There is nothing here that you can see."""


class NoSuchPart(Invalid):
    """One of the parts is not there, or has another tag."""


class PartsOutOfOrder(Invalid):
    """Parts are named once each, in the order of their numbers, which are 1 to 10000."""


class TooManyParts(Refused):
    """These storage credentials keep as many parts as they can. Complete an upload or give one up."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A part as it comes. `sha256` is hex, where its sender announced it."""

    number: int
    length: int
    sha256: str | None
    chunks: Iterable[bytes]


def begin_multipart(*, actor: Actor, row: StorageCredential, path: str, content_type: str) -> str:
    """What the upload is called. Raises InvalidPath, LocalOnlyPath, Denied, NameTaken."""
    clean = clean_path(path)
    with tenant(actor.organization_id):
        gate.require(actor, Permission.OBJECTS_WRITE, path=clean)
        check(actor, clean, ALWAYS, selectors.find_object(actor, clean))
    return _tokens(row).seal(new_id().bytes, _digest(clean) + content_type.encode())


def put_part(*, actor: Actor, row: StorageCredential, path: str, upload_id: str, sent: Sent) -> str:
    """Take a part in, outside of any transaction; its tag.

    Raises NoSuchUpload, PartsOutOfOrder, TooManyParts, ObjectTooLarge, WrongLength, WrongDigest, what `chunks` does.
    """
    upload, _ = _named(row, upload_id, path)
    if not 1 <= sent.number <= MOST_PARTS:
        raise PartsOutOfOrder
    if sent.length > settings.MAX_OBJECT_SIZE:
        raise ObjectTooLarge
    with tenant(actor.organization_id):
        gate.require(actor, Permission.OBJECTS_WRITE, path=clean_path(path))
        if _rows(actor).filter(credential_id=row.pk).count() >= MOST_HELD:
            raise TooManyParts
    package = begin_package(actor.organization_id, environment_of(actor))
    try:
        part = DoorPart(
            organization_id=actor.organization_id,
            environment_id=environment_of(actor),
            credential_id=row.pk,
            upload=upload,
            number=sent.number,
            size=sent.length,
            sha256=_receive(package, sent),
            expires_at=row.expires_at + GRACE,
        )
        _keep(package, part)
    except BaseException:
        package.give_up()
        raise
    return part.etag


def _receive(package: Package, sent: Sent) -> str:
    digest = hashlib.sha256()
    with package.writing() as writer:
        for chunk in drafts.lively(sent.chunks, package.renew):
            if writer.size + len(chunk) > sent.length:
                raise WrongLength
            digest.update(chunk)
            writer.write(chunk)
        if writer.size != sent.length:
            raise WrongLength
        if sent.sha256 not in {None, digest.hexdigest()}:
            raise WrongDigest
    return digest.hexdigest()


def _keep(package: Package, part: DoorPart) -> None:
    with tenant(part.organization_id):
        hold(f"hq.vault.part:{part.upload}:{part.number}")
        former = DoorPart.objects.filter(organization_id=part.organization_id, upload=part.upload, number=part.number)
        blobs = list(former.values_list("blob_id", flat=True))
        former.delete()
        drop_packages(part.organization_id, blobs)
        part.blob_id = package.keep(part.size)
        part.save(force_insert=True)


def list_parts(
    *, actor: Actor, row: StorageCredential, path: str, upload_id: str, after: int, limit: int
) -> Sequence[DoorPart]:
    """Up to limit + 1 of those that are there, by number. Raises NoSuchUpload, Denied."""
    upload, _ = _named(row, upload_id, path)
    with tenant(actor.organization_id):
        gate.require(actor, Permission.OBJECTS_WRITE, path=clean_path(path))
        found = list(_of(actor, upload).filter(number__gt=after)[: limit + 1])
        for part in found:
            _ = part.sha256  # opened here, where the key can be found
    return found


def complete_multipart(
    *,
    actor: Actor,
    row: StorageCredential,
    path: str,
    upload_id: str,
    wanted: Sequence[tuple[int, str]],
    size: int | None = None,
    conditions: Conditions = ALWAYS,
) -> StoredAs:
    """Make the path's next version of these parts, each a number and its tag. Call it outside of any transaction.

    Raises NoSuchUpload, NoSuchPart, PartsOutOfOrder, WrongLength where `size` is another, and what `put_object` raises.
    """
    upload, content_type = _named(row, upload_id, path)
    numbers = [number for number, _ in wanted]
    if not numbers or numbers != sorted(set(numbers)):
        raise PartsOutOfOrder
    there = {
        part.number: part
        for part in list_parts(actor=actor, row=row, path=path, upload_id=upload_id, after=0, limit=MOST_PARTS)
    }
    if not there:
        raise NoSuchUpload
    chosen = [there.get(number) for number in numbers]
    parts = [part for part, (_, tag) in zip(chosen, wanted, strict=True) if part and part.sha256 == tag.strip('"')]
    if len(parts) != len(wanted):
        raise NoSuchPart
    whole = sum(part.size for part in parts)
    if size not in {None, whole}:
        raise WrongLength
    with closing(_pieces(parts)) as pieces:
        return put_object(
            actor=actor,
            path=path,
            chunks=pieces,
            content_type=content_type,
            conditions=conditions,
            expected_size=whole,
            turn=_Turn(actor, row, path, upload, frozenset(part.pk for part in parts)),
        )


@dataclass(frozen=True, slots=True)
class _Turn:
    """The parts' rows, locked while the version is shown, and gone with it: whoever comes second finds none."""

    actor: Actor
    row: StorageCredential
    path: str
    upload: UUID
    parts: frozenset[UUID]

    def claim(self) -> None:
        found = _of(self.actor, self.upload).select_for_update(no_key=True).values_list("pk", flat=True)
        if not self.parts <= set(found):
            raise NoSuchUpload
        fresh = actor_again(self.row, self.actor.origin)
        if fresh is None:
            raise CredentialsEnded
        gate.require(fresh, Permission.OBJECTS_WRITE, path=clean_path(self.path))

    def keep(self, stored: StoredAs) -> None:
        _drop(self.actor.organization_id, _of(self.actor, self.upload))


def _pieces(parts: Iterable[DoorPart]) -> Generator[bytes]:
    for part in parts:
        with closing(read_package(part.organization_id, lambda part=part: _blob_of(part))) as pieces:  # type: ignore[misc]  # bound now
            yield from pieces


def _blob_of(part: DoorPart) -> UUID:
    with tenant(part.organization_id):
        rows = DoorPart.objects.filter(organization_id=part.organization_id, pk=part.pk)
        found: UUID | None = rows.values_list("blob_id", flat=True).first()
    if found is None:
        raise NoSuchUpload
    return found


def abort_multipart(*, actor: Actor, row: StorageCredential, path: str, upload_id: str) -> None:
    """Remove what has come. Twice is nothing. Raises NoSuchUpload, Denied."""
    upload, _ = _named(row, upload_id, path)
    with tenant(actor.organization_id):
        gate.require(actor, Permission.OBJECTS_WRITE, path=clean_path(path))
        _drop(actor.organization_id, _of(actor, upload).select_for_update(no_key=True))


def _drop(organization_id: UUID, rows: QuerySet[DoorPart]) -> int:
    """Rows first: a file that is left then is DOOMED, and the reaper's."""
    found = list(rows.values_list("pk", "blob_id"))
    DoorPart.objects.filter(organization_id=organization_id, pk__in=[pk for pk, _ in found]).delete()
    drop_packages(organization_id, [blob for _, blob in found])
    return len(found)


def end_parts(job: RunningJob) -> dict[str, int]:
    """Remove the parts of uploads that nobody completed in their time. Killed anywhere, it is simply run again."""
    old = DoorPart.objects.filter(organization_id=job.organization_id, expires_at__lt=now()).order_by("pk")
    removed = 0
    while True:
        with job.step():
            gone = _drop(job.organization_id, old[:BATCH])
        removed += gone
        if gone < BATCH:
            return {"removed": removed}


def part_moved(organization_id: UUID, old: UUID, new: UUID) -> None:
    """A rotation has put another file of the same bytes in the place of this one."""
    DoorPart.objects.filter(organization_id=organization_id, blob_id=old).update(blob_id=new)


def _rows(actor: Actor) -> QuerySet[DoorPart]:
    return DoorPart.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))


def _of(actor: Actor, upload: UUID) -> QuerySet[DoorPart]:
    return _rows(actor).filter(upload=upload).order_by("number")


def _tokens(row: StorageCredential) -> SealedTokens:
    return SealedTokens(derive(row.secret.encode(), info=_INFO))


def _digest(path: str) -> bytes:
    return hashlib.sha256(path.encode()).digest()


def _named(row: StorageCredential, upload_id: str, path: str) -> tuple[UUID, str]:
    """The upload and the type of its file. Raises NoSuchUpload: these credentials began none of this name and path."""
    try:
        said = _tokens(row).open(upload_id)
    except BadToken:
        raise NoSuchUpload from None
    if said[:_DIGEST] != _digest(clean_path(path)):
        raise NoSuchUpload
    return UUID(bytes=SealedTokens.header_of(upload_id)), said[_DIGEST:].decode()
