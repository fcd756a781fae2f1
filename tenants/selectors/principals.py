"""Whom access rules name: members, groups and service accounts, under one roof."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.errors import NotFound
from tenants.models import AclEntry, Group, Membership, ServiceAccount

MEMBER, GROUP, SERVICE_ACCOUNT = "member", "group", "service_account"
MOST_PEOPLE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """One of them. `email` is a member's only."""

    kind: str
    id: UUID
    name: str
    email: str = ""

    @property
    def told(self) -> str:
        """As it is chosen from a list."""
        return f"{self.name} ({self.email})" if self.email and self.email != self.name else self.name


def of_member(member: Membership) -> Principal:
    return Principal(kind=MEMBER, id=member.id, name=member.user.label, email=member.user.email)


def of_group(group: Group) -> Principal:
    return Principal(kind=GROUP, id=group.id, name=group.name)


def of_service_account(account: ServiceAccount) -> Principal:
    return Principal(kind=SERVICE_ACCOUNT, id=account.id, name=account.name)


def principal_of(entry: AclEntry) -> Principal:
    """Whom a rule names, as it was read with its rows."""
    if entry.membership is not None:
        return of_member(entry.membership)
    if entry.group is not None:
        return of_group(entry.group)
    if entry.service_account is not None:
        return of_service_account(entry.service_account)
    raise NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Principals:
    """Those to choose from. `more`: there are more people than are listed; an address finds the others."""

    people: Sequence[Principal]
    groups: Sequence[Principal]
    service_accounts: Sequence[Principal]
    more: bool = False

    def named(self, *, groups: bool = True) -> list[tuple[str, list[tuple[str, str]]]]:
        """As a form field groups its choices."""
        kinds = [("People", self.people), ("Service accounts", self.service_accounts)]
        if groups:
            kinds.insert(1, ("Groups", self.groups))
        return [(title, [(str(one.id), one.told) for one in found]) for title, found in kinds if found]


def list_principals(actor: Actor, *, begins: str = "") -> Principals:
    """Everybody who can be given access: people by address (`begins`), groups and service accounts by name.

    Whoever may give access somewhere must be able to say to whom. Raises Denied.
    """
    _may_name(actor)
    people = list(members_of(actor, begins).order_by("user__email")[: MOST_PEOPLE + 1])
    groups = Group.objects.filter(organization_id=actor.organization_id).order_by("name", "pk")
    accounts = ServiceAccount.objects.filter(organization_id=actor.organization_id, ended_at=None)
    return Principals(
        people=[of_member(member) for member in people[:MOST_PEOPLE]],
        groups=[of_group(group) for group in groups],
        service_accounts=[of_service_account(account) for account in accounts.order_by("name", "pk")],
        more=len(people) > MOST_PEOPLE,
    )


def find_principal(actor: Actor, principal_id: UUID) -> Principal:
    """One of them by its id alone. Raises Denied, NotFound."""
    _may_name(actor)
    member = members_of(actor).filter(pk=principal_id).first()
    if member is not None:
        return of_member(member)
    group = Group.objects.filter(organization_id=actor.organization_id, pk=principal_id).first()
    if group is not None:
        return of_group(group)
    account = ServiceAccount.objects.filter(
        organization_id=actor.organization_id, pk=principal_id, ended_at=None
    ).first()
    if account is None:
        raise NotFound
    return of_service_account(account)


def members_of(actor: Actor, begins: str = "") -> QuerySet[Membership]:
    """Those whose address begins like this. Names are sealed, so nothing can be found by them. For this room only."""
    rows = Membership.objects.filter(organization_id=actor.organization_id).select_related("user")
    return rows.filter(user__email__startswith=begins.strip().lower()) if begins.strip() else rows


def _may_name(actor: Actor) -> None:
    if not gate.allows(actor, Permission.ACCESS_READ):
        gate.reach(actor, Permission.ACCESS_CHANGE)
