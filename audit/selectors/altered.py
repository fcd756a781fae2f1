"""Entries whose sealed detail was changed: told apart from those whose key was destroyed, and shown all the same."""

from collections.abc import Sequence
from typing import Final, TypeVar

from audit.models import AccessEntry, AuditEvent
from hq.crypto.aead import Tampered
from hq.db.sealing import HEADER_BYTES, KeyGone, KeyUnavailable, Purpose, key_source

ALTERED: Final = "[altered]"  # stands where a name stood
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
    """The same rows, for people: one whose detail was changed has marks for its names and is like any other.

    What cannot be opened for want of a key raises KeyUnavailable when it is read, as everywhere.
    """
    for row in rows:
        try:
            altered = row.detail is None
        except Tampered:
            altered = True
        except KeyGone:
            altered = not is_shredded(row)
        except KeyUnavailable:
            altered = False
        if altered:
            row.detail = {"actor": ALTERED, "target": ALTERED}
    return rows
