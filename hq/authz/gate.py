"""The one decision point: may this actor do that?"""

from hq.authz.actor import Actor
from hq.authz.permissions import AUTH_METHODS, SESSION_ONLY, AuthMethod, Permission
from hq.lib.errors import Denied, NotFound


def allows(actor: Actor, permission: Permission) -> bool:
    """True if granted, and exercised in a way that is allowed. For showing and hiding, never instead of `require`."""
    return permission in actor.permissions and actor.method in AUTH_METHODS.get(permission, SESSION_ONLY)


def require(actor: Actor, permission: Permission, *, path: str | None = None) -> None:
    """Return, or raise Denied with the reason. Acts on an object name its path.

    A link is pinned to its paths: whatever else it asks for, or an act without a path, is not there.
    """
    if permission not in actor.permissions:
        raise Denied(f"{permission} is not granted to you.")
    if actor.method not in AUTH_METHODS.get(permission, SESSION_ONLY):
        raise Denied(f"{permission} cannot be used with this way of signing in.")
    if (actor.method is AuthMethod.LINK or actor.pinned is not None) and path not in (actor.pinned or ()):
        raise NotFound
