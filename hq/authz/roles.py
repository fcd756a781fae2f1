"""The six roles (ACC-1) and what each is granted. Beside them only access rules grant anything: see levels.py."""

from enum import StrEnum

from hq.authz.levels import ADDED
from hq.authz.permissions import Permission as P


class Role(StrEnum):
    """Strongest first: nobody hands out a role above their own."""

    OWNER = "owner"
    ADMIN = "admin"
    ANALYST = "analyst"
    AUDITOR = "auditor"
    DEVELOPER = "developer"
    SERVICE_ACCOUNT = "service_account"


_CONTENT = frozenset({P.OBJECTS_READ, P.ORGANIZATION_READ, P.JOBS_READ})
_WORK = _CONTENT | {P.OBJECTS_WRITE, P.OBJECTS_DELETE, P.SHARES_READ, P.SHARES_CREATE, P.SHARES_REVOKE}
_MACHINES = frozenset({P.API_KEYS_READ, P.API_KEYS_CREATE, P.API_KEYS_REVOKE})
_PEOPLE = frozenset(
    {P.MEMBERS_READ, P.MEMBERS_INVITE, P.MEMBERS_CHANGE_ROLE, P.MEMBERS_REMOVE, P.ACCESS_READ, P.ACCESS_CHANGE}
)
# How anybody comes in at all: single sign-on, the directory, what is asked of them, workloads and who of the operator's
# people; and where the trail is sent.
_DOORS = frozenset(
    {P.IDENTITY_READ, P.IDENTITY_CHANGE, P.POLICY_CHANGE, P.SUPPORT_DECIDE, P.WORKLOADS_MANAGE, P.WEBHOOKS_MANAGE}
)
_EVIDENCE = frozenset({P.AUDIT_READ, P.AUDIT_VERIFY, P.KEYS_READ})
# Destroying a key takes two people: an owner who asks, and another owner or an admin who agrees.
_KEYS = frozenset({P.KEYS_ROTATE, P.KEYS_MOVE, P.KEYS_APPROVE_DESTRUCTION})

# Taking everything along, and ending everything. Erasing an organization takes a second owner, where there is one.
_RECORDS = frozenset({P.RETENTION_CHANGE, P.HOLDS_CHANGE, P.MEMBERS_ERASE})
_WHOLE = frozenset({P.ORGANIZATION_EXPORT, P.ORGANIZATION_ERASE, P.ORGANIZATION_APPROVE_ERASURE})
_OWN = frozenset({P.EXPORTS_OWN})

GRANTS: dict[Role, frozenset[P]] = {
    Role.OWNER: _WORK | _MACHINES | _PEOPLE | _DOORS | _EVIDENCE | _KEYS | _RECORDS | _WHOLE | _OWN | {P.KEYS_DESTROY},
    Role.ADMIN: _WORK | _MACHINES | _PEOPLE | _DOORS | _EVIDENCE | _KEYS | _RECORDS | _OWN,
    Role.ANALYST: _CONTENT | _OWN,
    Role.AUDITOR: _EVIDENCE
    | _OWN
    | {
        P.ORGANIZATION_READ,
        P.MEMBERS_READ,
        P.ACCESS_READ,
        P.IDENTITY_READ,
        P.API_KEYS_READ,
        P.SHARES_READ,
        P.JOBS_READ,
    },
    Role.DEVELOPER: _WORK | _MACHINES | _OWN,
    Role.SERVICE_ACCOUNT: _CONTENT | {P.OBJECTS_WRITE},
}

# Where an organization lets access rules alone open files, a role opens none. Owners and admins write the rules.
_BY_RULES = frozenset({P.OBJECTS_READ, P.OBJECTS_WRITE, P.OBJECTS_DELETE})
_ABOVE_RULES = frozenset({Role.OWNER, Role.ADMIN})


# A link stands on the membership of whoever makes it, and a machine has none.
_OF_MEMBERS = frozenset({P.SHARES_CREATE, P.SHARES_READ, P.SHARES_REVOKE})


def addable(role: Role) -> frozenset[P]:
    """What access rules may add to a role, each on its paths."""
    return ADDED - _OF_MEMBERS if role is Role.SERVICE_ACCOUNT else ADDED


def granted(role: Role, *, by_rules: bool) -> frozenset[P]:
    """What a role is granted everywhere. `by_rules`: only access rules open files in this organization."""
    return GRANTS[role] - _BY_RULES if by_rules and role not in _ABOVE_RULES else GRANTS[role]


DESCRIPTIONS = {
    Role.OWNER: "Everything, other owners included.",
    Role.ADMIN: "Files, links, people, API keys, encryption keys and the trail. Not owners, not billing.",
    Role.ANALYST: "Reads files.",
    Role.AUDITOR: "Reads the trail, keys and people. No files.",
    Role.DEVELOPER: "Files, share links and API keys of their own.",
    Role.SERVICE_ACCOUNT: "A machine: reads and stores files.",
}

# An owner is made only by an owner; an admin cannot rise by promoting, nor demote who stands above.
_MAY_ASSIGN = {
    Role.OWNER: frozenset(Role),
    Role.ADMIN: frozenset(Role) - {Role.OWNER},
}


def may_assign(own: Role | None, role: Role) -> bool:
    """True if one who has the role `own` may give or take away `role`. Without a role nobody may."""
    return own is not None and role in _MAY_ASSIGN.get(own, frozenset())
