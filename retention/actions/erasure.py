"""Asking for an organization to be erased, agreeing to it, calling it off. What then happens stands in erase.py."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string

from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, Invalid, Refused
from keys.actions.records import record_somewhere
from retention import selectors
from retention.models import Erasure
from tenants.actions import erasure as tenants
from vault.actions import purge

SHORTEST_WAIT_DAYS, LONGEST_WAIT_DAYS = 7, 30


class Held(Refused):
    """A legal hold stands. Nothing that it covers is removed until it is lifted."""


class AlreadyAsked(Refused):
    """The erasure of this organization was asked for already."""


class NotOpen(Refused):
    """This request was decided already. Look again, it has changed."""


class TooLate(Refused):
    """The erasure has begun. Nothing brings back what is gone."""


class SecondOwner(Denied):
    """Another owner has to agree: one who did not ask for it."""


class TooNew(Denied):
    """You became an owner after this was asked for. Somebody who was one then agrees, or it is asked for again."""


class WaitOutOfBounds(Invalid):
    """An erasure waits 7 to 30 days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What would go now: rows of each table, and what lies in the bucket. `others`: owners who could agree."""

    counts: list[dict[str, Any]]
    stored: purge.Stored
    people: int
    leaving: int
    others: list[str]
    held: bool


def look_ahead(actor: Actor) -> DryRun:
    """Count what erasing the organization would remove. Changes nothing. Raises Denied."""
    gate.require(actor, Permission.ORGANIZATION_ERASE)
    organization_id = actor.organization_id
    return DryRun(
        counts=selectors.count_rows(organization_id),
        stored=purge.measure(organization_id),
        people=len(tenants.people_of(organization_id)),
        leaving=len(tenants.leaving_with(organization_id)),
        others=[owner.label for owner in tenants.owners_of(organization_id) if owner.pk != actor.person_id],
        held=selectors.standing_prefixes(organization_id) != (),
    )


def request_erasure(*, actor: Actor, days: int, reason: str) -> Erasure:
    """Ask for the organization to be erased. Where there is another owner, one has to agree before it begins to wait.

    Raises Denied, WaitOutOfBounds, Held, AlreadyAsked.
    """
    gate.require(actor, Permission.ORGANIZATION_ERASE)
    if not SHORTEST_WAIT_DAYS <= days <= LONGEST_WAIT_DAYS:
        raise WaitOutOfBounds
    with transaction.atomic(), tenant(actor.organization_id):
        _refuse_if_held(actor.organization_id)
        owners = [owner.pk for owner in tenants.owners_of(actor.organization_id)]
        alone = owners == [actor.person_id]
        wish = Erasure(
            organization_id=actor.organization_id,
            state=Erasure.State.WAITING if alone else Erasure.State.REQUESTED,
            days=days,
            reason=reason,
            owners=owners,
            requested_by_id=actor.id,
            requested_by_label=actor.label,
            due_at=now() + timedelta(days=days) if alone else None,
            looked_at=now(),
        )
        try:
            with transaction.atomic():
                wish.save(force_insert=True)
        except IntegrityError as error:
            raise AlreadyAsked from error
        _tell_owners(wish, "asked")
        record_somewhere(
            actor,
            Tag.ERASURE_REQUESTED,
            target=_target(wish),
            after={"days": days, "needs_another_owner": not alone},
            reason=reason,
        )
    return wish


def approve_erasure(*, actor: Actor, erasure_id: UUID) -> Erasure:
    """Agree, as another owner than the one who asked, who was one when it was asked. The waiting begins.

    Raises Denied, SecondOwner, TooNew, NotFound, NotOpen, Held.
    """
    gate.require(actor, Permission.ORGANIZATION_APPROVE_ERASURE)
    with transaction.atomic(), tenant(actor.organization_id):
        wish = selectors.get_erasure(actor, erasure_id, lock=True)
        if wish.state != Erasure.State.REQUESTED:
            raise NotOpen
        if actor.id == wish.requested_by_id:
            raise SecondOwner
        if actor.id not in wish.owners:
            raise TooNew
        _refuse_if_held(actor.organization_id)
        wish.state, wish.approved_at = Erasure.State.WAITING, now()
        wish.approved_by_id, wish.approved_by_label = actor.id, actor.label
        wish.due_at, wish.looked_at = now() + timedelta(days=wish.days), now()
        wish.save(update_fields=["state", "approved_at", "approved_by_id", "approved_by_label", "due_at", "looked_at"])
        _tell_owners(wish, "agreed")
        record_somewhere(actor, Tag.ERASURE_APPROVED, target=_target(wish), after={"days": wish.days})
    return wish


def cancel_erasure(*, actor: Actor, erasure_id: UUID) -> Erasure:
    """Call it off: any owner may, until it begins. Raises Denied, NotFound, NotOpen, TooLate."""
    gate.require(actor, Permission.ORGANIZATION_APPROVE_ERASURE)
    with transaction.atomic(), tenant(actor.organization_id):
        wish = selectors.get_erasure(actor, erasure_id, lock=True)
        if wish.state in {Erasure.State.ERASING, Erasure.State.ERASED}:
            raise TooLate
        if wish.state not in Erasure.OPEN:
            raise NotOpen
        before = wish.state
        wish.state, wish.ended_at, wish.ended_by_id = Erasure.State.CANCELLED, now(), actor.id
        wish.save(update_fields=["state", "ended_at", "ended_by_id"])
        _tell_owners(wish, "cancelled", by=actor.label)
        record_somewhere(actor, Tag.ERASURE_CANCELLED, target=_target(wish), before={"state": before.lower()})
    return wish


def _refuse_if_held(organization_id: UUID) -> None:
    if selectors.standing_prefixes(organization_id) != ():
        raise Held


def _target(wish: Erasure) -> Target:
    known = tenants.get_known(wish.organization_id)
    return Target("organization", wish.organization_id, known.name if known else "")


def _tell_owners(wish: Erasure, what: str, *, by: str = "") -> None:
    """Each owner by a mail of their own, once the transaction has committed."""
    known = tenants.get_known(wish.organization_id)
    if known is None:
        return
    url = f"{settings.BASE_URL}/o/{known.slug}/live/retention/erasure"
    context = {"wish": wish, "organization": known.name, "what": what, "by": by, "url": url}
    body = render_to_string("retention/mail/erasure.txt", context)
    for owner in tenants.owners_of(wish.organization_id):
        message = EmailMessage(f"HQ: {_SUBJECTS[what]} ({known.name})", body, to=[owner.email])
        transaction.on_commit(message.send, robust=True)


_SUBJECTS = {
    "asked": "Somebody asks to erase the organization",
    "agreed": "The organization will be erased",
    "cancelled": "The organization is not erased",
}
