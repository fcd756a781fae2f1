"""Making links and taking them back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.crypto import passwords, secrets
from hq.lib.clock import now
from hq.lib.errors import Denied, Refused
from hq.lib.ids import new_id
from sharing import selectors
from sharing.actions import capability, choice
from sharing.actions.caps import Cap, cap_of
from sharing.actions.choice import CannotBeShared, fault
from sharing.models import DEFAULT, RECIPIENTS_MOST, ShareLink, SharePath
from tenants import selectors as tenants

__all__ = ["CannotBeShared", "MadeShare", "Recipient", "create_share", "create_shares", "revoke_share"]


class ShareAlreadyMade(Refused):
    """This form was sent twice. The link was shown the first time and never again; revoke it and make another."""


class ShareAlreadyRevoked(Refused):
    """This link is revoked already."""


class ShareAlreadyEnded(Refused):
    """This link has ended; there is nothing left to revoke."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a link is for, in the sharer's words, and its life where that is not the others'."""

    label: str = ""
    ttl_seconds: int | None = None


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
    password: str = "",
    recipient: str = "",
    share_id: UUID | None = None,
) -> MadeShare:
    """Make one link. See `create_shares`."""
    (made,) = create_shares(
        actor=actor,
        paths=paths,
        permission=permission,
        ttl_seconds=ttl_seconds,
        purpose=purpose,
        password=password,
        recipients=[Recipient(recipient)],
        share_id=share_id,
    )
    return made


def create_shares(
    *,
    actor: Actor,
    paths: Sequence[str],
    permission: str = "read",
    ttl_seconds: int = int(DEFAULT.total_seconds()),
    purpose: str = "",
    password: str = "",
    recipients: Sequence[Recipient] = (),
    share_id: UUID | None = None,
) -> list[MadeShare]:
    """Make a link for each recipient, or one where none is named. Each opens once, within its life of 60 to 604,800
    seconds, and gives these 1 to 100 files and folders; a folder ends in "/" (SHR-1).

    To share a path one must be allowed to share it, to read it, and to write it for a `write` share. What is shared for
    reading is there already. With a password each of them asks for it. `share_id` names the first link.

    Raises:
        Denied: the actor may not share, or may not do itself what the link would give.
        CannotBeShared: the paths, the permission, the life or the recipients, or a sharing rule of the organization
            forbids it; `errors` points at each.
        ShareAlreadyMade: a link with `share_id` exists.
    """
    gate.reach(actor, Permission.SHARES_CREATE)  # somewhere; of each path it is asked below
    level = choice.level_of(permission)
    people = _recipients(recipients, ttl_seconds)
    choice.check_password(password)
    membership_id = membership_of(actor)
    _check_cap(cap_of(actor.organization_id, membership_id), level, people, password, named=bool(recipients))
    chosen = choice.shareable(actor, paths, level)
    environment_id = environment_of(actor)
    common = {
        "organization_id": actor.organization_id,
        "environment_id": environment_id,
        "permission": level,
        "purpose": choice.clean_purpose(purpose),
        "batch_id": new_id() if len(people) > 1 else None,
        "password_hash": passwords.hash_secret(password) if password else "",
        "created_by_kind": actor.kind,
        "created_by_id": actor.id,
        "created_by_label": actor.label,
        "membership_id": membership_id,
        "api_key_id": actor.id if actor.kind == "api_key" else None,
        "key_version": capability.current_version(actor.organization_id, environment_id),
        "created_at": now(),
    }
    made = []
    for index, person in enumerate(people):
        row_id = share_id if index == 0 and share_id else new_id()
        made.append(_make(ShareLink(id=row_id, recipient=person.label, **common), person, chosen))
    _insert(made)
    for one in made:
        recorder.record(actor, Tag.SHARE_CREATED, target=_target(one.link), after=_told(one))
    return made


def _make(link: ShareLink, person: Recipient, chosen: tuple[str, ...]) -> MadeShare:
    nonce = capability.new_nonce()
    link.nonce_digest = secrets.digest(nonce)
    link.expires_at = link.created_at + timedelta(seconds=person.ttl_seconds or 0)
    return MadeShare(link, chosen, capability.seal(link, chosen, nonce))


