"""What rooms above add to the verbs of this one. They register at start-up; this one knows none of them."""

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from hq.authz.actor import Actor, Origin
from hq.authz.permissions import Permission
from hq.authz.roles import Role

# Ends what a member had in a room above, in the transaction that removes them: the actor who removes, the membership.
Departure = Callable[[Actor, UUID], None]
# Looks at what a member had there, in the transaction that gives them another role: who changes it, the membership.
RoleChange = Callable[[Actor, UUID, Role], None]
# Forgets who an erased member was, in the transaction that erases them: the organization, the person, the membership.
Forgetting = Callable[[UUID, UUID, UUID | None], object]
# Where the people of an organization sign in by its identity provider; "" if it has none.
SsoAddress = Callable[[UUID], str]
# Which connection that is now; None if it has none.
SsoConnection = Callable[[UUID], UUID | None]
# The people who came in by it at least once.
SsoPeople = Callable[[UUID], frozenset[UUID]]
# What may be done now by whoever comes by tokens of a room above: the organization, and the actor's id. Nothing once
# what they stand on has ended.
ScopesNow = Callable[[UUID, UUID], frozenset[Permission]]


class SharingCap(Protocol):
    """What a member may share at most; None and () cap nothing."""

    @property
    def longest_seconds(self) -> int | None: ...
    @property
    def password_required(self) -> bool: ...
    @property
    def domains(self) -> tuple[str, ...]: ...
    @property
    def longest(self) -> str:
        """In words; so are `places`, the domains."""

    @property
    def places(self) -> str: ...
    def lets(self, label: str) -> bool:
        """Whether somebody of this name may be given a link."""


# By the organization and the membership; None is who has none.
SharingRules = Callable[[UUID, UUID | None], SharingCap]


class Authenticate(Protocol):
    """Who a token stands for. Raises Unauthenticated."""

    def __call__(self, *, secret: str, origin: Origin) -> Actor: ...


_departures: dict[str, Departure] = {}
_role_changes: dict[str, RoleChange] = {}
_erasures: dict[str, Forgetting] = {}
_addresses: list[SsoAddress] = []
_connections: list[SsoConnection] = []
_people: list[SsoPeople] = []
_tokens: dict[str, Authenticate] = {}
_scopes: dict[str, ScopesNow] = {}
_sharing: list[SharingRules] = []


def on_departure(name: str, end: Departure) -> None:
    """Twice the same name is the same."""
    _departures[name] = end


def departures() -> list[Departure]:
    """In the order in which they were registered."""
    return list(_departures.values())


def on_role_change(name: str, look: RoleChange) -> None:
    """Twice the same name is the same."""
    _role_changes[name] = look


def role_changes() -> list[RoleChange]:
    """In the order in which they were registered."""
    return list(_role_changes.values())


def on_erasure(name: str, forget: Forgetting) -> None:
    """Twice the same name is the same."""
    _erasures[name] = forget


def erasures() -> list[Forgetting]:
    """In the order in which they were registered."""
    return list(_erasures.values())


def sign_in_with(address: SsoAddress, connection: SsoConnection) -> None:
    """The last one wins."""
    _addresses[:], _connections[:] = [address], [connection]


def sso_address(organization_id: UUID) -> str:
    """Where to sign in for this organization, or "" if there is no single sign-on."""
    return _addresses[0](organization_id) if _addresses else ""


def sso_connection(organization_id: UUID) -> UUID | None:
    """The connection that lets people in now, or None. A session that came by another one did not come by it."""
    return _connections[0](organization_id) if _connections else None


def came_by_sso(people: SsoPeople) -> None:
    """The last one wins."""
    _people[:] = [people]


def people_by_sso(organization_id: UUID) -> frozenset[UUID]:
    """Who has come into this organization by its single sign-on before."""
    return _people[0](organization_id) if _people else frozenset()


def authenticates(prefix: str, authenticate: Authenticate) -> None:
    """Tokens that begin like this are the room's that registers them. Twice the same prefix: the last one."""
    _tokens[prefix] = authenticate


def authenticator(secret: str) -> Authenticate | None:
    """The room's function that knows tokens of this kind, or None."""
    return next((known for prefix, known in _tokens.items() if secret.startswith(prefix)), None)


def stands_by(kind: str, scopes: ScopesNow) -> None:
    """Actors of this kind are the room's that registers them. Twice the same kind: the last one."""
    _scopes[kind] = scopes


def scopes_now(kind: str, organization_id: UUID, actor_id: UUID) -> frozenset[Permission]:
    """What an actor of that kind may do now, at most; nothing for a kind that no room knows. In its context."""
    return _scopes[kind](organization_id, actor_id) if kind in _scopes else frozenset()


def caps_sharing(rules: SharingRules) -> None:
    """The last one wins."""
    _sharing[:] = [rules]


def sharing_cap(organization_id: UUID, membership_id: UUID | None) -> SharingCap:
    """What the organization's sharing rules let them share, in whatever room. In its context."""
    return _sharing[0](organization_id, membership_id)
