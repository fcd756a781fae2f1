"""What a leaving member had here (see tenants.registry)."""

from uuid import UUID

from hq.authz.actor import Actor
from hq.lib.clock import now
from sharing.models import ShareLink, State, in_state


def end_links_of(actor: Actor, membership_id: UUID) -> None:
    """Revoke the links that live on a membership, in every environment, with the sessions that came of them.

    In the transaction of the removal, whose event tells of it: one more here would hold the trail's head while the
    membership is deleted, and whoever makes a link just then waits the other way round.
    """
    at = now()
    live = in_state(State.WAITING, at) | in_state(State.IN_USE, at)
    links = ShareLink.objects.filter(live, organization_id=actor.organization_id, membership_id=membership_id)
    for link in links.select_for_update(no_key=True).order_by("pk"):
        link.revoked_at, link.revoked_by_id, link.revoked_by_label = at, actor.id, actor.label
        link.save(update_fields=["revoked_at", "revoked_by_id", "revoked_by_label"])
