"""Uploads in parts: announced here, sent by addresses of the store, put together in vault/actions/assemble.py.

Every step asks anew whether the maker may write to the path. What the store is asked happens outside of any
transaction. The row outlives the parts: it is committed before there is room for them, and goes after them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from os import urandom
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from hq.authz import gate
from hq.authz.actor import Actor, Origin, environment_of
from hq.authz.permissions import Permission
from hq.crypto.kdf import derive
from hq.crypto.tokens import BadToken
from hq.db.context import tenant
from hq.db.locks import hold
from hq.lib.clock import now
from hq.lib.errors import Denied, Invalid, NotFound, Refused
from hq.lib.paths import clean_path
from jobs import actions as jobs
from jobs.selectors import find_unfinished
from keys.selectors import capability_key
from vault import selectors
from vault.actions.conditions import ALWAYS, Conditions
from vault.actions.put import ObjectTooLarge, check
from vault.actions.uploads_maker import OPERATOR, READ_WITH, maker_of, makers_ids
from vault.models import DEFAULT_TYPE, EMBEDDED, Upload
from vault.store import PartAddress, Staged, embedded_staging, stage_for
from vault.store.staging import MOST_PARTS, WrongPartSize, terms_of, upload_of

LIFE = timedelta(hours=24)
ADDRESS_LIFE = timedelta(minutes=10)
MIB = 1024 * 1024
PART_SIZE = 8 * MIB  # S3 takes none below 5 MiB but the last one
MOST_OPEN = 500
MOST_ADDRESSES = 100
ASSEMBLE, END = "vault.assemble", "vault.end_uploads"
_INFO = b"hq part of an upload"
_DECOY = urandom(32)


class TooManyUploads(Refused):
    """You have too many uploads under way. Complete some or give them up; what is left alone ends after 24 hours."""


class UploadEnded(Refused):
    """This upload takes no more parts: it was completed or given up, or its 24 hours are over."""


class AddressExpired(Denied):
    """This address is older than 10 minutes. Ask for a new one; parts that have arrived are kept."""


class NoSuchAddress(NotFound):
    """There is nothing here that you can see."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """An upload, which of its parts are there, in order, and how many bytes a job has put together."""

    upload: Upload
    parts: tuple[int, ...]
    assembled: int


@dataclass(frozen=True, slots=True)
class SignedPart:
    """Where one part is to be sent, with exactly so many bytes, until then."""

    part: int
    size: int
    address: PartAddress
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenPart:
    """A place that takes one part, for whoever came with its address."""

    maker: Actor | None
    staged: Staged
    part: int
    size: int

    def receive(self, length: int, chunks: Iterable[bytes]) -> None:
        """Take it in, outside of any transaction. Raises WrongPartSize, UploadGone, StorageFull."""
        if length != self.size:
            raise WrongPartSize
        embedded_staging().receive(self.staged, self.part, self.size, chunks)


def begin_upload(
    *,
    actor: Actor,
    path: str,
    size: int,
    content_type: str = DEFAULT_TYPE,
    sha256: str | None = None,
    conditions: Conditions = ALWAYS,
) -> Upload:
    """Announce a file of `size` bytes for a path. Nothing shows there before all of it has come and was completed.

    Raises:
        InvalidPath, LocalOnlyPath, Denied, NotFound, PreconditionFailed, NameTaken, ObjectTooLarge, TooManyUploads,
        KeyUnavailable.
    """
    clean = clean_path(path)
    with tenant(actor.organization_id):
        gate.require(actor, Permission.OBJECTS_WRITE, path=clean)
        selectors.refuse_links(actor)
        if size > settings.MAX_OBJECT_SIZE:
            raise ObjectTooLarge
        bucket = selectors.get_bucket(actor)
        check(actor, clean, conditions, selectors.find_object(actor, clean))
        hold(f"hq.vault.uploads:{actor.id}")
        if selectors.open_uploads(actor).count() >= MOST_OPEN:
            raise TooManyUploads
        upload = Upload(
            organization_id=actor.organization_id,
            environment_id=environment_of(actor),
            bucket=bucket,
            path=clean,
            size=size,
            part_size=part_size(size),
            content_type=content_type,
            sha256=sha256,
            conditions=conditions.as_json(),
            parts_key=urandom(32).hex(),
            address_version=capability_key(actor.organization_id, environment_of(actor)).version,
            expires_at=now() + LIFE,
            **makers_ids(actor),
        )
        upload.save(force_insert=True)
    return upload


def part_size(size: int) -> int:
    """Parts are as small as their number allows: what a lost connection loses is at most one."""
    return max(PART_SIZE, -(-size // (MOST_PARTS * MIB)) * MIB)


def address_parts(*, actor: Actor, upload_id: UUID, parts: Sequence[int]) -> list[SignedPart]:
    """Addresses of some parts of an open upload, good for 10 minutes. Call it outside of any transaction.

    Raises NotFound, Denied, UploadEnded, NoSuchPart, Invalid, KeyUnavailable.
    """
    if not 1 <= len(parts) <= MOST_ADDRESSES:
        raise Invalid(f"Ask for 1 to {MOST_ADDRESSES} parts at a time.")
    with tenant(actor.organization_id):
        upload = _open(selectors.get_upload(actor, upload_id))
        staged = staged_of(upload)
    sizes = {part: staged.size_of(part) for part in dict.fromkeys(parts)}  # before the store is asked for anything
    if not upload.begun:
        _begin(upload)
        with tenant(actor.organization_id):
            staged = staged_of(_open(selectors.get_upload(actor, upload_id)))
    until, stage = now() + ADDRESS_LIFE, stage_for(upload.bucket.store)
    return [SignedPart(part, size, stage.address(staged, part, size, until), until) for part, size in sizes.items()]


def _begin(upload: Upload) -> None:
    """Ask the store to make room. Of two at once the first one's name is kept; the other's goes with the parts."""
    handle = stage_for(upload.bucket.store).begin(upload.bucket.name, upload.id)
    with tenant(upload.organization_id):
        mine = Upload.objects.filter(organization_id=upload.organization_id, pk=upload.pk, begun=False)
        mine.filter(state=Upload.State.OPEN).update(begun=True, handle=handle)


def look_at_upload(*, actor: Actor, upload_id: UUID) -> Arrived:
    """An upload of one's own, and how far it is. Call it outside of any transaction. Raises NotFound, Denied."""
    with tenant(actor.organization_id):
        upload = selectors.get_upload(actor, upload_id)
        staged = staged_of(upload)
        job = find_unfinished(actor.organization_id, ASSEMBLE, str(upload.id))
    return Arrived(upload, arrived(upload, staged), job.done if job else 0)


