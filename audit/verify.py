"""Walks a chain from its first event and finds the first that does not fit."""

from dataclasses import dataclass
from uuid import UUID

from audit.models import AuditEvent, ChainHead
from hq.crypto import chain
from hq.crypto.aead import Tampered


@dataclass(frozen=True, slots=True)
class Verdict:
    """`length` events were seen; `first_bad` is the index of the first that does not fit, or None."""

    length: int
    head: bytes
    first_bad: int | None = None
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.first_bad is None


def _fault(event: AuditEvent, index: int, previous: bytes) -> str:
    """Why this event does not fit at this place, or ''."""
    if event.index != index:
        return f"event {index} is missing"
    if bytes(event.previous) != previous:
        return "it does not follow the event before it"
    if event.computed_hash() != bytes(event.hash):
        return "its content does not have the hash that was recorded"
    try:
        matches = event.detail_matches()
    except (Tampered, ValueError):
        matches = False
    return "" if matches else "its sealed detail was changed"


def walk(organization_id: UUID, environment_id: UUID) -> Verdict:
    """Check every event of one chain. Constant memory; reads inside the caller's tenant context."""
    head = ChainHead.objects.filter(organization_id=organization_id, environment_id=environment_id).first()
    previous, index = chain.GENESIS, 0
    events = AuditEvent.objects.filter(organization_id=organization_id, environment_id=environment_id)
    if head:
        events = events.filter(index__lte=head.length)  # what is added while we walk is not ours to judge
    for event in events.order_by("index").iterator(chunk_size=2000):
        index += 1
        if reason := _fault(event, index, previous):
            return Verdict(length=index - 1, head=previous, first_bad=index, reason=reason)
        previous = bytes(event.hash)
    if index != (head.length if head else 0) or (head and bytes(head.hash) != previous):
        return Verdict(length=index, head=previous, first_bad=index + 1, reason="the newest events are missing")
    return Verdict(length=index, head=previous)
