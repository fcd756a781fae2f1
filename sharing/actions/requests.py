"""Asking strangers for files, and no longer asking them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.crypto import secrets
from hq.lib.clock import now
from hq.lib.errors import Problem, Refused
from hq.lib.ids import new_id
from sharing import selectors
from sharing.actions import choice
from sharing.actions.caps import cap_of
from sharing.actions.choice import fault
from sharing.actions.file_types import spell_type
from sharing.actions.links import ShareAlreadyMade, membership_of
from sharing.models import FILES_MOST, REQUEST_DEFAULT, REQUEST_LONGEST, REQUEST_SHORTEST, TYPES_MOST, UploadRequest
from vault import selectors as vault

PREFIX = "hqr_"


class RequestAlreadyClosed(Refused):
    """This upload request has ended; there is nothing left to close."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request takes at most: files, bytes of each and of all, and by their endings which; none is any."""

    files: int = 20
    file_size: int = 100_000_000
    size: int = 1_000_000_000
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MadeRequest:
    """The row, and its token, which is known only now."""

    request: UploadRequest
    token: str

    @property
    def url(self) -> str:
        return f"{settings.BASE_URL}/r/{self.token}"

    def __repr__(self) -> str:
        return f"<MadeRequest {self.request.id}>"


def create_request(
    *,
    actor: Actor,
    folder: str,
    purpose: str = "",
    ttl_seconds: int = int(REQUEST_DEFAULT.total_seconds()),
    limits: Limits = Limits(),
    request_id: UUID | None = None,
) -> MadeRequest:
    """Make an address at which whoever holds it sends files into this folder, for 60 seconds to 30 days.

    One must be allowed to share and to write there. What comes never replaces anything.

    Raises:
        Denied: the actor may not do that in this folder.
        CannotBeShared: the folder, the life, the limits, or a sharing rule; `errors` points at each.
        ShareAlreadyMade: a request with `request_id` exists.
    """
    gate.reach(actor, Permission.SHARES_CREATE)
    membership_id = membership_of(actor)
    _check_life(actor, membership_id, ttl_seconds)
    clean = _folder(folder)
    for permission in (Permission.SHARES_CREATE, Permission.OBJECTS_WRITE):
        vault.require_each(actor, permission, [clean])
    token, at = secrets.random_token(PREFIX), now()
    row = UploadRequest(
        id=request_id or new_id(),
        organization_id=actor.organization_id,
        environment_id=environment_of(actor),
        folder=clean,
        purpose=choice.clean_purpose(purpose),
        types=_types(limits.types),
        created_by_kind=actor.kind,
        created_by_id=actor.id,
        created_by_label=actor.label,
        membership_id=membership_id,
        api_key_id=actor.id if actor.kind == "api_key" else None,
        token_digest=secrets.digest(token),
        created_at=at,
        expires_at=at + timedelta(seconds=ttl_seconds),
        **_numbers(limits),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if "sharing_uploadrequest_pkey" in str(error):
            raise ShareAlreadyMade from error
        raise
    after = {"folder": clean, "expires_at": row.expires_at.isoformat(), "purpose": row.purpose}
    recorder.record(actor, Tag.UPLOAD_REQUEST_CREATED, target=target_of(row), after=after | _told(row))
    return MadeRequest(row, token)


def close_request(*, actor: Actor, request_id: UUID) -> UploadRequest:
    """Take nothing more, at once: what is on its way is broken off. Raises RequestAlreadyClosed."""
    row = selectors.lock_request(actor, request_id)
    if not row.is_live:
        raise RequestAlreadyClosed
    row.closed_at, row.closed_by_id, row.closed_by_label = now(), actor.id, actor.label
    row.save(update_fields=["closed_at", "closed_by_id", "closed_by_label"])
    recorder.record(actor, Tag.UPLOAD_REQUEST_CLOSED, target=target_of(row), after={"files": row.files})
    return row


def target_of(row: UploadRequest) -> Target:
    return Target("upload_request", row.id, row.title)


def _told(row: UploadRequest) -> dict[str, object]:
    return {
        "files_most": row.files_most,
        "file_size_most": row.file_size_most,
        "size_most": row.size_most,
        "types": row.types,
    }


def _check_life(actor: Actor, membership_id: UUID, ttl_seconds: int) -> None:
    cap = cap_of(actor.organization_id, membership_id)
    if not cap.requests_allowed:
        raise fault("/folder", "The sharing rules of your organization let you make no upload requests.")
    if not REQUEST_SHORTEST.total_seconds() <= ttl_seconds <= REQUEST_LONGEST.total_seconds():
        raise fault("/ttl_seconds", "An upload request lives from 60 seconds to 30 days (2592000 seconds).")
    if cap.longest_seconds is not None and ttl_seconds > cap.longest_seconds:
        raise fault("/ttl_seconds", f"The sharing rules of your organization let it live {cap.longest}.")


def _folder(raw: str) -> str:
    try:
        return choice.clean_pin(raw.rstrip("/") + "/")
    except Problem as problem:
        raise fault("/folder", str(problem)) from problem


def _types(given: Sequence[str]) -> list[str]:
    found = [spell_type(one) for one in given]
    if len(found) > TYPES_MOST or None in found:
        raise fault("/types", f"At most {TYPES_MOST} endings of names, each such as pdf.")
    return sorted({one for one in found if one})


def _numbers(limits: Limits) -> dict[str, int]:
    if not 1 <= limits.files <= FILES_MOST:
        raise fault("/files_most", f"It takes 1 to {FILES_MOST} files.")
    if not 1 <= limits.file_size <= settings.MAX_OBJECT_SIZE:
        raise fault("/file_size_most", f"Each has 1 to {settings.MAX_OBJECT_SIZE} bytes.")
    if not limits.file_size <= limits.size <= settings.MAX_OBJECT_SIZE * FILES_MOST:
        raise fault("/size_most", "All together may have at least as many bytes as one of them.")
    return {"files_most": limits.files, "file_size_most": limits.file_size, "size_most": limits.size}
