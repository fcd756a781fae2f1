"""Looking at a link without using it up, and using it up (SHR-1).

Neither knows at first who asks, so both open the tenant themselves: call them outside of any transaction, or the record
of a refusal would be undone with the refused request.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz.actor import Actor, Origin
from hq.authz.permissions import AuthMethod
from hq.crypto import secrets
from hq.crypto.tokens import BadToken
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Refused
from sharing import selectors
from sharing.actions import attempts, capability, guesses
from sharing.actions.backing import backed
from sharing.actions.guesses import TooManyPasswords, WrongPassword
from sharing.models import SESSION_LIFE, ClockTimestamp, ShareAttempt, ShareLink, ShareReceipt, ShareSession
from sharing.selectors import Pinned

SESSION_PREFIX = "hqt_"
_NOWHERE = UUID(int=0)


class LinkCannotBeOpened(Refused):
    """This link cannot be opened. Ask the person who sent it for a new one."""

    # One answer for the unknown, the forged, the expired, the spent and the revoked: nothing can be learned by trying.
    status = 404


class Reason(StrEnum):
    """Why a try was refused, for the sharer's eyes only."""

    EXPIRED = "expired"
    LIMITED = "limited"
    PASSWORD = "password"
    REVOKED = "revoked"
    SPENT = "spent"
    TAMPERED = "tampered"
    UNBACKED = "unbacked"


class _Unopenable(Exception):
    def __init__(self, reason: Reason, link_id: UUID | None) -> None:
        super().__init__(reason)
        self.reason, self.link_id = reason, link_id


@dataclass(frozen=True, slots=True)
class Offer:
    """What somebody who holds a link may know before opening it. Behind a password not even names are shown."""

    link: ShareLink
    organization_name: str
    paths: tuple[str, ...]
    pinned: tuple[Pinned, ...]

    @property
    def guarded(self) -> bool:
        return bool(self.link.password_hash)


@dataclass(frozen=True, slots=True)
class RedeemedSession:
    """What opening a link gives: a token that is known only now, and where it leads until when."""

    session_token: str
    actor: Actor
    permission: str
    paths: tuple[str, ...]
    expires_at: datetime

    def __repr__(self) -> str:
        return f"<RedeemedSession of link {self.actor.id}>"


def look_at_link(*, token: str, origin: Origin) -> Offer:
    """Say what a link would give. Uses nothing up, so that mail scanners may look. Raises LinkCannotBeOpened."""
    organization_id, link_id = _locate(token)
    try:
        with tenant(organization_id):
            return _look(*_examine(organization_id, link_id, token)[:2], origin)
    except _Unopenable as refused:
        attempts.keep_refusal(organization_id, refused.link_id, refused.reason, origin)
        raise LinkCannotBeOpened from None


def redeem_share(*, token: str, origin: Origin, password: str = "") -> RedeemedSession:
    """Open a link, once, for a session of 15 minutes.

    Whatever is over is refused before a password is looked at: what that takes is seen of live links only.

    Raises:
        LinkCannotBeOpened: whatever the reason.
        PasswordNeeded, WrongPassword, TooManyPasswords: the link is not used up by it.
    """
    organization_id, link_id = _locate(token)
    try:
        with tenant(organization_id):
            link, paths, nonce = _examine(organization_id, link_id, token)
            if not link.password_hash:
                return _redeem(link, paths, secrets.digest(nonce), origin)
            _refuse_ended(link, paths)
        guesses.check(link.id, link.password_hash, password, origin.ip)
        with tenant(organization_id):
            return _redeem(link, paths, secrets.digest(nonce), origin)
    except (WrongPassword, TooManyPasswords) as wrong:
        why = Reason.PASSWORD if isinstance(wrong, WrongPassword) else Reason.LIMITED
        attempts.keep_refusal(organization_id, link_id, why, origin)
        raise
    except _Unopenable as refused:
        attempts.keep_refusal(organization_id, refused.link_id, refused.reason, origin)
        raise LinkCannotBeOpened from None


def _locate(token: str) -> tuple[UUID, UUID]:
    """Whose link the token names. What is no token takes the same way, to a link that does not exist."""
    try:
        link_id = capability.header_of(token)
    except BadToken:
        link_id = _NOWHERE
    return selectors.locate_link(link_id), link_id


