"""What a sharer chose, in the one spelling of it, and whether it can be shared. Every fault says where it is."""

from collections.abc import Iterable, Sequence

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid, Problem
from hq.lib.paths import MAX_PATH_BYTES, InvalidPath, clean_path
from sharing.models import (
    FOLDERS_MOST,
    LONGEST,
    PATHS_MOST,
    PURPOSE_LENGTH,
    RECIPIENT_LENGTH,
    SHORTEST,
    ShareLink,
)
from vault import selectors as vault

NEEDED = {
    ShareLink.Level.READ: (Permission.SHARES_CREATE, Permission.OBJECTS_READ),
    ShareLink.Level.WRITE: (Permission.SHARES_CREATE, Permission.OBJECTS_READ, Permission.OBJECTS_WRITE),
}
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 200


class CannotBeShared(Invalid):
    """Something you chose cannot be shared like this."""


def fault(pointer: str, detail: str) -> CannotBeShared:
    return CannotBeShared(detail, errors=[{"pointer": pointer, "detail": detail}])


def clean_pin(raw: str) -> str:
    """A file's path, or a folder's with the slash that ends it, in the one spelling of it. Raises InvalidPath."""
    if not raw.endswith("/"):
        return clean_path(raw)
    folder = f"{clean_path(raw[:-1])}/"
    if len(folder.encode()) > MAX_PATH_BYTES:
        raise InvalidPath(f"The path is longer than {MAX_PATH_BYTES} bytes.")
    return folder


def is_folder(pin: str) -> bool:
    return pin.endswith("/")


def files_of(pins: Iterable[str]) -> list[str]:
    return [pin for pin in pins if not is_folder(pin)]


def folders_of(pins: Iterable[str]) -> list[str]:
    return [pin for pin in pins if is_folder(pin)]


def level_of(permission: str) -> ShareLink.Level:
    try:
        return ShareLink.Level(permission)
    except ValueError:
        raise fault("/permission", "Choose read or write; admin cannot be shared.") from None


def check_life(ttl_seconds: int, pointer: str = "/ttl_seconds") -> None:
    if not SHORTEST.total_seconds() <= ttl_seconds <= LONGEST.total_seconds():
        raise fault(pointer, "A link lives from 60 seconds to 7 days (604800 seconds).")


def check_password(password: str) -> None:
    """Raise CannotBeShared for one that is too short or too long. An empty one is none."""
    if password and not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise fault("/password", f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")


def clean_purpose(raw: str) -> str:
    return one_line(raw, "/purpose", PURPOSE_LENGTH)


def clean_recipient(raw: str, pointer: str) -> str:
    return one_line(raw, pointer, RECIPIENT_LENGTH)


def one_line(raw: str, pointer: str, most: int) -> str:
    """One line of text: it is shown to a stranger, so nothing in it may break out of the line."""
    text = " ".join(raw.split())
    if len(text) > most or not text.isprintable():
        raise fault(pointer, f"Write one line of at most {most} characters.")
    return text


def shareable(actor: Actor, raw: Sequence[str], level: ShareLink.Level) -> tuple[str, ...]:
    """The chosen files and folders, each once. What is shared for reading must be there already.

    Raises CannotBeShared, Denied.
    """
    if not 1 <= len(raw) <= PATHS_MOST:
        raise fault("/paths", f"Choose 1 to {PATHS_MOST} files and folders.")
    pins: dict[str, int] = {}
    for index, given in enumerate(raw):
        try:
            pins.setdefault(clean_pin(given), index)
        except Problem as problem:
            raise fault(f"/paths/{index}", str(problem)) from problem
    for pin, index in pins.items():
        if gate.gives([folder for folder in folders_of(pins) if folder != pin], pin):
            raise fault(f"/paths/{index}", f"{pin} lies in a folder that you chose too; choose one of the two.")
    if len(folders_of(pins)) > FOLDERS_MOST:
        raise fault("/paths", f"Choose at most {FOLDERS_MOST} folders.")
    for permission in NEEDED[level]:
        vault.require_each(actor, permission, pins)
    if level == ShareLink.Level.READ:
        _require_there(actor, pins)
    return tuple(pins)


def _require_there(actor: Actor, pins: dict[str, int]) -> None:
    there = vault.find_objects(actor, files_of(pins))
    for path in files_of(pins):
        if path not in there:
            raise fault(f"/paths/{pins[path]}", "There is no such file that you can see.")
    for folder in folders_of(pins):
        if not vault.list_objects(actor, prefix=folder, limit=0):
            raise fault(f"/paths/{pins[folder]}", "There is nothing in this folder that you can see.")
