"""Reads of organizations, people and machines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from hq.authz import gate
from hq.authz.actor import Actor, Origin, environment_of
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import GRANTS, Role
from hq.db import lookups
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import NotFound
from tenants.models import LIVE, ApiKey, Environment, Invitation, Membership, Organization, User


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """A person's place in one organization, as found before its rows can be seen."""

    organization_id: UUID
    name: str
    slug: str
    state: str
    role: str
    membership_id: UUID
    live_id: UUID
    test_id: UUID

    def actor(self, person: User, *, method: AuthMethod, origin: Origin, environment_name: str = LIVE) -> Actor:
        """The person, acting here with what their role is granted."""
        return Actor(
            organization_id=self.organization_id,
            environment_id=self.live_id if environment_name == LIVE else self.test_id,
            home_environment_id=self.live_id,
            kind="person",
            id=person.id,
            person_id=person.id,
            label=person.label,
            method=method,
            permissions=GRANTS[Role(self.role)],
            role=Role(self.role),
            origin=origin,
        )


def find_belonging(person_id: UUID, slug: str) -> Belonging | None:
    """The person's membership in the organization at this address, or None: no such thing, or not theirs."""
    row = lookups.one("tenants_find_membership", person_id, slug)
    return Belonging(**row) if row else None


def list_belongings(person_id: UUID) -> list[Belonging]:
    """Every organization that a person is in, by name."""
    return [Belonging(**row) for row in lookups.call("tenants_list_memberships", person_id)]


def find_invitation(token_digest: bytes) -> dict[str, Any] | None:
    """What the holder of an invitation may know before joining: organization, role, state."""
    return lookups.one("tenants_find_invitation", token_digest)


def get_organization(actor: Actor) -> Organization:
    gate.require(actor, Permission.ORGANIZATION_READ)
    return Organization.objects.get(pk=actor.organization_id)


def get_environment(actor: Actor) -> Environment:
    """The environment that the actor stands in."""
    environment = Environment.objects.filter(organization_id=actor.organization_id, pk=environment_of(actor)).first()
    if environment is None:
        raise NotFound
    return environment


def list_environments(actor: Actor) -> Sequence[Environment]:
    gate.require(actor, Permission.ORGANIZATION_READ)
    return list(Environment.objects.filter(organization_id=actor.organization_id).order_by("name"))


def list_members(actor: Actor) -> Sequence[Membership]:
    """Everyone, in order of joining, with their accounts (one query)."""
    gate.require(actor, Permission.MEMBERS_READ)
    return list(
        Membership.objects.filter(organization_id=actor.organization_id)
        .select_related("user")
        .order_by("joined_at", "id")
    )


def page_members(actor: Actor, *, after: UUID | None, limit: int) -> Sequence[Membership]:
    """A page by id, for integrators; up to limit + 1."""
    gate.require(actor, Permission.MEMBERS_READ)
    rows = Membership.objects.filter(organization_id=actor.organization_id).select_related("user")
    return list((rows.filter(pk__gt=after) if after else rows).order_by("pk")[: limit + 1])


def get_member(actor: Actor, member_id: UUID, *, lock: bool = False) -> Membership:
    rows = Membership.objects.filter(organization_id=actor.organization_id, pk=member_id).select_related("user")
    membership = (rows.select_for_update(no_key=True, of=("self",)) if lock else rows).first()
    if membership is None:
        raise NotFound
    return membership


def is_member(actor: Actor, email: str) -> bool:
    """True if the account with this address is in the actor's organization."""
    return Membership.objects.filter(organization_id=actor.organization_id, user__email=email.lower()).exists()


def list_invitations(actor: Actor) -> Sequence[Invitation]:
    """Those that can still be used or have lapsed unused, newest first."""
    gate.require(actor, Permission.MEMBERS_READ)
    rows = Invitation.objects.filter(
        organization_id=actor.organization_id, accepted_at__isnull=True, revoked_at__isnull=True
    )
    return list(rows.order_by("-id"))


def page_invitations(actor: Actor, *, before: UUID | None, limit: int) -> Sequence[Invitation]:
    """All of them, newest first; up to limit + 1."""
    gate.require(actor, Permission.MEMBERS_READ)
    rows = Invitation.objects.filter(organization_id=actor.organization_id)
    return list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: limit + 1])


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


def _here(actor: Actor) -> Q:
    return Q(organization_id=actor.organization_id, environment_id=environment_of(actor))


def list_api_keys(actor: Actor, *, before: UUID | None = None, limit: int = 200) -> Sequence[ApiKey]:
    """Keys of the actor's environment, newest first; up to limit + 1."""
    gate.require(actor, Permission.API_KEYS_READ)
    rows = ApiKey.objects.filter(_here(actor)).select_related("created_by")
    return list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: limit + 1])


def get_api_key(actor: Actor, key_id: UUID, *, lock: bool = False) -> ApiKey:
    """One key of the actor's environment, for a caller that has asked the gate for its own verb."""
    rows = ApiKey.objects.filter(_here(actor), pk=key_id)
    key = (rows.select_for_update(no_key=True) if lock else rows).first()
    if key is None:
        raise NotFound
    return key


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
