"""Destroying keys: one person asks, another agrees, the provider waits, and anyone may call it off until it is due.

From the moment of agreement the key refuses every use, so that whatever still needs it is found while there is time.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F

from audit import selectors as trail
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, system_actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.db.retention import is_held
from hq.lib.clock import now
from hq.lib.errors import Denied, NotFound, Refused
from keys import rings
from keys.actions.holdings import count_held
from keys.actions.records import record_somewhere
from keys.actions.rotation import KeyNotActive, RotationUnderWay, locked_cmk, target_of
from keys.actions.turns import wait_for_turn
from keys.models import Cmk, DataKey, Destruction, Holding, Rotation
from keys.providers import Gone, KeyState, provider
from keys.providers.base import LONGEST_WAIT_DAYS, SHORTEST_WAIT_DAYS, InvalidWait, WrongState
from keys.registry import Notice, holders, tenancy

AGREED = ["state", "approved_at", "approved_by_id", "approved_by_label", "announced", "due_at", "looked_at"]


class StillNeeded(Refused):
    """Live data needs this key. Move the data to another key, or erase the organization, which destroys its keys."""


class Held(Refused):
    """A legal hold stands, and data that it keeps needs this key. Nothing of it is removed until the hold is lifted."""


class NotOurs(Refused):
    """This key is your organization's own: schedule its deletion in AWS KMS. HQ wraps nothing with it any more."""


class AlreadyAsked(Refused):
    """The destruction of this key was asked for already."""


class Overlapping(Refused):
    """Destroying the organization takes every key, and another destruction is open already. Cancel that one first."""


class NotOpen(Refused):
    """This request was decided already. Look again, it has changed."""


class SecondPerson(Denied):
    """Somebody else has to agree: an owner or an admin who did not ask for it."""


class TooNew(Denied):
    """You joined after this was asked for. Somebody who was here before has to agree, or it is asked for again."""


class AskedBySomebodyGone(Refused):
    """Whoever asked for it is no owner any more. Cancel it; an owner can ask again."""


class TooLate(Refused):
    """The key has been destroyed. It cannot come back."""


def request_destruction(*, actor: Actor, key_id: UUID, days: int, reason: str, erase: bool = False) -> Destruction:
    """Ask for a CMK to be destroyed after 7 to 30 days. Nothing changes until somebody else agrees (KEY-4).

    `erase`: the organization is to be destroyed, so its live data does not stand in the way. Raises Denied, NotFound,
    InvalidWait, KeyNotActive, NotOurs, StillNeeded, Held, RotationUnderWay, AlreadyAsked, Overlapping.
    """
    gate.require(actor, Permission.KEYS_DESTROY)
    if not SHORTEST_WAIT_DAYS <= days <= LONGEST_WAIT_DAYS:
        raise InvalidWait
    with transaction.atomic(), tenant(actor.organization_id):
        wait_for_turn(actor.organization_id)
        cmk = locked_cmk(actor, key_id)
        _refuse_unless_possible(cmk, erase=erase)
        wish = Destruction.objects.create(
            organization_id=actor.organization_id,
            cmk=cmk,
            erases=cmk.retired_at is None,
            days=days,
            reason=reason,
            listing=_listing(cmk),
            requested_by_id=actor.id,
            requested_by_label=actor.label,
        )
        tenancy().tell_keepers(actor.organization_id, _asked(wish))
        record_somewhere(
            actor,
            Tag.KEY_DESTRUCTION_REQUESTED,
            target=target_of(cmk),
            after={"days": days, "erases_organization": wish.erases},
            reason=reason,
        )
    return wish


def _refuse_unless_possible(cmk: Cmk, *, erase: bool) -> None:
    if cmk.state != KeyState.ENABLED:
        raise KeyNotActive
    if cmk.customer_owned and cmk.retired_at is not None:
        raise NotOurs
    others = Destruction.objects.filter(organization_id=cmk.organization_id, state__in=Destruction.OPEN)
    if others.filter(cmk=cmk).exists():
        raise AlreadyAsked
    if (others if cmk.retired_at is None else others.filter(erases=True)).exists():
        raise Overlapping  # to call one of them off would spare a key that the other certifies as destroyed
    if Rotation.objects.filter(organization_id=cmk.organization_id, state__in=Rotation.UNFINISHED).exists():
        raise RotationUnderWay
    if needed(cmk) and not erase:
        raise StillNeeded
    _refuse_if_held(cmk)


def _refuse_if_held(cmk: Cmk) -> None:
    """Without the key, what a hold keeps could not be read."""
    if needed(cmk) and is_held(cmk.organization_id):
        raise Held


def needed(cmk: Cmk) -> bool:
    """True while a data key is wrapped by it: then everything under that data key needs it."""
    return DataKey.objects.filter(organization_id=cmk.organization_id, cmk=cmk, destroyed_at=None).exists()


