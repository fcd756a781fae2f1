"""What a leaving member had here (see tenants.registry)."""

from uuid import UUID

from django.db.models import Q

from hq.authz.actor import Actor
from hq.lib.clock import now
from sharing.models import ShareLink, State, UploadRequest, in_state


def end_links_of(actor: Actor, membership_id: UUID) -> None:
    """Revoke the links and close the upload requests that live on a membership, in every environment.

    In the transaction of the removal, whose event tells of it: one more here would hold the trail's head while the
    membership is deleted, and whoever makes a link just then waits the other way round.
    """
    at = now()
    live = in_state(State.WAITING, at) | in_state(State.IN_USE, at)
    links = ShareLink.objects.filter(live, organization_id=actor.organization_id, membership_id=membership_id)
    for link in links.select_for_update(no_key=True).order_by("pk"):
        link.revoked_at, link.revoked_by_id, link.revoked_by_label = at, actor.id, actor.label
        link.save(update_fields=["revoked_at", "revoked_by_id", "revoked_by_label"])
    requests = UploadRequest.objects.filter(
        organization_id=actor.organization_id, membership_id=membership_id, closed_at__isnull=True, expires_at__gt=at
    )
    for request in requests.select_for_update(no_key=True).order_by("pk"):
        request.closed_at, request.closed_by_id, request.closed_by_label = at, actor.id, actor.label
        request.save(update_fields=["closed_at", "closed_by_id", "closed_by_label"])


def forget_links_of(organization_id: UUID, person_id: UUID, membership_id: UUID | None) -> int:
    """Remove the links that an erased member made, with all that was tried on them. In the caller's transaction."""
    own = ShareLink.objects.filter(organization_id=organization_id, created_by_kind="person", created_by_id=person_id)
    links = list(own.values_list("pk", flat=True))
    if membership_id is not None:  # those that their keys made
        on_it = ShareLink.objects.filter(organization_id=organization_id, membership_id=membership_id)
        links += list(on_it.values_list("pk", flat=True))
    ShareLink.objects.filter(organization_id=organization_id, pk__in=links).delete()
    requests = UploadRequest.objects.filter(organization_id=organization_id)
    theirs = Q(created_by_kind="person", created_by_id=person_id)
    requests.filter(theirs | Q(membership_id=membership_id) if membership_id else theirs).delete()
    return len(set(links))
