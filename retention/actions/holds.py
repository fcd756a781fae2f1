"""Placing a legal hold, and lifting it."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db import retention
from hq.lib.clock import now
from hq.lib.errors import Invalid, Refused
from hq.lib.paths import InvalidPath, clean_path
from retention import selectors
from retention.actions.erasure import TooLate
from retention.models import Erasure, Hold

MOST_PREFIXES = 100


class Lifted(Refused):
    """This hold was lifted already."""


class NotAPath(Invalid):
    """A hold names folders or files as they stand in Files, one a line, at most a hundred."""


def wait_for_turn(organization_id: UUID) -> None:
    """Until this transaction ends no hold is placed there, and nothing is removed that one could keep."""
    retention.wait_for_turn(organization_id)


def place_hold(*, actor: Actor, name: str, reason: str, prefixes: Sequence[str] = ()) -> Hold:
    """Keep everything from being removed, or what lies below these paths, in both environments, until it is lifted.

    People may go on deleting: that only hides. A path that ends in a slash is a folder, any other one a file, and
    whatever begins like it. What is being removed right now is waited for. Raises Denied, NotAPath, TooLate.
    """
    gate.require(actor, Permission.HOLDS_CHANGE)
    paths = sorted({_cleaned(prefix) for prefix in prefixes if prefix.strip()})
    if len(paths) > MOST_PREFIXES:
        raise NotAPath
    with transaction.atomic():
        wait_for_turn(actor.organization_id)
        if Erasure.objects.filter(organization_id=actor.organization_id, state=Erasure.State.ERASING).exists():
            raise TooLate
        hold = Hold.objects.create(
            organization_id=actor.organization_id,
            name=name,
            reason=reason,
            prefixes=paths,
            placed_by_id=actor.id,
            placed_by_label=actor.label,
        )
        recorder.record(
            actor,
            Tag.HOLD_PLACED,
            target=Target("hold", hold.id, name),
            after={"paths": paths, "whole": not paths},
            reason=reason,
        )
    return hold


def _cleaned(prefix: str) -> str:
    bare = prefix.strip()
    try:
        return clean_path(bare.rstrip("/")) + ("/" if bare.endswith("/") else "")
    except InvalidPath:
        raise NotAPath from None


def lift_hold(*, actor: Actor, hold_id: UUID, reason: str) -> Hold:
    """Let go what it kept: what is past its retention goes with the next look. Raises Denied, NotFound, Lifted."""
    gate.require(actor, Permission.HOLDS_CHANGE)
    with transaction.atomic():
        hold = selectors.get_hold(actor, hold_id, lock=True)
        if hold.lifted_at is not None:
            raise Lifted
        hold.lifted_at, hold.lifted_by_id, hold.lifted_by_label = now(), actor.id, actor.label
        hold.save(update_fields=["lifted_at", "lifted_by_id", "lifted_by_label"])
        recorder.record(
            actor,
            Tag.HOLD_LIFTED,
            target=Target("hold", hold.id, hold.name),
            before={"paths": hold.prefixes, "whole": not hold.prefixes},
            reason=reason,
        )
    return hold
