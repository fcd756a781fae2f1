"""Who is asking. Built once for each request or job, never changed."""

from dataclasses import dataclass, field, replace
from uuid import UUID

from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role
from hq.lib.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a request came from."""

    ip: str | None = None
    user_agent: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A principal in one organization, and what it may do there.

    `kind` is `person`, `operator`, `api_key`, `directory`, `link` or `system`; `label` is the name shown beside the act
    in the trail. `permissions` are granted everywhere; of those in `within`, access rules that name `principal_id` (a
    membership or a service account) or a group it is in may grant each on their paths.
    `pinned` holds the only object paths that a link opens; None for everybody else.
    `environment_id` is where the act happens; acts on the whole organization go to `home_environment_id` (live).
    """

    organization_id: UUID
    kind: str
    id: UUID
    label: str
    method: AuthMethod
    permissions: frozenset[Permission]
    environment_id: UUID | None = None
    home_environment_id: UUID | None = None
    within: frozenset[Permission] = frozenset()
    role: Role | None = None
    principal_id: UUID | None = None
    person_id: UUID | None = None
    pinned: frozenset[str] | None = None
    origin: Origin = field(default_factory=Origin)

    def at(self, environment_id: UUID) -> "Actor":
        """The same principal in another environment of the same organization."""
        return replace(self, environment_id=environment_id)


def environment_of(actor: Actor) -> UUID:
    """Where the actor acts. Raises NotFound for one that acts in no environment."""
    if actor.environment_id is None:
        raise NotFound
    return actor.environment_id


def system_actor(
    organization_id: UUID,
    *permissions: Permission,
    environment_id: UUID | None = None,
    home_environment_id: UUID | None = None,
) -> Actor:
    """HQ itself, for one job, with the permissions that the job names."""
    return Actor(
        organization_id=organization_id,
        kind="system",
        id=UUID(int=0),
        label="HQ",
        method=AuthMethod.SYSTEM,
        permissions=frozenset(permissions),
        environment_id=environment_id,
        home_environment_id=home_environment_id,
    )
