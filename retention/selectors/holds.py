"""Reads of legal holds."""

from collections.abc import Sequence
from uuid import UUID

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.errors import NotFound
from retention.models import Hold


def list_holds(actor: Actor) -> Sequence[Hold]:
    """Those that stand, then those that were lifted, newest first; the last hundred."""
    gate.require(actor, Permission.HOLDS_CHANGE)
    rows = Hold.objects.filter(organization_id=actor.organization_id)
    return [*rows.filter(lifted_at=None).order_by("-id"), *rows.exclude(lifted_at=None).order_by("-id")[:100]]


def get_hold(actor: Actor, hold_id: UUID, *, lock: bool = False) -> Hold:
    """Raises Denied, NotFound."""
    gate.require(actor, Permission.HOLDS_CHANGE)
    rows = Hold.objects.filter(organization_id=actor.organization_id, pk=hold_id)
    found = (rows.select_for_update(no_key=True) if lock else rows).first()
    if found is None:
        raise NotFound
    return found


def standing_prefixes(organization_id: UUID) -> tuple[str, ...] | None:
    """The paths that are held: none at all if no hold stands, None if one covers the whole organization."""
    standing = Hold.objects.filter(organization_id=organization_id, lifted_at=None).values_list("prefixes", flat=True)
    prefixes: set[str] = set()
    for each in standing:
        if not each:
            return None
        prefixes.update(each)
    return tuple(sorted(prefixes))