def find_upload_again(
    *, actor: Actor, path: str, size: int, content_type: str = DEFAULT_TYPE, sha256: str | None = None
) -> Arrived | None:
    """The actor's open upload of the same file, as far as that can be told: the newest of this path, size and hash.

    Call it outside of any transaction. Raises InvalidPath, LocalOnlyPath, Denied; NotFound for a link.
    """
    clean = clean_path(path)
    with tenant(actor.organization_id):
        gate.require(actor, Permission.OBJECTS_WRITE, path=clean)
        selectors.refuse_links(actor)
        rows = selectors.open_uploads(actor).filter(path=clean, size=size, state=Upload.State.OPEN)
        newest = rows.order_by("-pk")[:MOST_OPEN]
        found = next((row for row in newest if (row.sha256, row.content_type) == (sha256, content_type)), None)
    return look_at_upload(actor=actor, upload_id=found.id) if found else None


def arrived(upload: Upload, staged: Staged) -> tuple[int, ...]:
    """The parts that are there with the size that they must have."""
    if not upload.begun or not upload.parts_kept:
        return ()
    found = stage_for(upload.bucket.store).parts(staged)
    return tuple(part for part in range(1, staged.count + 1) if found.get(part) == staged.size_of(part))


def give_up_upload(*, actor: Actor, upload_id: UUID) -> None:
    """End an upload that is not done. A job removes what has arrived. Raises NotFound, Denied, UploadEnded."""
    with tenant(actor.organization_id):
        upload = selectors.get_upload(actor, upload_id, lock=True)
        if upload.state not in {Upload.State.OPEN, Upload.State.ASSEMBLING}:
            raise UploadEnded
        upload.state = Upload.State.GIVEN_UP
        upload.save(update_fields=["state"])
        jobs.enqueue(END, organization_id=actor.organization_id, payload={}, key="end")


