"""Erasing one person: out of an organization, as its owners and admins ask, or, as they ask themselves, for good."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from audit import recorder
from audit import selectors as trail
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, system_actor
from hq.authz.permissions import Permission
from hq.authz.roles import Role, may_assign
from hq.crypto.statements import timestamp
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.lib.clock import now
from hq.lib.errors import Refused
from jobs import actions as jobs
from jobs.registry import RunningJob
from keys.actions.records import record_somewhere
from retention import selectors
from retention.actions.certificates import certify
from retention.actions.erasure import AlreadyAsked, Held, NotOpen
from retention.actions.holds import wait_for_turn
from retention.models import PersonErasure
from tenants import selectors as members
from tenants.actions import erasure as tenants
from tenants.actions.people import LastOwner, RoleAboveYours

WAIT = timedelta(days=7)
AGAIN = timedelta(hours=1)
State = PersonErasure.State


class SoleOwner(Refused):
    """You are the only owner of an organization. Make somebody else an owner of it first, or erase it."""


class Yourself(Refused):
    """Erase your own account in your profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What a member loses here, and whether their account goes with it: it does where they belong nowhere else."""

    keys: int
    groups: int
    rules: int
    account: bool


def look_ahead_at(actor: Actor, member_id: UUID) -> tuple[Any, Losses]:
    """The membership, and what erasing it would end; changes nothing.

    Raises Denied, NotFound, RoleAboveYours, Yourself.
    """
    gate.require(actor, Permission.MEMBERS_ERASE)
    membership = members.get_member(actor, member_id)
    _refuse_unless_theirs(actor, membership)
    leaving = members.what_leaves(actor, membership)
    return membership, Losses(
        keys=leaving.keys,
        groups=leaving.groups,
        rules=leaving.rules,
        account=membership.user_id in tenants.leaving_with(actor.organization_id),
    )


def _refuse_unless_theirs(actor: Actor, membership: Any) -> None:
    if membership.user_id == actor.person_id:
        raise Yourself
    if not may_assign(actor.role, Role(membership.role)):
        raise RoleAboveYours


def request_member_erasure(*, actor: Actor, member_id: UUID, reason: str) -> PersonErasure:
    """Erase a member seven days from now, unless an owner or an admin calls it off.

    Raises Denied, NotFound, RoleAboveYours, Yourself, Held, LastOwner, AlreadyAsked.
    """
    gate.require(actor, Permission.MEMBERS_ERASE)
    with transaction.atomic():
        membership = members.get_member(actor, member_id, lock=True)
        _refuse_unless_theirs(actor, membership)
        if selectors.standing_prefixes(actor.organization_id) != ():
            raise Held
        tenants.require_not_last(actor.organization_id, membership.user_id)
        wish = _make(
            PersonErasure(
                organization_id=actor.organization_id,
                person_id=membership.user_id,
                membership_id=membership.id,
                reason=reason,
                requested_by_id=actor.id,
                requested_by_label=actor.label,
                due_at=now() + WAIT,
                address=membership.user.email,
            )
        )
        recorder.record(
            actor,
            Tag.ERASURE_REQUESTED,
            target=Target("member", membership.id, membership.user.label),
            after={"due_at": wish.due_at.isoformat()},
            reason=reason,
        )
    return wish


def _make(wish: PersonErasure) -> PersonErasure:
    try:
        with transaction.atomic():
            wish.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyAsked("The erasure of this person was asked for already.") from error
    return wish


def cancel_member_erasure(*, actor: Actor, erasure_id: UUID) -> PersonErasure:
    """Call it off, while it waits. Raises Denied, NotFound, NotOpen."""
    gate.require(actor, Permission.MEMBERS_ERASE)
    with transaction.atomic():
        wish = selectors.get_person_erasure(actor, erasure_id, lock=True)
        _cancel(wish, actor.id)
        recorder.record(
            actor, Tag.ERASURE_CANCELLED, target=Target("member", wish.membership_id or wish.person_id, "a member")
        )
    return wish


def _cancel(wish: PersonErasure, by: UUID) -> None:
    if wish.state != State.WAITING:
        raise NotOpen
    wish.state, wish.ended_at, wish.ended_by_id, wish.address = State.CANCELLED, now(), by, None
    wish.save(update_fields=["state", "ended_at", "ended_by_id", "address"])


# ---- one's own account


def request_own_erasure(*, person: Any, reason: str = "") -> PersonErasure:
    """Erase one's own account seven days from now. Raises SoleOwner, OperatorsStay, AlreadyAsked."""
    if person.is_operator:
        raise tenants.OperatorsStay
    if alone := tenants.sole_owner_of(person.pk):
        raise SoleOwner(
            f"You are the only owner of {', '.join(alone)}. Make somebody else an owner first, or erase it."
        )
    with tenant(PLATFORM_ID):
        return _make(
            PersonErasure(
                organization_id=PLATFORM_ID,
                person_id=person.pk,
                reason=reason or None,
                requested_by_id=person.pk,
                requested_by_label=person.label,
                due_at=now() + WAIT,
                address=person.email,
            )
        )


