"""The one decision point: may this actor do that?"""

from hq.authz.actor import Actor
from hq.authz.permissions import AUTH_METHODS, SESSION_ONLY, Permission
from hq.lib.errors import Denied


def allows(actor: Actor, permission: Permission) -> bool:
    """True if the permission is granted and may be exercised in this way."""
    return permission in actor.permissions and actor.method in AUTH_METHODS.get(permission, SESSION_ONLY)


def require(actor: Actor, permission: Permission) -> None:
    """Return, or raise Denied with the reason."""
    if permission not in actor.permissions:
        raise Denied(f"{permission} is not granted to you.")
    if actor.method not in AUTH_METHODS.get(permission, SESSION_ONLY):
        raise Denied(f"{permission} cannot be used with this way of signing in.")
