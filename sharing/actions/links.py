"""Making a link and taking it back."""

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
from hq.lib.errors import Denied, Invalid, Problem, Refused
from hq.lib.ids import new_id
from hq.lib.paths import clean_path
from sharing import selectors
from sharing.actions import capability
from sharing.models import DEFAULT, LONGEST, PATHS_MOST, PURPOSE_LENGTH, SHORTEST, ShareLink, SharePath
from tenants import selectors as tenants
from vault import selectors as vault

_NEEDED = {
    ShareLink.Level.READ: (Permission.SHARES_CREATE, Permission.OBJECTS_READ),
    ShareLink.Level.WRITE: (Permission.SHARES_CREATE, Permission.OBJECTS_READ, Permission.OBJECTS_WRITE),
}


class CannotBeShared(Invalid):
    """Something you chose cannot be shared like this."""


class ShareAlreadyMade(Refused):
    """This form was sent twice. The link was shown the first time and never again; revoke it and make another."""


class ShareAlreadyRevoked(Refused):
    """This link is revoked already."""


class ShareAlreadyEnded(Refused):
    """This link has ended; there is nothing left to revoke."""


@dataclass(frozen=True, slots=True)
class MadeShare:
    """The link's row, its paths, and its token, which is known only now."""

    link: ShareLink
    paths: tuple[str, ...]
    token: str

    @property
    def url(self) -> str:
        return f"{settings.BASE_URL}/s/{self.token}"


def create_share(
    *,
    actor: Actor,
    paths: Sequence[str],
    permission: str = "read",
    ttl_seconds: int = int(DEFAULT.total_seconds()),
    purpose: str = "",
    share_id: UUID | None = None,
) -> MadeShare:
    """Make a link that opens once, within `ttl_seconds` (60 to 604,800), and gives these 1 to 100 paths (SHR-1).

    To share a path one must be allowed to share it, to read it, and to write it for a `write` share. What is shared for
    reading is there already.

    Raises:
        Denied: the actor may not share, or may not do itself what the link would give.
        CannotBeShared: the paths, the permission or the life; `errors` points at each.
        ShareAlreadyMade: a link with `share_id` exists.
    """
    gate.reach(actor, Permission.SHARES_CREATE)  # somewhere; of each path it is asked below
    level = _level(permission)
    _check_life(ttl_seconds)
    chosen = _shareable(actor, paths, level)
    nonce, at = capability.new_nonce(), now()
    environment_id = environment_of(actor)
    link = ShareLink(
        id=share_id or new_id(),
        organization_id=actor.organization_id,
        environment_id=environment_id,
        permission=level,
        purpose=_purpose(purpose),
        created_by_kind=actor.kind,
        created_by_id=actor.id,
        created_by_label=actor.label,
        membership_id=_membership_of(actor),
        api_key_id=actor.id if actor.kind == "api_key" else None,
        key_version=capability.current_version(actor.organization_id, environment_id),
        nonce_digest=secrets.digest(nonce),
        created_at=at,
        expires_at=at + timedelta(seconds=ttl_seconds),
    )
    _insert(link, chosen)
    token = capability.seal(link, chosen, nonce)
    after = {
        "permission": link.permission,
        "paths": list(chosen),
        "expires_at": link.expires_at.isoformat(),
        "purpose": link.purpose,
    }
    recorder.record(actor, Tag.SHARE_CREATED, target=Target("share", link.id, link.title), after=after)
    return MadeShare(link, chosen, token)


def revoke_share(*, actor: Actor, share_id: UUID) -> ShareLink:
    """End a link, and the session that came of it, at once. Raises ShareAlreadyRevoked, ShareAlreadyEnded."""
    link = selectors.lock_share(actor, share_id)
    if link.revoked_at:
        raise ShareAlreadyRevoked
    if not link.is_live:
        raise ShareAlreadyEnded
    before = {"state": link.state.value}
    link.revoked_at, link.revoked_by_id, link.revoked_by_label = now(), actor.id, actor.label
    link.save(update_fields=["revoked_at", "revoked_by_id", "revoked_by_label"])
    recorder.record(
        actor,
        Tag.SHARE_REVOKED,
        target=Target("share", link.id, link.title),
        before=before,
        after={"state": link.state.value},
    )
    return link


def _level(permission: str) -> ShareLink.Level:
    try:
        return ShareLink.Level(permission)
    except ValueError:
        raise _fault("/permission", "Choose read or write; admin cannot be shared.") from None


def _check_life(ttl_seconds: int) -> None:
    if not SHORTEST.total_seconds() <= ttl_seconds <= LONGEST.total_seconds():
        raise _fault("/ttl_seconds", "A link lives from 60 seconds to 7 days (604800 seconds).")


def _purpose(raw: str) -> str:
    """One line of text: it is shown to a stranger, so nothing in it may break out of the line."""
    purpose = " ".join(raw.split())
    if len(purpose) > PURPOSE_LENGTH or not purpose.isprintable():
        raise _fault("/purpose", f"Write one line of at most {PURPOSE_LENGTH} characters.")
    return purpose


def _shareable(actor: Actor, raw: Sequence[str], level: ShareLink.Level) -> tuple[str, ...]:
    if not 1 <= len(raw) <= PATHS_MOST:
        raise _fault("/paths", f"Choose 1 to {PATHS_MOST} files.")
    paths: dict[str, int] = {}
    for index, given in enumerate(raw):
        try:
            path = clean_path(given)
        except Problem as problem:
            raise _fault(f"/paths/{index}", str(problem)) from problem
        paths.setdefault(path, index)
    for permission in _NEEDED[level]:
        vault.require_each(actor, permission, paths)
    if level == ShareLink.Level.READ:
        there = vault.find_objects(actor, list(paths))
        for path, index in paths.items():
            if path not in there:
                raise _fault(f"/paths/{index}", "There is no such file that you can see.")
    return tuple(paths)


def _membership_of(actor: Actor) -> UUID:
    """The membership that the link stands on; behind an API key, that of the key's maker."""
    if actor.person_id is not None:
        for belonging in tenants.list_belongings(actor.person_id):
            if belonging.organization_id == actor.organization_id:
                return belonging.membership_id
    raise Denied("Only members, and the API keys they made, can share.")


def _insert(link: ShareLink, paths: tuple[str, ...]) -> None:
    try:
        with transaction.atomic():
            link.save(force_insert=True)
    except IntegrityError as error:
        if "sharing_sharelink_pkey" in str(error):
            raise ShareAlreadyMade from error
        raise
    pins = [
        SharePath(organization_id=link.organization_id, link=link, path=path, order=order)
        for order, path in enumerate(paths)
    ]
    SharePath.objects.bulk_create(pins)


def _fault(pointer: str, detail: str) -> CannotBeShared:
    return CannotBeShared(detail, errors=[{"pointer": pointer, "detail": detail}])
