"""Reads of a log for its archive: entries with their details as they are sealed, which nobody opens on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from audit.models import AccessEntry, AccessLink, AuditEvent
from audit.selectors.logs import EntryMissing
from audit.tags import Log


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """One entry at its place. `sealed` opens with the organization's key and `row_id`, which is part of its seal."""

    index: int
    document: bytes
    previous: bytes
    hash: bytes
    sealed: bytes
    row_id: UUID
    at: datetime


def sealed_page(
    organization_id: UUID, environment_id: UUID, log: Log, *, after: int, limit: int
) -> Sequence[SealedEntry]:
    """Entries behind an index, in order. In the caller's tenant context; no key is needed. Raises EntryMissing."""
    rows = _rows(organization_id, environment_id, log, after, limit)
    if log is Log.ADMIN:
        return [_sealed(event.index, event.document(), event, event) for event in rows]
    lines = AccessEntry.objects.in_bulk([link.pk for link in rows])
    if missing := [link.index for link in rows if link.pk not in lines]:
        raise EntryMissing(f"Request {missing[0]} of the log is missing, though its place is taken. Verify the trail.")
    return [_sealed(link.index, lines[link.pk].document(link.index), link, lines[link.pk]) for link in rows]


def times_after(
    organization_id: UUID, environment_id: UUID, log: Log, *, after: int, limit: int
) -> Sequence[tuple[int, datetime]]:
    """Index and time of entries behind an index, in order. In the caller's tenant context. Raises EntryMissing."""
    rows = _rows(organization_id, environment_id, log, after, limit)
    if log is Log.ADMIN:
        return [(event.index, event.at) for event in rows.only("index", "at")]
    links = list(rows.only("index"))
    times = dict(AccessEntry.objects.filter(pk__in=[link.pk for link in links]).values_list("pk", "at"))
    if missing := [link.index for link in links if link.pk not in times]:
        raise EntryMissing(f"Request {missing[0]} of the log is missing, though its place is taken. Verify the trail.")
    return [(link.index, times[link.pk]) for link in links]


def _rows(organization_id: UUID, environment_id: UUID, log: Log, after: int, limit: int) -> Any:
    model = AuditEvent if log is Log.ADMIN else AccessLink
    place = {"organization_id": organization_id, "environment_id": environment_id}
    return model.objects.filter(**place, index__gt=after).order_by("index")[:limit]


def _sealed(index: int, document: bytes, link: Any, row: Any) -> SealedEntry:
    held: bytes = row.__dict__["detail"].data
    return SealedEntry(index, document, bytes(link.previous), bytes(link.hash), bytes(held), row.pk, row.at)