def _examine(organization_id: UUID, link_id: UUID, token: str) -> tuple[ShareLink, tuple[str, ...], bytes]:
    link = selectors.find_link(organization_id, link_id)
    paths = selectors.list_pins(organization_id, link_id)
    try:
        nonce = capability.nonce_of(token, link, paths)
    except BadToken:
        raise _Unopenable(Reason.TAMPERED, link.id if link else None) from None
    if link is None or not secrets.equal(secrets.digest(nonce), bytes(link.nonce_digest)):
        raise _Unopenable(Reason.TAMPERED, link.id if link else None)
    return link, paths, nonce


def reason_of(link: ShareLink, paths: tuple[str, ...]) -> Reason | None:
    """Why this link cannot be opened now, or None."""
    if link.revoked_at:
        return Reason.REVOKED
    if link.opened_at:
        return Reason.SPENT
    if link.expires_at <= now():
        return Reason.EXPIRED
    return None if backed(link, paths) else Reason.UNBACKED


def _refuse_ended(link: ShareLink, paths: tuple[str, ...]) -> None:
    if reason := reason_of(link, paths):
        raise _Unopenable(reason, link.id)


def consume(link: ShareLink, nonce_digest: bytes, at: datetime, ip: str | None) -> bool:
    """Use the nonce up; True for exactly one caller.

    One statement decides. Whoever comes second waits for the row, finds `opened_at` set and changes nothing; reading
    first and writing then would let both in.
    """
    unused = ShareLink.objects.filter(
        organization_id=link.organization_id,
        pk=link.pk,
        nonce_digest=nonce_digest,
        opened_at__isnull=True,
        revoked_at__isnull=True,
        expires_at__gt=ClockTimestamp(),
    )
    return unused.update(opened_at=at, opened_ip=ip) == 1


def _look(link: ShareLink, paths: tuple[str, ...], origin: Origin) -> Offer:
    _refuse_ended(link, paths)
    attempts.keep(link.organization_id, link.id, ShareAttempt.Kind.LOOKED, origin)
    shown = () if link.password_hash else selectors.list_pinned(recipient(link, paths, origin), paths)
    return Offer(link, link.organization.name, paths, shown)


def _redeem(link: ShareLink, paths: tuple[str, ...], nonce_digest: bytes, origin: Origin) -> RedeemedSession:
    # What is known to be over needs no lock. This decides nothing: between here and `consume` another may come first.
    _refuse_ended(link, paths)
    at = now()
    if not consume(link, nonce_digest, at, origin.ip):
        link.refresh_from_db(fields=["opened_at", "revoked_at"])
        raise _Unopenable(reason_of(link, paths) or Reason.EXPIRED, link.id)
    token = secrets.random_token(SESSION_PREFIX)
    session = ShareSession.objects.create(
        organization_id=link.organization_id,
        link=link,
        token_digest=secrets.digest(token),
        created_at=at,
        expires_at=at + SESSION_LIFE,
    )
    attempts.keep(link.organization_id, link.id, ShareAttempt.Kind.OPENED, origin)
    actor = recipient(link, paths, origin)
    after = {"permission": link.permission, "paths": list(paths), "access_ends_at": session.expires_at.isoformat()}
    given = selectors.list_given(actor, paths)
    ShareReceipt.objects.create(organization_id=link.organization_id, link=link, files=given, created_at=at)
    recorder.record(actor, Tag.SHARE_OPENED, target=Target("share", link.id, link.title), after=after)
    return RedeemedSession(token, actor, link.permission, paths, session.expires_at)


def recipient(link: ShareLink, paths: tuple[str, ...], origin: Origin) -> Actor:
    """Who holds the link: nobody in particular, pinned to its paths."""
    return Actor(
        organization_id=link.organization_id,
        environment_id=link.environment_id,
        kind="link",
        id=link.id,
        label=f"Recipient of “{link.purpose}”" if link.purpose else "Recipient of a share link",
        method=AuthMethod.LINK,
        permissions=link.permissions,
        pinned=frozenset(paths),
        origin=origin,
    )
