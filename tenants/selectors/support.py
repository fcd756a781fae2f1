"""An operator's place in an organization that let them in for a while, and what operators see of all (ACC-11)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from hq.authz import gate
from hq.authz.actor import Actor, Origin
from hq.authz.levels import ADDED
from hq.authz.permissions import SUPPORT_READS, SUPPORT_WRITES, AuthMethod, Permission
from hq.authz.roles import GRANTS, Role, granted
from hq.db import lookups
from hq.db.context import tenant
from hq.db.sealing import KeyUnavailable
from hq.lib.errors import NotFound
from tenants.models import LIVE, AccessRequest, Membership, User
from tenants.selectors.places import Belonging


@dataclass(frozen=True, slots=True, kw_only=True)
class Support(Belonging):
    """`subject_id` is the membership as which the pages are seen; None as support. Over at `ends_at`, by itself."""

    role: str | None  # type: ignore[assignment]  # nobody's, as support
    request_id: UUID
    writes: bool
    ends_at: datetime
    subject_id: UUID | None

    def actor(self, person: User, *, method: AuthMethod, origin: Origin, environment_name: str = LIVE) -> Actor:
        """The operator, visible as such, with what was asked for: never more than support may do at all.

        Seen as a member it is never more than that member may do either.
        """
        may = SUPPORT_READS | SUPPORT_WRITES if self.writes else SUPPORT_READS
        own = granted(Role(self.role), by_rules=self.by_rules) if self.role else GRANTS[Role.ADMIN]
        return Actor(
            organization_id=self.organization_id,
            environment_id=self.environment_id(environment_name),
            home_environment_id=self.live_id,
            kind="operator",
            id=person.id,
            principal_id=self.subject_id,
            label=f"{person.label} (operator)",
            method=AuthMethod.SUPPORT,
            permissions=own & may,
            within=ADDED & may if self.subject_id else frozenset(),
            role=Role(self.role) if self.role else None,
            origin=origin,
        )


def find_support(person_id: UUID, request_id: UUID) -> Support | None:
    """What this request still gives this operator, or None: not theirs, not agreed to, not begun, or over."""
    row = lookups.one("tenants_find_support", person_id, request_id)
    return Support(**row) if row else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLine:
    """What an operator may know of a support request before its organization's rows can be seen: nothing sealed."""

    id: UUID
    organization_id: UUID
    name: str
    slug: str
    organization_state: str
    support_by: str
    operator_id: UUID
    minutes: int
    writes: bool
    as_member: bool
    requested_at: datetime
    answer_before: datetime
    decided_at: datetime | None
    approved: bool | None
    started_at: datetime | None
    ends_at: datetime | None
    ended_at: datetime | None

    @property
    def state(self) -> str:
        """As of the request itself."""
        times = ("answer_before", "approved", "started_at", "ends_at", "ended_at")
        return AccessRequest(**{name: getattr(self, name) for name in times}).state


def list_access(
    actor: Actor,
    *,
    organization_id: UUID | None = None,
    before: UUID | None = None,
    only_open: bool = False,
    limit: int = 50,
) -> list[AccessLine]:
    """Support requests of every organization, or of one, newest first, below the id `before`."""
    gate.require(actor, Permission.OPERATOR_ACCESS)
    rows = lookups.call("tenants_list_requests", None, organization_id, None, before, only_open, limit)
    return [AccessLine(**row) for row in rows]


def get_access(actor: Actor, request_id: UUID) -> AccessLine:
    """One request of any organization. Raises NotFound."""
    gate.require(actor, Permission.OPERATOR_ACCESS)
    row = lookups.one("tenants_list_requests", request_id, None, None, None, False, 1)
    if row is None:
        raise NotFound
    return AccessLine(**row)


def name_people(ids: Collection[UUID]) -> dict[UUID, str]:
    """What operators call themselves, for each other and for those who read what they asked."""
    return {person.pk: person.label for person in User.objects.filter(pk__in=ids)}


@dataclass(frozen=True, slots=True)
class Told:
    """What was said when a request was made and answered; None where the organization's key opens nothing now."""

    reason: str | None
    decided_by: str | None
    as_whom: str = ""


def get_told(actor: Actor, line: AccessLine) -> Told:
    """Why an operator asks, and who answered: for operators, who wrote the one and are told the other."""
    gate.require(actor, Permission.OPERATOR_ACCESS)
    return _told(line.organization_id, line.id)


def _told(organization_id: UUID, request_id: UUID, subject_id: UUID | None = None) -> Told:
    with tenant(organization_id):
        request = AccessRequest.objects.get(organization_id=organization_id, pk=request_id)
        member = _members(organization_id).filter(pk=subject_id).first() if subject_id else None
        as_whom = member.user.label if member else ""
        try:
            return Told(request.reason, request.decided_by_label, as_whom)
        except KeyUnavailable:
            return Told(None, None, as_whom)


def get_banner(support: Support) -> Told:
    """What stands above every page that an operator sees: the reason they gave, and as whom they see it."""
    return _told(support.organization_id, support.request_id, support.subject_id)


def list_requests(actor: Actor, limit: int = 50) -> Sequence[AccessRequest]:
    """The organization's own list: what waits and what runs first, then the newest."""
    gate.require(actor, Permission.SUPPORT_DECIDE)
    rows = AccessRequest.objects.filter(organization_id=actor.organization_id).order_by("-id")[:limit]
    rank = {"waiting": 0, "active": 1, "approved": 2}
    return sorted(rows, key=lambda request: rank.get(request.state, 3))


def name_subjects(actor: Actor, requests: Sequence[AccessRequest]) -> dict[UUID, str]:
    """As whom operators would see the pages, by membership; who is no member is not there."""
    gate.require(actor, Permission.SUPPORT_DECIDE)
    wanted = {request.subject_id for request in requests if request.subject_id}
    return {member.pk: member.user.label for member in _members(actor.organization_id).filter(pk__in=wanted)}


def list_owners(actor: Actor, organization_id: UUID) -> list[str]:
    """The addresses of an organization's owners: an operator must be able to reach somebody."""
    gate.require(actor, Permission.OPERATOR_ORGANIZATIONS)
    with tenant(organization_id):
        owners = _members(organization_id).filter(role=Role.OWNER, user__is_active=True)
        return sorted(member.user.email for member in owners)


def _members(organization_id: UUID) -> QuerySet[Membership]:
    return Membership.objects.filter(organization_id=organization_id).select_related("user")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationLine:
    """An organization as operators see it: its name, state and size in people. No names of theirs."""

    id: UUID
    name: str
    slug: str
    state: str
    region: str
    support_by: str
    created_at: datetime
    members: int
    support_running: int


def list_for_operator(
    actor: Actor, *, words: str = "", state: str = "", before: UUID | None = None, limit: int = 25
) -> list[OrganizationLine]:
    """Organizations, newest first, below the id `before`; `words` are part of a name or address, or a whole id."""
    gate.require(actor, Permission.OPERATOR_ORGANIZATIONS)
    rows = lookups.call("tenants_list_for_operator", None, words.strip(), state, before, limit)
    return [OrganizationLine(**row) for row in rows]


def get_for_operator(actor: Actor, organization_id: UUID) -> OrganizationLine:
    """One of them. Raises NotFound."""
    gate.require(actor, Permission.OPERATOR_ORGANIZATIONS)
    row = lookups.one("tenants_list_for_operator", organization_id, "", "", None, 1)
    if row is None:
        raise NotFound
    return OrganizationLine(**row)
