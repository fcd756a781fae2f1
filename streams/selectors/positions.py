"""How far behind a stream is: entries that wait, and for how long the oldest of them has."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from audit import selectors as trail
from hq.lib.clock import now
from streams.models import Position, Sent, Stream, log_of


@dataclass(frozen=True, slots=True)
class Lag:
    """`seconds` is the age of the oldest entry that waits; 0 where none does."""

    entries: int
    seconds: int


def lengths_of(organization_id: UUID, environment_id: UUID) -> dict[str, int]:
    """How many entries each log that its streams may send has. In the caller's tenant context."""
    lengths = {(whose, log): length for whose, log, length in trail.logs_of(organization_id)}
    found = {str(sent): lengths.get(log_of(sent, organization_id, environment_id)[1:]) for sent in Sent}
    return {sent: length for sent, length in found.items() if length}


def oldest_waiting(stream: Stream, position: Position) -> datetime | None:
    """The time of the first entry that has not arrived; None where there is none. In the caller's tenant context."""
    where = log_of(position.log, stream.organization_id, stream.environment_id)
    first = trail.times_after(*where, after=position.acknowledged, limit=1)
    return first[0][1] if first else None


def lag_of(stream: Stream, positions: Iterable[Position], lengths: Mapping[str, int]) -> Lag:
    """By what is known without looking into the logs.

    A sender that looks notes when the oldest entry was written. What came to a stream that is paused came after that;
    what no sender has seen yet came within the last seconds.
    """
    waiting, seconds, at = 0, 0.0, now()
    for position in positions:
        behind = max(lengths.get(position.log, 0) - position.acknowledged, 0)
        if behind:
            since = position.waiting_since or stream.paused_at or at
            waiting, seconds = waiting + behind, max(seconds, (at - since).total_seconds())
    return Lag(waiting, max(round(seconds), 0))
