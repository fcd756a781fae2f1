"""Reads of erasures."""

from collections.abc import Sequence
from uuid import UUID

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.lib.errors import NotFound
from retention.models import Erasure, PersonErasure


def find_erasure(actor: Actor) -> Erasure | None:
    """The wish to erase the actor's organization, if one is open. Raises Denied."""
    gate.require(actor, Permission.ORGANIZATION_ERASE)
    rows = Erasure.objects.filter(organization_id=actor.organization_id, state__in=Erasure.OPEN)
    return rows.first()


def get_erasure(actor: Actor, erasure_id: UUID, *, lock: bool = False) -> Erasure:
    """Raises Denied, NotFound."""
    gate.require(actor, Permission.ORGANIZATION_ERASE)
    rows = Erasure.objects.filter(organization_id=actor.organization_id, pk=erasure_id)
    found = (rows.select_for_update(no_key=True) if lock else rows).first()
    if found is None:
        raise NotFound
    return found


def waiting_erasure(organization_id: UUID) -> Erasure | None:
    """For the banner above every page: what is asked for and not called off. In the caller's tenant transaction."""
    rows = Erasure.objects.filter(organization_id=organization_id, state__in=Erasure.OPEN)
    return rows.only("id", "organization_id", "state", "due_at").first()


def list_person_erasures(actor: Actor) -> Sequence[PersonErasure]:
    """Those of members, newest first; the last hundred. Raises Denied."""
    gate.require(actor, Permission.MEMBERS_ERASE)
    return list(PersonErasure.objects.filter(organization_id=actor.organization_id).order_by("-id")[:100])


def get_person_erasure(actor: Actor, erasure_id: UUID, *, lock: bool = False) -> PersonErasure:
    """Raises Denied, NotFound."""
    gate.require(actor, Permission.MEMBERS_ERASE)
    rows = PersonErasure.objects.filter(organization_id=actor.organization_id, pk=erasure_id)
    found = (rows.select_for_update(no_key=True) if lock else rows).first()
    if found is None:
        raise NotFound
    return found


def find_own_erasure(person_id: UUID) -> PersonErasure | None:
    """A person's own wish to have their account erased, if it waits."""
    with tenant(PLATFORM_ID):
        rows = PersonErasure.objects.filter(organization_id=PLATFORM_ID, person_id=person_id)
        return rows.filter(state=PersonErasure.State.WAITING).first()
