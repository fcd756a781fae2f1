"""Who somebody is in an organization, found before its rows can be seen; and the organization itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hq.authz import gate
from hq.authz.actor import Actor, Origin, environment_of
from hq.authz.levels import ADDED
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role, granted
from hq.db import lookups
from hq.db.context import tenant
from hq.lib.errors import NotFound
from tenants.models import LIVE, Environment, Organization, Policy, User


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """A person's place in one organization, as found before its rows can be seen, and what is asked of them there."""

    organization_id: UUID
    name: str
    slug: str
    state: str
    role: str
    membership_id: UUID
    live_id: UUID
    test_id: UUID
    mfa_required: bool
    mfa_factors: list[str]
    mfa_by_provider: bool
    idle_minutes: int | None
    lifetime_minutes: int | None
    networks: list[str]
    email_domains: list[str]
    sso_required: bool
    break_glass_id: UUID | None
    reach: str

    @property
    def by_rules(self) -> bool:
        """True where only access rules open files."""
        return self.reach == Policy.Reach.RULES

    def environment_id(self, name: str) -> UUID:
        return self.live_id if name == LIVE else self.test_id

    def actor(self, person: User, *, method: AuthMethod, origin: Origin, environment_name: str = LIVE) -> Actor:
        """The person, acting here with what their role is granted, and what rules may add."""
        return Actor(
            organization_id=self.organization_id,
            environment_id=self.environment_id(environment_name),
            home_environment_id=self.live_id,
            kind="person",
            id=person.id,
            person_id=person.id,
            principal_id=self.membership_id,
            label=person.label,
            method=method,
            permissions=granted(Role(self.role), by_rules=self.by_rules),
            within=ADDED,
            role=Role(self.role),
            origin=origin,
        )


def find_belonging(person_id: UUID, slug: str) -> Belonging | None:
    """The person's membership in the organization at this address, or None: no such thing, or not theirs."""
    row = lookups.one("tenants_find_place", person_id, slug)
    return Belonging(**row) if row else None


def list_belongings(person_id: UUID) -> list[Belonging]:
    """Every organization that a person is in, by name."""
    return [Belonging(**row) for row in lookups.call("tenants_list_places", person_id)]


def get_organization(actor: Actor) -> Organization:
    gate.require(actor, Permission.ORGANIZATION_READ)
    return Organization.objects.get(pk=actor.organization_id)


def find_open(organization_id: UUID) -> Organization | None:
    """The organization if people come and go there now, for rooms that open its doors. Its rows must be visible."""
    return Organization.objects.filter(pk=organization_id, state=Organization.State.READY).first()


def environment_named(organization_id: UUID, name: str) -> UUID | None:
    """Which of an organization's environments is called that, for jobs. Its rows must be visible."""
    rows = Environment.objects.filter(organization_id=organization_id, name=name)
    return rows.values_list("id", flat=True).first()


def get_environment(actor: Actor) -> Environment:
    """The environment that the actor stands in."""
    environment = Environment.objects.filter(organization_id=actor.organization_id, pk=environment_of(actor)).first()
    if environment is None:
        raise NotFound
    return environment


def read_environment(actor: Actor) -> Environment:
    """The environment that the actor stands in, for whoever may read the organization. Raises Denied, NotFound."""
    gate.require(actor, Permission.ORGANIZATION_READ)
    return get_environment(actor)


def list_environments(actor: Actor) -> Sequence[Environment]:
    gate.require(actor, Permission.ORGANIZATION_READ)
    return list(Environment.objects.filter(organization_id=actor.organization_id).order_by("name"))


def lets_in(state: str) -> bool:
    """Whether anybody, person or machine, comes into an organization in this state."""
    return state not in Organization.SHUT


def opens_by_rules(reach: str) -> bool:
    """Whether only access rules open files there, and no role does."""
    return reach == Policy.Reach.RULES


def describe_actor(actor: Actor) -> dict[str, Any]:
    """Who asks, as `GET /v1/me` answers it. Needs no permission: everybody may know themselves."""
    with tenant(actor.organization_id):
        organization = Organization.objects.get(pk=actor.organization_id)
        environments = list(Environment.objects.filter(organization_id=actor.organization_id).order_by("name"))
    named = [{"id": environment.id, "name": environment.name} for environment in environments]
    return {
        "actor": {"kind": actor.kind, "id": actor.id, "label": actor.label, "role": actor.role},
        "environment": next(item for item in named if item["id"] == actor.environment_id),
        "organizations": [
            {
                "id": organization.id,
                "name": organization.name,
                "slug": organization.slug,
                "region": organization.region,
                "environments": named,
            }
        ],
        "permissions": sorted(actor.permissions),
    }
