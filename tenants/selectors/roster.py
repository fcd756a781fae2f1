"""The people of an organization as its page lists them: with what one looks for about each, in a few questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import Count, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.clock import now
from tenants.models import AclEntry, ApiKey, GroupMember, Membership
from tenants.selectors.principals import members_of

_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A member, in how many groups, whether they have a second factor, and when they were last here."""

    membership: Membership
    groups: int
    has_factor: bool
    seen_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What ends with a membership."""

    keys: int
    groups: int
    rules: int


def list_people(actor: Actor, *, begins: str = "", after: UUID | None = None, limit: int = 50) -> Sequence[Listed]:
    """Members whose address begins like this, in the order in which they joined; up to limit + 1."""
    gate.require(actor, Permission.MEMBERS_READ)
    places = GroupMember.objects.filter(organization_id=actor.organization_id, membership_id=OuterRef("pk"))
    count = places.order_by().values("membership_id").annotate(found=Count("pk")).values("found")
    rows = members_of(actor, begins).annotate(groups=Coalesce(Subquery(count), 0)).order_by("pk")
    members = list((rows.filter(pk__gt=after) if after else rows)[: limit + 1])
    people = [member.user_id for member in members]
    factors = set(Authenticator.objects.filter(user_id__in=people, type__in=_FACTORS).values_list("user_id", flat=True))
    seen = dict(
        UserSession.objects.filter(user_id__in=people).values_list("user_id").annotate(Max("last_seen_at")).order_by()
    )
    return [
        Listed(
            membership=member,
            groups=member.groups,
            has_factor=member.user_id in factors,
            seen_at=seen.get(member.user_id),
        )
        for member in members
    ]


def count_people(actor: Actor) -> int:
    """How many are in the organization."""
    gate.require(actor, Permission.MEMBERS_READ)
    return Membership.objects.filter(organization_id=actor.organization_id).count()


def list_outside(actor: Actor, group_id: UUID, *, begins: str, limit: int = 50) -> Sequence[Membership]:
    """Members who are not in a group, by address; up to limit + 1."""
    gate.require(actor, Permission.ACCESS_READ)
    inside = GroupMember.objects.filter(organization_id=actor.organization_id, group_id=group_id)
    rows = members_of(actor, begins).exclude(pk__in=inside.values("membership_id"))
    return list(rows.order_by("user__email")[: limit + 1])


def what_leaves(actor: Actor, member: Membership) -> Leaving:
    """What removing a member ends, in both environments."""
    gate.require(actor, Permission.MEMBERS_REMOVE)
    here = {"organization_id": actor.organization_id}
    keys = ApiKey.objects.filter(**here, created_by_id=member.user_id, service_account=None, revoked_at=None)
    return Leaving(
        keys=keys.exclude(expires_at__lte=now()).count(),
        groups=GroupMember.objects.filter(**here, membership_id=member.pk).count(),
        rules=AclEntry.objects.filter(**here, membership_id=member.pk).count(),
    )
