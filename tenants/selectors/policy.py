"""What an organization asks of its people, and whom a change of it would touch (ACC-5)."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, Q, QuerySet

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.authz.roles import Role, granted
from hq.lib.clock import now
from tenants.models import AclEntry, Membership, Organization, Policy
from tenants.selectors.doors import is_within

SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The policy as a value, to be compared, reviewed and saved as a whole. The names are those of the columns."""

    mfa_required: bool
    mfa_factors: tuple[str, ...]
    mfa_by_provider: bool
    idle_minutes: int | None
    lifetime_minutes: int | None
    networks: tuple[str, ...]
    email_domains: tuple[str, ...]
    sso_required: bool
    break_glass_id: UUID | None
    reach: str
    support_by: str

    @classmethod
    def of(cls, organization: Organization) -> Self:
        return cls.read({field.name: getattr(organization, field.name) for field in fields(cls)})

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """From columns, or from what `plain` gave."""
        lists = {name: tuple(values[name]) for name in ("mfa_factors", "networks", "email_domains")}
        owner = values["break_glass_id"]
        return cls(**{**values, **lists, "break_glass_id": UUID(str(owner)) if owner else None})

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        lists = {name: list(getattr(self, name)) for name in ("mfa_factors", "networks", "email_domains")}
        return {**asdict(self), **lists, "break_glass_id": str(self.break_glass_id) if self.break_glass_id else None}

    def differs(self, other: "Terms", *names: str) -> bool:
        """True if one of these is another than there."""
        return any(getattr(self, name) != getattr(other, name) for name in names)


class Touch(StrEnum):
    """What a change does to somebody."""

    NO_FACTOR = "no-factor"  # has to add a second factor
    ADDRESS = "address"  # comes in no more, by their address
    SSO = "sso"  # has to come by single sign-on, and never did
    NETWORK = "network"  # this session is used from elsewhere
    OVER = "over"  # this session has to sign in again
    FILES = "files"  # sees no file any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """A person, or one of their sessions, and what makes it so."""

    name: str
    email: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Whom a change touches in one way: how many, and the first of them."""

    kind: Touch
    count: int
    people: list[Touched]


def get_policy(actor: Actor) -> Terms:
    """Raises Denied."""
    gate.require(actor, Permission.IDENTITY_READ)
    return Terms.of(Organization.objects.get(pk=actor.organization_id))


def list_owners(actor: Actor) -> list[Membership]:
    """Those who may be the one to come in when single sign-on fails, in order of joining."""
    gate.require(actor, Permission.IDENTITY_READ)
    rows = _members(actor).filter(role=Role.OWNER, user__is_active=True)
    return list(rows.order_by("joined_at", "id"))


def foresee(actor: Actor, *, before: Terms, after: Terms, came_by_sso: Collection[UUID]) -> list[Effect]:
    """Whom this change touches. What stays as it was touches nobody, so it is not asked for.

    A few questions to the database, however many members there are. `came_by_sso` holds the people who have.
    """
    gate.require(actor, Permission.POLICY_CHANGE)
    members, sessions = _members(actor), _open_sessions(actor)
    found: list[Effect] = []
    if after.mfa_required and after.differs(before, "mfa_required", "mfa_factors", "mfa_by_provider"):
        found.append(_people(Touch.NO_FACTOR, _without_factor(members, after)))
    if after.email_domains and after.differs(before, "email_domains"):
        found.append(_people(Touch.ADDRESS, _at_other_domains(members, after)))
    if after.sso_required and after.differs(before, "sso_required", "break_glass_id"):
        known = {*came_by_sso, after.break_glass_id}
        found.append(_people(Touch.SSO, members.exclude(user_id__in=[one for one in known if one])))
    if after.networks and after.differs(before, "networks"):
        found.append(_sessions(Touch.NETWORK, _from_elsewhere(sessions, after), lambda session: str(session.ip)))
    if (after.idle_minutes or after.lifetime_minutes) and after.differs(before, "idle_minutes", "lifetime_minutes"):
        found.append(_sessions(Touch.OVER, _over(sessions, after), lambda session: str(session.ip)))
    if after.reach == Policy.Reach.RULES and after.differs(before, "reach"):
        found.append(_people(Touch.FILES, _losing_files(members)))
    return found


def _members(actor: Actor) -> QuerySet[Membership]:
    return Membership.objects.filter(organization_id=actor.organization_id).select_related("user")


def _open_sessions(actor: Actor) -> QuerySet[UserSession]:
    """Those of members that have not run out. A session belongs to a person, not to an organization."""
    here = Membership.objects.filter(organization_id=actor.organization_id, user_id=OuterRef("user_id"))
    alive = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=now())
    found: QuerySet[UserSession] = UserSession.objects.filter(Exists(here), Exists(alive), user__is_active=True)
    return found.select_related("user")


def _without_factor(members: QuerySet[Membership], after: Terms) -> QuerySet[Membership]:
    own = Authenticator.objects.filter(user_id=OuterRef("user_id"), type__in=after.mfa_factors)
    return members.exclude(Exists(own))


def _at_other_domains(members: QuerySet[Membership], after: Terms) -> QuerySet[Membership]:
    """An address ends with the @ and the whole of its domain: the same as what the door compares."""
    allowed = Q()
    for domain in after.email_domains:
        allowed |= Q(user__email__endswith=f"@{domain}")
    return members.exclude(allowed)


def _from_elsewhere(sessions: QuerySet[UserSession], after: Terms) -> QuerySet[UserSession]:
    """Judged by the same function as at the door."""
    addresses = sessions.order_by().values_list("ip", flat=True).distinct()
    return sessions.filter(ip__in=[ip for ip in addresses if not is_within(ip, after.networks)])


def _over(sessions: QuerySet[UserSession], after: Terms) -> QuerySet[UserSession]:
    over = Q()
    if after.lifetime_minutes:
        over |= Q(created_at__lte=now() - timedelta(minutes=after.lifetime_minutes))
    if after.idle_minutes:
        over |= Q(last_seen_at__lte=now() - timedelta(minutes=after.idle_minutes))
    return sessions.filter(over)


def _losing_files(members: QuerySet[Membership]) -> QuerySet[Membership]:
    """Who reads files by their role, stops with it, and whom no rule names, nor a group that they are in."""
    read = Permission.OBJECTS_READ
    roles = [role for role in Role if read in granted(role, by_rules=False) - granted(role, by_rules=True)]
    own = AclEntry.objects.filter(membership_id=OuterRef("pk"))
    by_group = AclEntry.objects.filter(group__members__membership_id=OuterRef("pk"))
    return members.filter(role__in=roles).exclude(Exists(own)).exclude(Exists(by_group))


def _people(kind: Touch, rows: QuerySet[Membership]) -> Effect:
    first = rows.order_by("joined_at", "id")[:SHOWN]
    named = [Touched(name=row.user.label, email=row.user.email, note=row.role) for row in first]
    return Effect(kind=kind, count=rows.count(), people=named)


def _sessions(kind: Touch, rows: QuerySet[UserSession], note: Callable[[UserSession], str]) -> Effect:
    first = rows.order_by("user_id", "-last_seen_at")[:SHOWN]
    named = [Touched(name=row.user.label, email=row.user.email, note=note(row)) for row in first]
    return Effect(kind=kind, count=rows.count(), people=named)
