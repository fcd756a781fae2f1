"""Searches that somebody kept."""

from collections.abc import Sequence

from django.db.models import QuerySet

from evidence.models.explorer import SavedView
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission


def list_views(actor: Actor) -> Sequence[SavedView]:
    """The actor's own, of this environment, by name. Raises KeyUnavailable."""
    return sorted(own_views(actor), key=lambda view: (view.name or "").casefold())


def own_views(actor: Actor) -> QuerySet[SavedView]:
    """The actor's own rows of this environment; who is no person has none."""
    gate.require(actor, Permission.AUDIT_READ)
    if actor.person_id is None:
        return SavedView.objects.none()
    return SavedView.objects.filter(
        organization_id=actor.organization_id, environment_id=environment_of(actor), person_id=actor.person_id
    )
