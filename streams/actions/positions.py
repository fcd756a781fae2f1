"""Sending again from an earlier place, or going on from a later one."""

from datetime import datetime
from typing import Any
from uuid import UUID

from audit import recorder
from audit import selectors as trail
from audit.tags import Tag
from hq.authz.actor import Actor
from hq.lib.clock import now
from hq.lib.errors import Invalid
from streams import selectors
from streams.actions.streams import what
from streams.models import Position, Stream, log_of


def replay_stream(
    *, actor: Actor, stream_id: UUID, log: str, index: int | None = None, since: datetime | None = None
) -> Position:
    """Send one log again from an entry on, which is named by its index or is the first of a time or later.

    What is on its way may still arrive first. A target that fails or asks to wait is left alone for as long as before.
    Raises Denied, NotFound, Invalid.
    """
    selectors.require_both(actor)
    stream = selectors.get_stream(actor, stream_id, lock=True)
    position = next((each for each in selectors.list_positions(stream) if each.log == log), None)
    if position is None:
        raise _fault("/log", "The stream does not send this log.")
    length = selectors.lengths_of(stream.organization_id, stream.environment_id).get(log, 0)
    if (index is None) == (since is None):
        raise _fault("/index", "Name the index of an entry, or a time; one of the two.")
    first = index if index is not None else _first_since(stream, log, since or now(), length)
    if not 1 <= first <= length + 1:
        raise _fault("/index", f"The log has entries 1 to {length}; {length + 1} is the next one.")
    position.acknowledged, position.round = first - 1, position.round + 1
    position.upto, position.waiting_since, position.moved_at = None, None, now()
    position.save(update_fields=["acknowledged", "round", "upto", "waiting_since", "moved_at"])
    after: dict[str, Any] = {"log": log, "first": first}
    recorder.record(actor, Tag.STREAM_REPLAYED, target=what(stream), after=after)
    return position


def _first_since(stream: Stream, log: str, since: datetime, length: int) -> int:
    """By halving: an index is given in the order of time, but for what happened within the same moments.

    So it begins a little earlier: what is sent twice can be told, what is left out cannot.
    """
    where, low, high = log_of(log, stream.organization_id, stream.environment_id), 1, length + 1
    while low < high:
        middle = (low + high) // 2
        found = trail.times_after(*where, after=middle - 1, limit=1)
        if not found or found[0][1] >= since:
            high = middle
        else:
            low = middle + 1
    before = trail.times_after(*where, after=max(low - 1 - LOOK, 0), limit=LOOK)
    earlier = [index for index, at in before if index < low and at >= since]
    return min([low, *earlier])


LOOK = 1000


def _fault(pointer: str, detail: str) -> Invalid:
    return Invalid(detail, errors=[{"pointer": pointer, "detail": detail}])
