"""Which role an organization gives by the groups of its identity provider: for who signs in, and for who is synced."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from unicodedata import normalize

from hq.authz.roles import Role

# Owners are made by owners only, and machines are no people, whatever a mapping says.
_NEVER = frozenset({Role.OWNER, Role.SERVICE_ACCOUNT})


def folded(value: str) -> str:
    """The form in which texts are equal whatever their case (RFC 7643 section 2.2)."""
    return normalize("NFC", normalize("NFC", value).lower())


@dataclass(frozen=True, slots=True)
class Roles:
    """What a connection says of roles: by group, and of everybody else."""

    default: Role
    by_group: Mapping[str, Role]

    @classmethod
    def read(cls, groups: Mapping[str, str], default: str) -> "Roles":
        """As they stand in a connection."""
        mapped = {folded(name): Role(role) for name, role in groups.items() if Role(role) not in _NEVER}
        return cls(Role(default), mapped)

    def of(self, groups: Iterable[str]) -> Role | None:
        """The strongest role of these groups, the default one for none of them; None where no group has a role."""
        if not self.by_group:
            return None
        named = {self.by_group[folded(name)] for name in groups if folded(name) in self.by_group}
        return next((role for role in Role if role in named), self.default)
