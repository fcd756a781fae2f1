"""Suspending, closing, and letting in again: what the operator may do to an organization as a whole."""

from uuid import UUID

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.errors import NotFound, Refused
from tenants.models import Organization

State = Organization.State
# From which states each may be reached. What is still being made would make itself ready again.
REACHED_FROM = {
    (State.READY, State.SUSPENDED),
    (State.SUSPENDED, State.READY),
    (State.READY, State.CLOSED),
    (State.SUSPENDED, State.CLOSED),
    (State.CLOSED, State.READY),
}


class NotInThisState(Refused):
    """The organization is not in a state in which this can be done. Reload the page."""


def move_organization(*, actor: Actor, organization_id: UUID, to: str, only_from: str = "") -> tuple[Organization, str]:
    """Bring an organization into another state; it, and the state before. The caller records it.

    Raises NotFound, NotInThisState.
    """
    gate.require(actor, Permission.OPERATOR_ORGANIZATIONS)
    with tenant(organization_id):
        organization = Organization.objects.select_for_update(no_key=True).filter(pk=organization_id).first()
        if organization is None:
            raise NotFound
        before = organization.state
        if (before, to) not in REACHED_FROM or only_from not in {"", before}:
            raise NotInThisState
        organization.state = to
        organization.save(update_fields=["state"])
    return organization, before
