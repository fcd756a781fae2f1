"""Keeping a search, and forgetting it. They are the person's own notes: the access log has them, the trail does not."""

from uuid import UUID

from django.db import transaction

from evidence.models.explorer import VIEWS_MOST, SavedView
from evidence.selectors.views import list_views, own_views
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.db.locks import hold
from hq.lib.errors import Denied, Refused


class TooManyViews(Refused):
    """You keep 20 searches already. Remove one that you no longer use."""


@transaction.atomic
def save_view(*, actor: Actor, name: str, query: str, view_id: UUID) -> SavedView:
    """Keep a search under a name; sent twice, it is kept once. Raises Denied, TooManyViews."""
    gate.require(actor, Permission.AUDIT_READ)
    hold(f"hq.evidence:views:{actor.organization_id}:{actor.person_id}")  # a form sent twice at once is one view
    kept = list_views(actor)
    again = next((view for view in kept if view.pk == view_id), None)
    if again is not None:
        return again
    if len(kept) >= VIEWS_MOST:
        raise TooManyViews
    if actor.person_id is None:
        raise Denied("Searches are kept for people.")
    return SavedView.objects.create(
        id=view_id,
        organization_id=actor.organization_id,
        environment_id=environment_of(actor),
        person_id=actor.person_id,
        name=name,
        query=query,
    )


def remove_view(*, actor: Actor, view_id: UUID) -> None:
    """Forget one of the actor's own; one that is not there, or not theirs, needs no forgetting. Raises Denied."""
    own_views(actor).filter(pk=view_id).delete()