def _listing(cmk: Cmk) -> list[dict[str, str | int]]:
    """What becomes unreadable, by the last daily count."""
    if not needed(cmk):
        return []
    if not Holding.objects.filter(organization_id=cmk.organization_id).exists():
        count_held(cmk.organization_id)
    held = {row.holder: row for row in Holding.objects.filter(organization_id=cmk.organization_id)}
    return [
        {"what": holder.title, "rows": held[holder.name].rows, "bytes": held[holder.name].bytes}
        for holder in holders(cmk.organization_id)
        if holder.name in held
    ]


def approve_destruction(*, actor: Actor, destruction_id: UUID) -> Destruction:
    """Agree, as another person than the one who asked. The waiting begins, and the key refuses every use.

    Raises Denied, SecondPerson, TooNew, AskedBySomebodyGone, NotFound, NotOpen, StillNeeded, Held,
    RotationUnderWay, ProviderError.
    """
    gate.require(actor, Permission.KEYS_APPROVE_DESTRUCTION)
    with transaction.atomic(), tenant(actor.organization_id):
        wait_for_turn(actor.organization_id)
        wish = _open(actor, destruction_id)
        if wish.state != Destruction.State.REQUESTED:
            raise NotOpen
        _refuse_unless_two_people(actor, wish)
        if needed(wish.cmk) and not wish.erases:
            raise StillNeeded
        _refuse_if_held(wish.cmk)
        doomed = doomed_by(wish)
        # Once they are locked, none can begin any more.
        if Rotation.objects.filter(organization_id=actor.organization_id, state__in=Rotation.UNFINISHED).exists():
            raise RotationUnderWay
        due = now() + timedelta(days=wish.days)
        wish.state, wish.approved_at, wish.announced = Destruction.State.SCHEDULED, now(), wish.days
        wish.approved_by_id, wish.approved_by_label = actor.id, actor.label
        # Before the key is shut: afterwards neither the trail's key nor any other of this organization opens.
        record_somewhere(
            actor,
            Tag.KEY_DESTRUCTION_APPROVED,
            target=target_of(wish.cmk),
            after={"days": wish.days, "keys": len(doomed), "erases_organization": wish.erases},
        )
        wish.due_at, wish.looked_at = max([due, *(_schedule(cmk, wish.days, due) for cmk in doomed)]), now()
        wish.save(update_fields=AGREED)
        tenancy().tell_keepers(actor.organization_id, _scheduled(wish))
    rings.forget(actor.organization_id)
    return wish


def _refuse_unless_two_people(actor: Actor, wish: Destruction) -> None:
    """Two accounts are not two people yet: one that was made for the purpose, or whose owner was shut out, is none."""
    if actor.id == wish.requested_by_id:
        raise SecondPerson
    since = tenancy().keeper_since(actor.organization_id, actor.id, Permission.KEYS_APPROVE_DESTRUCTION)
    if since is None or since > wish.requested_at:
        raise TooNew
    if tenancy().keeper_since(actor.organization_id, wish.requested_by_id, Permission.KEYS_DESTROY) is None:
        raise AskedBySomebodyGone


def doomed_by(wish: Destruction) -> list[Cmk]:
    """Every CMK that goes, the one in use last. An organization takes all of its keys: copies from before a move need
    the former.
    """
    rows = Cmk.objects.select_for_update(no_key=True).filter(organization_id=wish.organization_id)
    rows = rows.exclude(state=KeyState.DESTROYED)
    return list(rows.order_by(F("retired_at").asc(nulls_last=True)) if wish.erases else rows.filter(id=wish.cmk_id))


def _schedule(cmk: Cmk, days: int, due: datetime) -> datetime:
    """Tell the provider. A customer's own key is theirs to destroy: HQ stops using it, and forgets what it wraps."""
    if not cmk.customer_owned:
        try:
            due = provider(cmk.provider).schedule_deletion(cmk.ref, days=days)
        except WrongState:  # it was told before, by a try that was cut off afterwards
            due = provider(cmk.provider).describe_key(cmk.ref).delete_at or due
        except Gone:  # and that was so long ago that it is over: what is left is to certify it
            due = now()
    cmk.state, cmk.delete_at = KeyState.PENDING_DELETION, due
    cmk.save(update_fields=["state", "delete_at"])
    return due