def cancel_own_erasure(*, person: Any) -> None:
    """Raises NotOpen."""
    with tenant(PLATFORM_ID):
        rows = PersonErasure.objects.select_for_update(no_key=True).filter(organization_id=PLATFORM_ID)
        wish = rows.filter(person_id=person.pk, state=State.WAITING).first()
        if wish is None:
            raise NotOpen
        _cancel(wish, person.pk)


# ---- when it is due


def erase_person(job: RunningJob) -> None:
    """Do what is due. Killed anywhere, it is done again: what is gone already is not found."""
    with job.step():
        wish = _due(job)
        if wish is None or not _may_go(wish):
            job.complete()
            return
    if wish.organization_id == PLATFORM_ID:
        for organization_id in tenants.places_of(wish.person_id):
            with tenant(organization_id):
                _leave(organization_id, wish)
    with job.step():
        fresh = _due(job)
        if fresh is None or not _may_go(fresh):
            job.complete()
            return
        _finish(job, fresh)


def _due(job: RunningJob) -> PersonErasure | None:
    rows = PersonErasure.objects.select_for_update(no_key=True)
    rows = rows.filter(organization_id=job.organization_id, id=UUID(job.payload["wish"]))
    return rows.filter(state=State.WAITING, due_at__lte=now()).first()


def _may_go(wish: PersonErasure) -> bool:
    """Whether nothing stands in the way: a hold, or being the last owner. Else it waits, and is looked at again."""
    if wish.organization_id == PLATFORM_ID:
        held = any(_is_held(place) for place in tenants.places_of(wish.person_id))
        return not held and not tenants.sole_owner_of(wish.person_id)
    if _is_held(wish.organization_id):
        return False
    try:
        tenants.require_not_last(wish.organization_id, wish.person_id)
    except LastOwner:
        return False
    return True


def _is_held(organization_id: UUID) -> bool:
    with tenant(organization_id):
        wait_for_turn(organization_id)
        return selectors.standing_prefixes(organization_id) != ()


def _leave(organization_id: UUID, wish: PersonErasure) -> None:
    """Out of one organization, with its event. In its tenant transaction. Raises LastOwner, BreakGlass."""
    actor = system_actor(organization_id, home_environment_id=trail.home_of(organization_id))
    membership_id = tenants.erase_member(actor, wish.person_id)
    record_somewhere(
        actor,
        Tag.MEMBER_ERASED,
        target=Target("member", membership_id or wish.membership_id or wish.person_id, tenants.ERASED),
        after={"asked_by": str(wish.requested_by_id)},
    )


def _finish(job: RunningJob, wish: PersonErasure) -> None:
    """The membership or the account, the certificate, the mail: all or nothing."""
    whole = wish.organization_id == PLATFORM_ID
    elsewhere = not whole and wish.person_id not in tenants.leaving_with(wish.organization_id)
    wish.ended_at = now()
    if whole or not elsewhere:
        tenants.erase_person(wish.person_id)
    wish.statement_id = certify(
        "account" if whole else "member", wish.organization_id, _said(wish, elsewhere=elsewhere)
    )
    wish.state = State.ERASED
    if wish.requested_by_id == wish.person_id:
        wish.requested_by_label = tenants.ERASED  # the certificate says that no name stays
    wish.save(update_fields=["state", "ended_at", "statement_id", "requested_by_label"])
    jobs.enqueue(
        "retention.send_person_certificate",
        organization_id=wish.organization_id,
        payload={"wish": str(wish.id)},
        key=f"send:{wish.id}",
    )
    job.complete({"certificate": str(wish.statement_id)})
    if not whole:
        _leave(wish.organization_id, wish)


def _said(wish: PersonErasure, *, elsewhere: bool) -> dict[str, Any]:
    organization = None
    if wish.organization_id != PLATFORM_ID:
        known = tenants.get_known(wish.organization_id)
        organization = {"id": str(wish.organization_id), "name": known.name if known else ""}
    at = timestamp(wish.ended_at or now())
    return {
        "organization": organization,
        "person": str(wish.person_id),
        "requested": {"at": timestamp(wish.requested_at), "by": str(wish.requested_by_id)},
        "due_at": timestamp(wish.due_at),
        "began_at": at,
        "erased_at": at,
        "counts": [],
        "people": {"erased": int(not elsewhere), "left": int(elsewhere)},
    }
