"""Reads of members and invitations."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db import lookups
from hq.lib.clock import now
from hq.lib.errors import NotFound
from tenants.models import Invitation, Membership
from tenants.selectors.principals import members_of

INVITATION_STATES = ("accepted", "expired", "open", "revoked")


def find_invitation(token_digest: bytes) -> dict[str, Any] | None:
    """What the holder of an invitation may know before joining: organization, role, state."""
    return lookups.one("tenants_find_invitation", token_digest)


def list_members(actor: Actor) -> Sequence[Membership]:
    """Everyone, in order of joining, with their accounts (one query)."""
    gate.require(actor, Permission.MEMBERS_READ)
    return list(
        Membership.objects.filter(organization_id=actor.organization_id)
        .select_related("user")
        .order_by("joined_at", "id")
    )


def page_members(
    actor: Actor, *, role: str = "", begins: str = "", after: UUID | None, limit: int
) -> Sequence[Membership]:
    """A page by id, for integrators, of those with a role or whose address begins like this; up to limit + 1."""
    gate.require(actor, Permission.MEMBERS_READ)
    rows = members_of(actor, begins)
    if role:
        rows = rows.filter(role=role)
    return list((rows.filter(pk__gt=after) if after else rows).order_by("pk")[: limit + 1])


def get_member(actor: Actor, member_id: UUID, *, lock: bool = False) -> Membership:
    rows = Membership.objects.filter(organization_id=actor.organization_id, pk=member_id).select_related("user")
    membership = (rows.select_for_update(no_key=True, of=("self",)) if lock else rows).first()
    if membership is None:
        raise NotFound
    return membership


def read_member(actor: Actor, member_id: UUID) -> Membership:
    """One member, for whoever may read members. Raises Denied, NotFound."""
    gate.require(actor, Permission.MEMBERS_READ)
    return get_member(actor, member_id)


def is_member(actor: Actor, email: str) -> bool:
    """True if the account with this address is in the actor's organization."""
    return Membership.objects.filter(organization_id=actor.organization_id, user__email=email.lower()).exists()


def find_member(actor: Actor, email: str) -> Membership | None:
    """The membership of the account with this address in the actor's organization, if there is one."""
    rows = Membership.objects.filter(organization_id=actor.organization_id, user__email=email.lower())
    return rows.select_related("user").first()


def list_invitations(actor: Actor) -> Sequence[Invitation]:
    """Those that can still be used or have lapsed unused, newest first."""
    gate.require(actor, Permission.MEMBERS_READ)
    rows = Invitation.objects.filter(
        organization_id=actor.organization_id, accepted_at__isnull=True, revoked_at__isnull=True
    )
    return list(rows.order_by("-id"))


def page_invitations(actor: Actor, *, state: str = "", before: UUID | None, limit: int) -> Sequence[Invitation]:
    """All of them, or those in one state, newest first; up to limit + 1."""
    gate.require(actor, Permission.MEMBERS_READ)
    rows = Invitation.objects.filter(organization_id=actor.organization_id)
    if state:
        rows = rows.filter(_in_state(state))
    return list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: limit + 1])


def _in_state(state: str) -> Q:
    """What `Invitation.state` says, asked of the database."""
    waits = Q(accepted_at=None, revoked_at=None)
    return {
        "accepted": Q(accepted_at__isnull=False),
        "expired": waits & Q(expires_at__lte=now()),
        "open": waits & Q(expires_at__gt=now()),
        "revoked": Q(revoked_at__isnull=False),
    }[state]


def read_invitation(actor: Actor, invitation_id: UUID) -> Invitation:
    """One invitation, for whoever may read members. Raises Denied, NotFound."""
    gate.require(actor, Permission.MEMBERS_READ)
    return get_invitation(actor, invitation_id)


def get_invitation(actor: Actor, invitation_id: UUID, *, lock: bool = False) -> Invitation:
    rows = Invitation.objects.filter(organization_id=actor.organization_id, pk=invitation_id)
    invitation = (rows.select_for_update(no_key=True) if lock else rows).first()
    if invitation is None:
        raise NotFound
    return invitation


def expired_invitations(actor: Actor, email_index: bytes) -> QuerySet[Invitation]:
    """Lapsed invitations to one address, which must make room for a new one."""
    return Invitation.objects.filter(
        organization_id=actor.organization_id,
        email_index=email_index,
        accepted_at__isnull=True,
        revoked_at__isnull=True,
        expires_at__lte=now(),
    )