def cancel_destruction(*, actor: Actor, destruction_id: UUID) -> Destruction:
    """Take back a request, or call a scheduled destruction off: the key is in use again at once.

    Raises Denied, NotFound, NotOpen, TooLate, ProviderError.
    """
    gate.require(actor, Permission.KEYS_APPROVE_DESTRUCTION)
    with transaction.atomic(), tenant(actor.organization_id):
        wait_for_turn(actor.organization_id)
        wish = _open(actor, destruction_id)
        before, doomed = wish.state, doomed_by(wish)
        _refuse_if_gone(doomed)
        for cmk in doomed:  # of a mere request too: an agreement may have been cut off half-way
            _spare(cmk, scheduled=before == Destruction.State.SCHEDULED)
        wish.state, wish.ended_at = Destruction.State.CANCELLED, now()
        wish.ended_by_id, wish.ended_by_label = actor.id, actor.label
        wish.save(update_fields=["state", "ended_at", "ended_by_id", "ended_by_label"])
        rings.forget(actor.organization_id)
        tenancy().tell_keepers(actor.organization_id, _cancelled(wish))
        record_somewhere(
            actor, Tag.KEY_DESTRUCTION_CANCELLED, target=target_of(wish.cmk), before={"state": before.lower()}
        )
    return wish


def call_off_if_held(wish: Destruction) -> bool:
    """Whether a legal hold stands that was not there at the agreement: then the keys are spared, unless one is gone.

    A process that had the keys in memory still could place it. In the caller's transaction. Raises ProviderError.
    """
    doomed = doomed_by(wish)
    if not is_held(wish.organization_id) or not any(needed(cmk) for cmk in doomed):
        return False
    try:
        _refuse_if_gone(doomed)
    except TooLate:
        return False
    for cmk in doomed:
        _spare(cmk, scheduled=True)
    rings.forget(wish.organization_id)
    actor = system_actor(wish.organization_id, home_environment_id=trail.home_of(wish.organization_id))
    wish.state, wish.ended_at = Destruction.State.CANCELLED, now()
    wish.ended_by_id, wish.ended_by_label = actor.id, "A legal hold"
    wish.save(update_fields=["state", "ended_at", "ended_by_id", "ended_by_label"])
    tenancy().tell_keepers(wish.organization_id, _cancelled(wish))
    after = {"because": "A legal hold stands"}
    record_somewhere(
        actor, Tag.KEY_DESTRUCTION_CANCELLED, target=target_of(wish.cmk), before={"state": "scheduled"}, after=after
    )
    return True


def _refuse_if_gone(doomed: list[Cmk]) -> None:
    """Before any of them is spared: one spared beside one that is gone would never be destroyed, nor certified."""
    ours = [cmk for cmk in doomed if not cmk.customer_owned]
    if any(provider(cmk.provider).describe_key(cmk.ref).state == KeyState.DESTROYED for cmk in ours):
        raise TooLate


def _spare(cmk: Cmk, *, scheduled: bool) -> None:
    """Let the provider keep it. One that was never doomed is left as it is: somebody else may have disabled it."""
    if not cmk.customer_owned:
        keeper = provider(cmk.provider)
        try:
            pending = keeper.describe_key(cmk.ref).state == KeyState.PENDING_DELETION
            if pending:
                keeper.cancel_deletion(cmk.ref)
            if pending or scheduled:
                keeper.enable_key(cmk.ref)
        except Gone:
            raise TooLate from None
    cmk.state, cmk.delete_at = KeyState.ENABLED, None
    cmk.save(update_fields=["state", "delete_at"])


def _open(actor: Actor, destruction_id: UUID) -> Destruction:
    rows = Destruction.objects.select_for_update(no_key=True, of=("self",)).select_related("cmk")
    wish = rows.filter(organization_id=actor.organization_id, id=destruction_id).first()
    if wish is None:
        raise NotFound
    if wish.state not in Destruction.OPEN:
        raise NotOpen
    return wish


def _asked(wish: Destruction) -> Notice:
    what = "the organization, with all of its keys" if wish.erases else "an encryption key that is no longer in use"
    return Notice(
        subject="Somebody asks to destroy a key",
        sentences=(
            f"{wish.requested_by_label} asks to destroy {what}, {wish.days} days after somebody else agrees.",
            "Nothing has changed yet. Agree or refuse on the page of your encryption keys.",
        ),
        path="keys",
    )


def _scheduled(wish: Destruction) -> Notice:
    effect = "Nothing can be read from now on. " if wish.erases else ""
    return Notice(
        subject="A key is scheduled to be destroyed",
        sentences=(
            f"{wish.approved_by_label} agreed to what {wish.requested_by_label} asked for.",
            f"{effect}The key is destroyed on {wish.due_at:%-d %B %Y, %H:%M} UTC, and cannot come back then.",
            "Until that moment any owner or admin can cancel it on the page of your encryption keys.",
        ),
        path="keys",
    )


def _cancelled(wish: Destruction) -> Notice:
    return Notice(
        subject="The destruction of a key was cancelled",
        sentences=(f"{wish.ended_by_label} cancelled it. The key is in use as before.",),
        path="keys",
    )
