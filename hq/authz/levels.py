"""What an access rule gives on the paths below its prefix (ACC-2). Each level gives what those before it give."""

from enum import IntEnum

from hq.authz.permissions import Permission as P


class Level(IntEnum):
    """Weakest first. Kept as its number."""

    READ = 1
    WRITE = 2
    ADMIN = 3


_NEEDED = {
    P.OBJECTS_READ: Level.READ,
    P.OBJECTS_WRITE: Level.WRITE,
    P.OBJECTS_DELETE: Level.WRITE,
    P.SHARES_CREATE: Level.ADMIN,
    P.SHARES_READ: Level.ADMIN,  # of links of their own, as one who may make them must see and end them
    P.SHARES_REVOKE: Level.ADMIN,
    P.ACCESS_CHANGE: Level.ADMIN,
}
# Everything that a rule can add to what a role grants; of anything else rules say nothing.
ADDED = frozenset(_NEEDED)


def needed(permission: P) -> Level:
    """The weakest level that gives it. Raises KeyError for what no rule gives."""
    return _NEEDED[permission]
