"""What is kept of each use of a link and of each try (SHR-5)."""

from uuid import UUID

from hq.authz.actor import Actor, Origin
from hq.db.context import tenant
from sharing import selectors
from sharing.models import USER_AGENT_LENGTH, ShareAttempt

Kind = ShareAttempt.Kind
KEPT = 500  # of each kind and link: whoever holds a link must not be able to fill the disk with it


def keep(
    organization_id: UUID,
    link_id: UUID,
    kind: Kind,
    origin: Origin,
    *,
    reason: str = "",
    path: str = "",
    size: int | None = None,
) -> None:
    """Add one line, in the caller's transaction."""
    if kind is not Kind.OPENED and selectors.count_attempts(organization_id, link_id, kind) >= KEPT:
        return
    ShareAttempt.objects.create(
        organization_id=organization_id,
        link_id=link_id,
        kind=kind,
        reason=reason,
        ip=origin.ip,
        user_agent=origin.user_agent[:USER_AGENT_LENGTH],
        request_id=origin.request_id,
        path=path,
        size=size,
    )


def keep_refusal(organization_id: UUID, link_id: UUID | None, reason: str, origin: Origin) -> None:
    """Add a refused try in a transaction of its own: the one that was refused is undone."""
    with tenant(organization_id):
        if link_id is not None:
            keep(organization_id, link_id, Kind.REFUSED, origin, reason=reason)


def keep_transfer(actor: Actor, kind: Kind, path: str, size: int) -> None:
    """Add that a recipient downloads or has uploaded `size` bytes. In a transaction of its own."""
    with tenant(actor.organization_id):
        keep(actor.organization_id, actor.id, kind, actor.origin, path=path, size=size)
