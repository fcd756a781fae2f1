"""The one decision point: may this actor do that? Roles and access rules meet here, and nowhere else (ACC-2)."""

from collections.abc import Callable, Iterable

from hq.authz.actor import Actor
from hq.authz.levels import Level, needed
from hq.authz.permissions import AUTH_METHODS, SESSION_ONLY, AuthMethod, Permission
from hq.authz.rules import rules
from hq.lib.errors import Denied, NotFound


def allows(actor: Actor, permission: Permission, *, path: str | None = None) -> bool:
    """True if granted on this path, or everywhere where none is named, and exercised in a way that is allowed.

    For showing and hiding, never instead of `require`.
    """
    if path is not None and is_pinned(actor) and not gives(actor.pinned or (), path):
        return False
    return _method_allows(actor, permission) and _granted(actor, permission, path)


def allows_at(actor: Actor, permission: Permission, level: Level | None) -> bool:
    """As `allows` on a path where rules give this level: for showing many actors, whose levels are read at once."""
    return _method_allows(actor, permission) and _granted_at(actor, permission, lambda: level)


def reaches(actor: Actor, permission: Permission) -> bool:
    """True if granted somewhere. For showing and hiding the way to what `reach` lists."""
    if not _method_allows(actor, permission):
        return False
    return permission in actor.permissions or bool(_prefixes(actor, permission))


def require(actor: Actor, permission: Permission, *, path: str | None = None) -> None:
    """Return, or raise Denied with the reason. Acts on an object name its path; without one it is asked of all paths.

    A link is pinned to its files and folders: whatever else it asks for, or an act without a path, is not there.
    """
    if not _granted(actor, permission, path):
        raise _denied(permission)
    _require_method(actor, permission)
    if is_pinned(actor) and not gives(actor.pinned or (), path):
        raise NotFound


def reach(actor: Actor, permission: Permission) -> tuple[str, ...] | None:
    """Where the actor may do it: None is everywhere, else prefixes in C order of which none is below another.

    For a link these are its folders. Its files are no prefixes: what is called like one and goes on is not given.

    Raises:
        Denied: nowhere.
        NotFound: for a link without a folder, which lists nothing.
    """
    if is_pinned(actor):
        return _folders(actor, permission)
    if permission in actor.permissions:
        require(actor, permission)
        return None
    prefixes = _prefixes(actor, permission)
    if not prefixes:
        raise _denied(permission)
    _require_method(actor, permission)
    return prefixes


def is_pinned(actor: Actor) -> bool:
    """True for whoever came by a link: it gives its pins and nothing else."""
    return actor.method is AuthMethod.LINK or actor.pinned is not None


def gives(pins: Iterable[str], path: str | None) -> bool:
    """True if one of these pins gives a path: a file exactly, a folder (it ends in "/") what lies below it.

    A path that ends in "/" is a folder's, and given with the folder that it is or lies in.
    """
    return path is not None and any(path == pin or (pin.endswith("/") and path.startswith(pin)) for pin in pins)


def _folders(actor: Actor, permission: Permission) -> tuple[str, ...]:
    """The folders it is pinned to, and of those only what rules give where nothing else grants the permission."""
    held = ("",) if permission in actor.permissions else _prefixes(actor, permission)
    if not held:
        raise _denied(permission)
    _require_method(actor, permission)
    pins = [pin for pin in actor.pinned or () if pin.endswith("/")]
    if not pins:
        raise NotFound
    met = {pin for pin in pins if pin.startswith(held)} | {prefix for prefix in held if gives(pins, prefix)}
    kept: list[str] = []
    for prefix in sorted(met):
        if not prefix.startswith(tuple(kept)):
            kept.append(prefix)
    if not kept:
        raise _denied(permission)
    return tuple(kept)


def _granted(actor: Actor, permission: Permission, path: str | None) -> bool:
    return _granted_at(actor, permission, lambda: None if path is None else rules().level_at(actor, path))


def _granted_at(actor: Actor, permission: Permission, level_of: Callable[[], Level | None]) -> bool:
    """By the role everywhere, or by a rule on the path, which is asked for only then."""
    if permission in actor.permissions:
        return True
    if permission not in actor.within:
        return False
    level = level_of()
    return level is not None and level >= needed(permission)


def _prefixes(actor: Actor, permission: Permission) -> tuple[str, ...]:
    return rules().prefixes(actor, needed(permission)) if permission in actor.within else ()


def _method_allows(actor: Actor, permission: Permission) -> bool:
    return actor.method in AUTH_METHODS.get(permission, SESSION_ONLY)


def _require_method(actor: Actor, permission: Permission) -> None:
    if not _method_allows(actor, permission):
        raise Denied(f"{permission} cannot be used with this way of signing in.")


def _denied(permission: Permission) -> Denied:
    return Denied(f"{permission} is not granted to you.")
