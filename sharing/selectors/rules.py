"""Reads of sharing rules."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import F, Q

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.clock import now
from sharing.models import RequestState, ShareLink, SharingRule, State, UploadRequest, in_state, request_in_state

__all__ = ["count_live", "find_rule", "list_rules"]


def list_rules(actor: Actor) -> Sequence[SharingRule]:
    """The organization's rule first, then those of groups by name. For everybody who sees links: they hold for them."""
    gate.reach(actor, Permission.SHARES_READ)
    rows = SharingRule.objects.filter(organization_id=actor.organization_id).select_related("group")
    return list(rows.order_by(F("group__name").asc(nulls_first=True)))


def find_rule(actor: Actor, group_id: UUID | None, *, lock: bool = False) -> SharingRule | None:
    """The rule of a group, or the organization's. Asks no permission: for this room only."""
    whose = Q(group_id=group_id) if group_id else Q(group__isnull=True)
    rows = SharingRule.objects.filter(whose, organization_id=actor.organization_id)
    return (rows.select_for_update(no_key=True) if lock else rows).first()


def count_live(actor: Actor) -> int:
    """Links and upload requests of the whole organization that still give something. Asks no permission: as above."""
    at = now()
    live = in_state(State.WAITING, at) | in_state(State.IN_USE, at)
    running = request_in_state(RequestState.OPEN, at) | request_in_state(RequestState.FULL, at)
    whose = Q(organization_id=actor.organization_id)
    return ShareLink.objects.filter(live & whose).count() + UploadRequest.objects.filter(running & whose).count()
