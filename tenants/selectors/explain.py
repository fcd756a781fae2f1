"""Who may do what on a path, and why. The gate decides; the rows give the reasons (ACC-2)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.levels import Level, needed
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import GRANTS, Role, addable, granted
from hq.lib.errors import NotFound
from hq.lib.paths import clean_prefix
from tenants.models import AclEntry, GroupMember, Membership, Organization, Policy, ServiceAccount
from tenants.selectors.access import entries_of, levels_at, prefixes_of
from tenants.selectors.machines import live_keys
from tenants.selectors.principals import Principal, of_member, of_service_account

P = Permission
# What people ask about, and what each takes: a link gives what its maker may read.
ACTS = {
    "read": (P.OBJECTS_READ,),
    "write": (P.OBJECTS_WRITE,),
    "delete": (P.OBJECTS_DELETE,),
    "share": (P.SHARES_CREATE, P.OBJECTS_READ),
}
_SCOPES = sorted({permission.value for takes in ACTS.values() for permission in takes})
_ON_FILES = frozenset({P.OBJECTS_READ, P.OBJECTS_WRITE, P.OBJECTS_DELETE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Something that bears on a permission: the role, or one rule. `counts`: it gives the permission."""

    permission: Permission
    counts: bool
    role: Role | None = None
    entry: AclEntry | None = None

    @property
    def level(self) -> Level | None:
        return Level(self.entry.level) if self.entry else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """May they, and everything that led to it. `missing` is what nothing gives; `level` would give all of it."""

    act: str
    allowed: bool
    missing: tuple[Permission, ...]
    ways: Sequence[Way]

    @property
    def level(self) -> Level | None:
        return max((needed(permission) for permission in self.missing), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One principal on one path. `by_rules`: here a role opens no files, rules do. `active`: the account works."""

    principal: Principal
    role: Role
    path: str
    by_rules: bool
    active: bool
    decisions: Sequence[Decision]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reacher:
    """One who can reach a path: which acts, by which ways (those that count), and by how many API keys."""

    principal: Principal
    role: Role
    acts: Sequence[str]
    by_role: bool
    entries: Sequence[AclEntry]
    keys: int


def explain(actor: Actor, *, principal: UUID, path: str) -> Explanation:
    """What a member or a service account may do on a path, or on a folder. Raises Denied, NotFound, InvalidPath."""
    gate.require(actor, P.ACCESS_READ)
    path = clean_prefix(path)
    by_rules = _by_rules(actor)
    found = _find(actor, principal)
    they = _actor_of(actor, found, by_rules=by_rules)
    entries = _entries(actor, [principal], path).get(principal, [])
    role = _role(found)
    return Explanation(
        principal=_told(found),
        role=role,
        path=path,
        by_rules=by_rules,
        active=_active(found),
        decisions=[_decide(they, role, act, path, entries) for act in ACTS],
    )


def _decide(they: Actor, role: Role, act: str, path: str, entries: Sequence[AclEntry]) -> Decision:
    missing = tuple(permission for permission in ACTS[act] if not gate.allows(they, permission, path=path))
    ways = [way for permission in ACTS[act] for way in _ways(they, role, permission, entries)]
    return Decision(act=act, allowed=not missing, missing=missing, ways=ways)


def _ways(they: Actor, role: Role, permission: Permission, entries: Iterable[AclEntry]) -> list[Way]:
    """The role if it would give this anywhere, then every rule on the way down, whether it is enough or not."""
    ways = []
    if permission in GRANTS[role]:
        ways.append(Way(permission=permission, role=role, counts=permission in they.permissions))
    for entry in entries:
        enough = permission in they.within and entry.level >= needed(permission)
        ways.append(Way(permission=permission, entry=entry, counts=enough))
    return ways


def who_reaches(actor: Actor, path: str, *, after: UUID | None = None, limit: int = 50) -> Sequence[Reacher]:
    """Everybody who may do anything with files on a path, and how, by id; up to limit + 1. Raises Denied, InvalidPath.

    The number of questions to the database does not depend on how many there are.
    """
    gate.require(actor, P.ACCESS_READ)
    path = clean_prefix(path)
    by_rules = _by_rules(actor)
    found = _candidates(actor, path, by_rules=by_rules, after=after, limit=limit)
    ids = [one.id for one in found]
    levels, entries = levels_at(actor, ids, path), _entries(actor, ids, path)
    people, machines = _keys(actor, found)
    reached = []
    for one in found:
        they = _actor_of(actor, one, by_rules=by_rules)
        level = levels.get(one.id)
        acts = [act for act, takes in ACTS.items() if all(gate.allows_at(they, each, level) for each in takes)]
        keys = people.get(one.user_id, 0) if isinstance(one, Membership) else machines.get(one.id, 0)
        reached.append(
            Reacher(
                principal=_told(one),
                role=_role(one),
                acts=acts,
                by_role=bool(they.permissions & _ON_FILES),
                entries=entries.get(one.id, []),
                keys=keys,
            )
        )
    return reached


def _candidates(
    actor: Actor, path: str, *, by_rules: bool, after: UUID | None, limit: int
) -> list[Membership | ServiceAccount]:
    """Members whose role opens files, and those whom a rule on the way down names, themselves or by a group."""
    opening = [role for role in Role if granted(role, by_rules=by_rules) & _ON_FILES]
    rules = entries_of(actor).filter(prefix__in=prefixes_of(path))
    inside = GroupMember.objects.filter(
        organization_id=actor.organization_id, group_id__in=rules.filter(group__isnull=False).values("group_id")
    )
    members = Membership.objects.filter(organization_id=actor.organization_id, user__is_active=True).filter(
        Q(role__in=opening)
        | Q(pk__in=rules.filter(membership__isnull=False).values("membership_id"))
        | Q(pk__in=inside.values("membership_id"))
    )
    accounts = ServiceAccount.objects.filter(organization_id=actor.organization_id, ended_at=None)
    if Role.SERVICE_ACCOUNT not in opening:
        accounts = accounts.filter(pk__in=rules.filter(service_account__isnull=False).values("service_account_id"))
    if after is not None:
        members, accounts = members.filter(pk__gt=after), accounts.filter(pk__gt=after)
    both: list[Membership | ServiceAccount] = [
        *members.select_related("user").order_by("pk")[: limit + 1],
        *accounts.order_by("pk")[: limit + 1],
    ]
    return sorted(both, key=lambda one: one.id)[: limit + 1]


def _entries(actor: Actor, principals: Sequence[UUID], path: str) -> dict[UUID, list[AclEntry]]:
    """The rules on the way down to a path, by the principal whom each bears on, outermost first."""
    groups: dict[UUID, list[UUID]] = {}
    places = GroupMember.objects.filter(organization_id=actor.organization_id, membership_id__in=principals)
    for group_id, membership_id in places.values_list("group_id", "membership_id"):
        groups.setdefault(group_id, []).append(membership_id)
    rows = entries_of(actor).filter(prefix__in=prefixes_of(path), principal_id__in=[*principals, *groups])
    found: dict[UUID, list[AclEntry]] = {}
    for entry in rows.select_related("group").order_by("prefix", "pk"):
        for principal in groups.get(entry.principal_id, [entry.principal_id]):
            found.setdefault(principal, []).append(entry)
    return found


def _keys(actor: Actor, found: Sequence[Membership | ServiceAccount]) -> tuple[dict[UUID, int], dict[UUID, int]]:
    """How many keys of this environment that touch files work now: by the person who made them, by service account."""
    rows = live_keys(actor).filter(scopes__overlap=_SCOPES)
    people = rows.filter(
        service_account=None, created_by__in=[one.user_id for one in found if isinstance(one, Membership)]
    )
    machines = rows.filter(service_account__in=[one.id for one in found if isinstance(one, ServiceAccount)])
    return (
        dict(people.values_list("created_by").annotate(Count("pk")).order_by()),
        dict(machines.values_list("service_account").annotate(Count("pk")).order_by()),
    )


def _find(actor: Actor, principal: UUID) -> Membership | ServiceAccount:
    member = (
        Membership.objects.filter(organization_id=actor.organization_id, pk=principal).select_related("user").first()
    )
    if member is not None:
        return member
    account = ServiceAccount.objects.filter(organization_id=actor.organization_id, pk=principal, ended_at=None).first()
    if account is None:
        raise NotFound
    return account


def _by_rules(actor: Actor) -> bool:
    reach: str = Organization.objects.values_list("reach", flat=True).get(pk=actor.organization_id)
    return reach == Policy.Reach.RULES


def _told(one: Membership | ServiceAccount) -> Principal:
    return of_member(one) if isinstance(one, Membership) else of_service_account(one)


def _role(one: Membership | ServiceAccount) -> Role:
    return Role(one.role) if isinstance(one, Membership) else Role.SERVICE_ACCOUNT


def _active(one: Membership | ServiceAccount) -> bool:
    return one.user.is_active if isinstance(one, Membership) else True


def _actor_of(actor: Actor, one: Membership | ServiceAccount, *, by_rules: bool) -> Actor:
    """The principal as it acts in the environment: a session, or a key of the service account with every scope.

    An account that is switched off acts nowhere.
    """
    person = one.user_id if isinstance(one, Membership) else None
    role, active = _role(one), _active(one)
    return Actor(
        organization_id=actor.organization_id,
        environment_id=environment_of(actor),
        kind="person" if person else "api_key",
        id=person or one.id,
        person_id=person,
        principal_id=one.id,
        label="",
        method=AuthMethod.SESSION if person else AuthMethod.API_KEY,
        permissions=granted(role, by_rules=by_rules) if active else frozenset(),
        within=addable(role) if active else frozenset(),
        role=role,
    )
