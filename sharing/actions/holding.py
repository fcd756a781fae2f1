"""What share-session links keep under capability keys: their tokens, which are in other hands."""

from uuid import UUID

from django.db.models import QuerySet

from hq.db.sealing import Purpose
from hq.lib.clock import now
from keys.columns import Batch, Held, Step
from sharing.models import ShareLink, State, in_state


class LinkTokens:
    """The tokens of links that still give something, as a holder of data (keys.registry.Holder).

    HQ keeps no token, so there are no bytes, and nothing can be sealed again: a link goes on under the version of its
    environment's key that it was made under, for seven days at most.
    """

    name = "sharing_link"
    title = "Share links"
    purpose = Purpose.CAPABILITY

    def count(self, organization_id: UUID) -> Held:
        return Held(_live(organization_id).count(), 0)

    def left(self, organization_id: UUID, version: int) -> int:
        return _live(organization_id).filter(key_version__lt=version).count()

    def reseal(self, step: Step, organization_id: UUID, version: int, after: UUID | None, limit: int) -> Batch:
        return Batch(0, 0, None)


def _live(organization_id: UUID) -> QuerySet[ShareLink]:
    at = now()
    live = in_state(State.WAITING, at) | in_state(State.IN_USE, at)
    return ShareLink.objects.filter(live, organization_id=organization_id)