def open_part(*, token: str, origin: Origin) -> OpenPart:
    """What the address of a part leads to, if HQ itself takes it in. Whoever has the address needs nothing else.

    Raises:
        NoSuchAddress: HQ never gave out this address, whatever is wrong with it.
        AddressExpired, UploadEnded, MakerGone, Denied.
    """
    try:
        upload_id = upload_of(token)
    except BadToken:
        raise NoSuchAddress from None
    organization_id = selectors.locate_upload(upload_id)
    if organization_id is None:
        _spend_as_much(token)
        raise NoSuchAddress
    with tenant(organization_id):
        rows = Upload.objects.filter(organization_id=organization_id, pk=upload_id)
        upload = rows.select_related(*READ_WITH).first()
        if upload is None:
            raise NoSuchAddress
        staged = staged_of(upload)
        try:
            part, size, end = terms_of(token, staged.address_key)
        except BadToken:
            raise NoSuchAddress from None
        _open(upload)
        if end <= now().timestamp():
            raise AddressExpired
        return OpenPart(_asked(upload, origin), staged, part, size)


def _asked(upload: Upload, origin: Origin) -> Actor | None:
    if upload.created_by_kind == OPERATOR:
        return None
    maker = maker_of(upload, origin)
    gate.require(maker, Permission.OBJECTS_WRITE, path=upload.path)
    return maker


def _open(upload: Upload) -> Upload:
    """Raises UploadEnded."""
    if upload.state != Upload.State.OPEN or upload.expires_at <= now():
        raise UploadEnded
    return upload


def staged_of(upload: Upload, *, keys: bool = True) -> Staged:
    """The upload as its store knows it; without `keys` for removing only, which must work after they are gone."""
    parts_key = address_key = b""
    if keys:
        parts_key = bytes.fromhex(upload.parts_key)
        capability = capability_key(upload.organization_id, upload.environment_id, upload.address_version)
        place = upload.organization_id.bytes + upload.environment_id.bytes
        address_key = derive(capability.key, info=_INFO, salt=place)
    return Staged(
        bucket=upload.bucket.name,
        id=upload.id,
        handle=upload.handle,
        size=upload.size,
        part_size=upload.part_size,
        content_key=parts_key,
        aad=upload.aad,
        address_key=address_key,
    )


def origin_of_parts(*, actor: Actor) -> str:
    """The origin that parts are sent to, for a browser's policy; "" if HQ takes them in itself. Raises NoBucket."""
    with tenant(actor.organization_id):
        bucket = selectors.get_bucket(actor)
    if bucket.store == EMBEDDED:
        return ""
    # An address is signed here, without asking the store: the one place that knows how it is called.
    probe = Staged(
        bucket=bucket.name, id=bucket.id, handle="-", size=1, part_size=1, content_key=b"", aad=b"", address_key=b""
    )
    parts = urlsplit(stage_for(bucket.store).address(probe, 1, 1, now() + ADDRESS_LIFE).url)
    return f"{parts.scheme}://{parts.netloc}"


def _spend_as_much(token: str) -> None:
    """There is no such upload: open the token all the same, under a key that opens nothing."""
    try:
        terms_of(token, derive(_DECOY, info=_INFO))
    except BadToken:
        return