def _told(made: MadeShare) -> dict[str, object]:
    link = made.link
    told: dict[str, object] = {
        "permission": link.permission,
        "paths": list(made.paths),
        "expires_at": link.expires_at.isoformat(),
        "purpose": link.purpose,
    }
    if link.recipient:
        told["recipient"] = link.recipient
    if link.password_hash:
        told["password"] = True
    return told


def revoke_share(*, actor: Actor, share_id: UUID) -> ShareLink:
    """End a link, and the session that came of it, at once. Raises ShareAlreadyRevoked, ShareAlreadyEnded."""
    link = selectors.lock_share(actor, share_id)
    if link.revoked_at:
        raise ShareAlreadyRevoked
    if not link.is_live:
        raise ShareAlreadyEnded
    before = {"state": link.state.value}
    revoke_row(link, actor, now())
    recorder.record(actor, Tag.SHARE_REVOKED, target=_target(link), before=before, after={"state": link.state.value})
    return link


def revoke_row(link: ShareLink, actor: Actor, at: datetime) -> None:
    link.revoked_at, link.revoked_by_id, link.revoked_by_label = at, actor.id, actor.label
    link.save(update_fields=["revoked_at", "revoked_by_id", "revoked_by_label"])


def _target(link: ShareLink) -> Target:
    return Target("share", link.id, link.title)


def _recipients(given: Sequence[Recipient], ttl_seconds: int) -> list[Recipient]:
    """Each with its label in one line and its own life. One without a label where none is given."""
    choice.check_life(ttl_seconds)
    if len(given) > RECIPIENTS_MOST:
        raise fault("/recipients", f"Name at most {RECIPIENTS_MOST} recipients.")
    found = []
    for index, one in enumerate(given):
        if one.ttl_seconds is not None:
            choice.check_life(one.ttl_seconds, f"/recipients/{index}/ttl_seconds")
        label = choice.clean_recipient(one.label, f"/recipients/{index}/label")
        found.append(Recipient(label, ttl_seconds if one.ttl_seconds is None else one.ttl_seconds))
    return found or [Recipient("", ttl_seconds)]


def _check_cap(cap: Cap, level: ShareLink.Level, people: Sequence[Recipient], password: str, *, named: bool) -> None:
    """What the organization's rules let this member share. Raises CannotBeShared."""
    if level == ShareLink.Level.WRITE and not cap.write_allowed:
        raise fault("/permission", "The sharing rules of your organization let you share for reading only.")
    if cap.password_required and not password:
        raise fault("/password", "The sharing rules of your organization ask for a password on each of your links.")
    for index, person in enumerate(people):
        if cap.longest_seconds is not None and (person.ttl_seconds or 0) > cap.longest_seconds:
            raise fault("/ttl_seconds", f"The sharing rules of your organization let your links live {cap.longest}.")
        if not cap.lets(person.label):
            pointer = f"/recipients/{index}/label" if named else "/recipients"
            raise fault(pointer, f"Name each recipient by an e-mail address at {cap.places}; a sharing rule says so.")


def membership_of(actor: Actor) -> UUID:
    """The membership that the link stands on; behind an API key, that of the key's maker."""
    if actor.person_id is not None:
        for belonging in tenants.list_belongings(actor.person_id):
            if belonging.organization_id == actor.organization_id:
                return belonging.membership_id
    raise Denied("Only members, and the API keys they made, can share.")


def _insert(made: Sequence[MadeShare]) -> None:
    try:
        with transaction.atomic():
            ShareLink.objects.bulk_create([one.link for one in made])
    except IntegrityError as error:
        if "sharing_sharelink_pkey" in str(error):
            raise ShareAlreadyMade from error
        raise
    pins = [
        SharePath(organization_id=one.link.organization_id, link=one.link, path=path, order=order)
        for one in made
        for order, path in enumerate(one.paths)
    ]
    SharePath.objects.bulk_create(pins)
