"""Entries whose sealed detail was changed, or whose key was destroyed: told apart, and shown all the same."""

from collections.abc import Sequence
from typing import Final, TypeVar

from audit.models import AccessEntry, AuditEvent
from hq.crypto.aead import Tampered
from hq.db.sealing import HEADER_BYTES, KeyGone, KeyUnavailable, Purpose, key_source

ALTERED: Final = "[altered]"  # stands where a name stood
ERASED: Final = "[erased]"
Entry = TypeVar("Entry", AuditEvent, AccessEntry)


def is_shredded(row: AuditEvent | AccessEntry) -> bool:
    """Tell whether the key of a detail that does not open was destroyed. Raises KeyUnavailable.

    A sealed value names the version of its key in the clear. Who names one that never was wants a detail that was
    changed to pass for one that was erased.
    """
    version = int.from_bytes(row.__dict__["detail"].data[1:HEADER_BYTES])
    try:
        ring = key_source().ring(row.organization_id, Purpose.AUDIT)
    except KeyGone:
        return True
    return 0 < version < ring.current and version not in ring.keys


def require_shredded(row: AuditEvent | AccessEntry) -> None:
    """Raise Tampered unless the key of the detail was destroyed; KeyUnavailable."""
    if not is_shredded(row):
        raise Tampered(f"The detail of row {row.pk} names a version of its key that never was.")


def shown(rows: Sequence[Entry]) -> Sequence[Entry]:
    """The same rows, for people: one whose detail was changed or erased has marks for its names and is like any other.

    What cannot be opened now for want of a key raises KeyUnavailable when it is read, as everywhere.
    """
    for row in rows:
        if mark := _mark(row):
            row.detail = {"actor": mark, "target": mark}
            row.shredded = mark == ERASED
    return rows


def _mark(row: Entry) -> str:
    """What stands for the names of a row; nothing where they can be read, or nobody knows yet."""
    try:
        return "" if row.detail is not None else ALTERED
    except Tampered:
        return ALTERED
    except KeyGone:
        return ERASED if is_shredded(row) else ALTERED
    except KeyUnavailable:
        return ""
