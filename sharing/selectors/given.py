"""What a link gives now: its files, and what lies below its folders. For those who hold it, and those who make it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import AuthMethod, Permission
from hq.lib.errors import NotFound
from sharing.models import ShareLink
from vault import selectors as vault

# What a receipt names at most, in files and in bytes of their names; of more it says that there were more. A statement
# is a file of 1 MiB at most, and says everything twice.
RECEIPTED_MOST, RECEIPTED_BYTES, EACH = 500, 200_000, 120


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A path of a link and what is there now; `size` and `sha256` are None where nothing is stored yet."""

    path: str
    size: int | None
    sha256: str | None

    is_folder: ClassVar = False

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """Where it lies, with a slash at the end; "" at the top."""
        return "".join(self.path.rpartition("/")[:2])


@dataclass(frozen=True, slots=True)
class SharedFolder:
    """A folder of a link and how much is below it now. `more`: too much to be counted."""

    path: str
    objects: int
    size: int
    more: bool

    is_folder: ClassVar = True

    @property
    def name(self) -> str:
        return self.path.rstrip("/").rpartition("/")[2] + "/"


Pinned = SharedFile | SharedFolder


def get_opened(actor: Actor) -> ShareLink:
    """The link that a recipient came by. For nobody else."""
    if actor.method is not AuthMethod.LINK:
        raise NotFound
    rows = ShareLink.objects.select_related("organization").prefetch_related("pins")
    link = rows.filter(organization_id=actor.organization_id, pk=actor.id).first()
    if link is None:
        raise NotFound
    return link


def list_files(actor: Actor, paths: Sequence[str]) -> tuple[SharedFile, ...]:
    """What is at these clean paths now, for an actor who may read them."""
    there = vault.find_objects(actor, paths)
    return tuple(
        SharedFile(path, there[path].size, there[path].sha256) if path in there else SharedFile(path, None, None)
        for path in paths
    )


def list_pinned(actor: Actor, pins: Sequence[str]) -> tuple[Pinned, ...]:
    """Each file and folder that was chosen, in order, as it is now."""
    files = {file.path: file for file in list_files(actor, [pin for pin in pins if not pin.endswith("/")])}
    return tuple(files[pin] if pin in files else _folder(actor, pin) for pin in pins)


def _folder(actor: Actor, path: str) -> SharedFolder:
    totals = vault.count_below(actor, path)
    return SharedFolder(path, totals.objects, totals.size, totals.more)


def list_below(actor: Actor, *, after: str = "", limit: int = 200) -> tuple[SharedFile, ...]:
    """A page of what lies below a recipient's folders, by path; up to limit + 1. `after` is the last path seen."""
    if not any(pin.endswith("/") for pin in actor.pinned or ()):
        return ()
    found = vault.list_objects(actor, after=f"o{after}" if after else "", limit=limit)
    return tuple(SharedFile(one.path, one.size, one.sha256) for one in found if not isinstance(one, vault.Folder))


def list_readable(actor: Actor, pins: Sequence[str]) -> tuple[Pinned, ...]:
    """As `list_pinned`, for whoever may read only some of them: the others look as if nothing was there."""
    reach = vault.reach_of(actor, Permission.OBJECTS_READ) if gate.reaches(actor, Permission.OBJECTS_READ) else ()
    known = list_pinned(actor, [pin for pin in pins if vault.lies_in(pin, reach)])
    there = {one.path: one for one in known}
    return tuple(there.get(pin) or _nothing(pin) for pin in pins)


def _nothing(pin: str) -> Pinned:
    return SharedFolder(pin, 0, 0, more=False) if pin.endswith("/") else SharedFile(pin, None, None)


def list_named(actor: Actor) -> tuple[SharedFile, ...]:
    """The files that a recipient's session gives by name, in the order in which they were chosen."""
    return list_files(actor, [pin.path for pin in get_opened(actor).pins.all() if not pin.path.endswith("/")])


def list_given(actor: Actor, pins: Sequence[str]) -> dict[str, Any]:
    """What is there for a recipient at this moment, as a receipt says it."""
    named = [
        file for file in list_files(actor, [pin for pin in pins if not pin.endswith("/")]) if file.size is not None
    ]
    below = list_below(actor, limit=RECEIPTED_MOST - len(named))
    files: list[dict[str, Any]] = []
    size = 0
    for file in (*named, *below):
        size += len(file.path.encode()) + EACH
        if size > RECEIPTED_BYTES or len(files) == RECEIPTED_MOST:
            return {"files": files, "more": True}
        files.append(asdict(file))
    return {"files": files, "more": False}
