"""How far an actor reaches: everywhere, or below the folders that access rules name (ACC-2). The gate decides, always.

Prefixes are in C order and none lies below another, so what any of them gives is a few ranges of the index of paths.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.paths import LAST

Reach = tuple[str, ...] | None  # None is everywhere
Range = tuple[str, str]  # from the first up to, but without, the second


def reach_of(actor: Actor, permission: Permission) -> Reach:
    """Where the actor may do it. Raises Denied if that is nowhere, NotFound for a link without a folder."""
    prefixes = gate.reach(actor, permission)
    return None if prefixes == ("",) else prefixes


def require_each(actor: Actor, permission: Permission, paths: Iterable[str]) -> None:
    """Ask the gate for every one of these clean paths, at the price of one.

    Raises:
        Denied: some path is out of reach; the words are the same whatever is there.
        NotFound: for a link, if it is not pinned to one of them.
    """
    known = () if permission in actor.permissions else gate.reach(actor, permission) or ()
    for path in paths:
        if not (known and lies_in(path, known)):
            gate.require(actor, permission, path=path)


def lies_in(path: str, reach: Reach) -> bool:
    """True if the path, or the prefix, lies below one of these."""
    if reach is None:
        return True
    at = bisect_right(reach, path)  # only the last one that does not come after the path can be what it begins with
    return at > 0 and path.startswith(reach[at - 1])


def ranges_of(reach: tuple[str, ...], prefix: str) -> list[Range]:
    """What the actor reaches of that which begins with `prefix`, in C order."""
    if lies_in(prefix, reach):
        return [_range(prefix)]
    return [_range(one) for one in reach[bisect_left(reach, prefix) : bisect_left(reach, prefix + LAST)]]


def _range(prefix: str) -> Range:
    return prefix, prefix + LAST


def require_way(actor: Actor, permission: Permission, reach: tuple[str, ...], folder: str) -> None:
    """A folder is shown if one may look into it, or must pass it on the way. Raises Denied, whatever is in it."""
    if not ranges_of(reach, folder):
        gate.require(actor, permission, path=folder)


def split(ranges: Sequence[Range]) -> dict[str, list[str]]:
    """As arguments of `WITHIN`."""
    return {"starts": [start for start, _ in ranges], "stops": [stop for _, stop in ranges]}


# Each range is looked for by itself (LATERAL): joined, they would be compared with every path of the environment.
WITHIN = "unnest(%(starts)s::text[], %(stops)s::text[]) AS within (start, stop)"
LIES_WITHIN = 'seen.path >= within.start COLLATE "C" AND seen.path < within.stop COLLATE "C"'
HERE = "seen.organization_id = %(organization)s AND seen.environment_id = %(environment)s"
