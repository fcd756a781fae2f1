"""One vocabulary of what may be done, and how each may be exercised."""

from enum import StrEnum


class AuthMethod(StrEnum):
    """How the one who asks proved who they are."""

    API_KEY = "api_key"
    DIRECTORY = "directory"
    LINK = "link"
    SERVER = "server"
    SERVICE = "service"
    SESSION = "session"
    SUPPORT = "support"
    SYSTEM = "system"
    WORKLOAD = "workload"


class Permission(StrEnum):
    """`<resource>:<action>`, alphabetical. Roles are granted these in roles.py, nowhere else."""

    ACCESS_CHANGE = "access:change"
    ACCESS_READ = "access:read"
    API_KEYS_CREATE = "api_keys:create"
    API_KEYS_READ = "api_keys:read"
    API_KEYS_REVOKE = "api_keys:revoke"
    AUDIT_READ = "audit:read"
    AUDIT_VERIFY = "audit:verify"
    EXPORTS_OWN = "exports:own"
    HOLDS_CHANGE = "holds:change"
    IDENTITY_CHANGE = "identity:change"
    IDENTITY_READ = "identity:read"
    JOBS_READ = "jobs:read"
    KEYS_APPROVE_DESTRUCTION = "keys:approve_destruction"
    KEYS_DESTROY = "keys:destroy"
    KEYS_MOVE = "keys:move"
    KEYS_READ = "keys:read"
    KEYS_ROTATE = "keys:rotate"
    MEMBERS_CHANGE_ROLE = "members:change_role"
    MEMBERS_ERASE = "members:erase"
    MEMBERS_INVITE = "members:invite"
    MEMBERS_READ = "members:read"
    MEMBERS_REMOVE = "members:remove"
    OBJECTS_DELETE = "objects:delete"
    OBJECTS_READ = "objects:read"
    OBJECTS_WRITE = "objects:write"
    OPERATOR_ACCESS = "operator:access"
    OPERATOR_JOBS = "operator:jobs"
    OPERATOR_ORGANIZATIONS = "operator:organizations"
    ORGANIZATION_APPROVE_ERASURE = "organization:approve_erasure"
    ORGANIZATION_ERASE = "organization:erase"
    ORGANIZATION_EXPORT = "organization:export"
    ORGANIZATION_PROVISION = "organization:provision"
    ORGANIZATION_READ = "organization:read"
    POLICY_CHANGE = "policy:change"
    RETENTION_CHANGE = "retention:change"
    SHARES_CREATE = "shares:create"
    SHARES_READ = "shares:read"
    SHARES_REVOKE = "shares:revoke"
    SUPPORT_DECIDE = "support:decide"
    WEBHOOKS_MANAGE = "webhooks:manage"
    WORKLOADS_MANAGE = "workloads:manage"


SESSION_ONLY = frozenset({AuthMethod.SESSION})
_PEOPLE_AND_MACHINES = frozenset({AuthMethod.SESSION, AuthMethod.API_KEY})
_AND_DIRECTORY = _PEOPLE_AND_MACHINES | {AuthMethod.DIRECTORY}

# How a permission may be exercised. Anything absent is session-only.
AUTH_METHODS: dict[Permission, frozenset[AuthMethod]] = {
    Permission.ACCESS_CHANGE: _AND_DIRECTORY,
    Permission.ACCESS_READ: _AND_DIRECTORY,
    Permission.API_KEYS_CREATE: frozenset({AuthMethod.SESSION, AuthMethod.API_KEY, AuthMethod.SERVER}),
    Permission.API_KEYS_READ: _PEOPLE_AND_MACHINES,
    Permission.API_KEYS_REVOKE: _PEOPLE_AND_MACHINES,
    Permission.AUDIT_READ: _PEOPLE_AND_MACHINES,
    Permission.AUDIT_VERIFY: frozenset({AuthMethod.SESSION, AuthMethod.API_KEY, AuthMethod.SYSTEM}),
    Permission.JOBS_READ: _PEOPLE_AND_MACHINES,
    Permission.KEYS_READ: _PEOPLE_AND_MACHINES,
    Permission.KEYS_ROTATE: frozenset({AuthMethod.SESSION, AuthMethod.API_KEY, AuthMethod.SYSTEM}),
    Permission.MEMBERS_CHANGE_ROLE: _AND_DIRECTORY,
    Permission.MEMBERS_INVITE: _AND_DIRECTORY,
    Permission.MEMBERS_READ: _AND_DIRECTORY,
    Permission.MEMBERS_REMOVE: _AND_DIRECTORY,
    Permission.OBJECTS_DELETE: frozenset({AuthMethod.SESSION, AuthMethod.API_KEY, AuthMethod.SYSTEM}),
    Permission.OBJECTS_READ: _PEOPLE_AND_MACHINES | {AuthMethod.LINK},
    Permission.OBJECTS_WRITE: _PEOPLE_AND_MACHINES | {AuthMethod.LINK},
    Permission.ORGANIZATION_PROVISION: frozenset({AuthMethod.SYSTEM}),
    Permission.ORGANIZATION_READ: _PEOPLE_AND_MACHINES,
    Permission.SHARES_CREATE: _PEOPLE_AND_MACHINES,
    Permission.SHARES_READ: _PEOPLE_AND_MACHINES,
    Permission.SHARES_REVOKE: _PEOPLE_AND_MACHINES,
    Permission.WEBHOOKS_MANAGE: _PEOPLE_AND_MACHINES,
}

# A workload's token stands for a service account (ACC-8): what such an account is ever granted, and what rules add.
# A service of the deployment that names a person (ACC-9) works with their content, never with people, keys or doors.
_OF_WORKLOADS = frozenset(
    {
        Permission.JOBS_READ,
        Permission.OBJECTS_DELETE,
        Permission.OBJECTS_READ,
        Permission.OBJECTS_WRITE,
        Permission.ORGANIZATION_READ,
    }
)
_OF_SERVICES = _OF_WORKLOADS | {Permission.SHARES_CREATE, Permission.SHARES_READ, Permission.SHARES_REVOKE}
for _method, _exercised in ((AuthMethod.WORKLOAD, _OF_WORKLOADS), (AuthMethod.SERVICE, _OF_SERVICES)):
    for _permission in _exercised:
        AUTH_METHODS[_permission] |= {_method}

# What an operator may do whom an organization let in for a while (ACC-11): see, or also do the work of its people.
# Never keys, ways of signing in, roles or policies, and never decide on their own access.
SUPPORT_READS = frozenset(
    {
        Permission.ACCESS_READ,
        Permission.API_KEYS_READ,
        Permission.AUDIT_READ,
        Permission.IDENTITY_READ,
        Permission.JOBS_READ,
        Permission.KEYS_READ,
        Permission.MEMBERS_READ,
        Permission.OBJECTS_READ,
        Permission.ORGANIZATION_READ,
        Permission.SHARES_READ,
    }
)
SUPPORT_WRITES = frozenset({Permission.OBJECTS_DELETE, Permission.OBJECTS_WRITE, Permission.SHARES_REVOKE})
for _permission in SUPPORT_READS | SUPPORT_WRITES:
    AUTH_METHODS[_permission] = AUTH_METHODS.get(_permission, SESSION_ONLY) | {AuthMethod.SUPPORT}

# What an API key may be given: every permission that a machine may exercise, 22 of them (ACC-3).
SCOPES = frozenset(permission for permission, methods in AUTH_METHODS.items() if AuthMethod.API_KEY in methods)
