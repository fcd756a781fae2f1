"""Bringing the trail to a target, batch by batch: each is decided on, sent, and acknowledged.

The trail is the queue. A stream knows the last entry that arrived and the end of the batch that is under way, which was
written before the batch went out. So a sender that is lost at any point is followed by one that sends the very same
batch: nothing is left out, the order holds, and what comes twice comes as a whole batch.

Nothing is sent while a transaction is open. One job sends a stream; should it lose its lease while it sends, what it
wants to note is refused, and its batch is sent again by the next.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from audit import selectors as trail
from audit.selectors import Entry, EntryMissing
from audit.tags import Log
from hq.authz.actor import system_actor
from hq.db.fields import KeyUnavailable, Tampered
from hq.lib.clock import now
from jobs.registry import RunningJob
from streams import selectors
from streams.actions.notices import tell_failing, tell_paused
from streams.actions.streams import pause
from streams.models import SAID_MOST, Batch, Position, Stream, log_of
from streams.targets import TARGETS, Outcome, Parcel
from streams.targets.base import since

SEND = "streams.send"
# A batch is as many entries as this, or as many as fit the bytes, but at least one.
ENTRIES, BYTES = 500, 1024 * 1024
# One run of the job goes on for so long, then lets others pass.
BUDGET = timedelta(seconds=20)
# After a failure the next try is this much later, twice as much after each further one, each up to a fifth earlier or
# later: what failed together does not come back together.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=10)
TOLD_AFTER = timedelta(days=1)
BATCHES_KEPT = 50
NO_KEY = "The organization’s key cannot be reached, so what is sealed cannot be read."
NOT_WHOLE = "An entry of the trail is not as it was written, or is missing. Verify the trail: nothing is left out here."


@dataclass(frozen=True, slots=True)
class Sending:
    """A batch on its way: from which position it was taken, and where it goes, which was entered at `changed_at`."""

    position: Position
    kind: str
    changed_at: datetime
    parcel: Parcel
    target: dict[str, Any] = field(repr=False)
    secret: dict[str, Any] = field(repr=False)


def send_stream(job: RunningJob) -> None:
    """Send what waits, until nothing does, the target fails, or the time is over."""
    stream_id, ends = UUID(job.payload["stream"]), monotonic() + BUDGET.total_seconds()
    while monotonic() < ends:
        try:
            sending = _decide(job, stream_id)
        except (KeyUnavailable, Tampered, EntryMissing) as fault:
            _postpone(job, stream_id, NO_KEY if isinstance(fault, KeyUnavailable) else NOT_WHOLE)
            return
        if sending is None:
            return
        began = monotonic()
        outcome = TARGETS[sending.kind].send(sending.parcel, sending.target, sending.secret)
        if not _note(job, stream_id, sending, outcome, since(began)):
            return
    with job.step():
        job.again(now())


def _decide(job: RunningJob, stream_id: UUID) -> Sending | None:
    """The batch that is next, its end written down; None, with the job done, if there is none."""
    with job.step():
        stream = _locked(job, stream_id)
        if stream is None or stream.state != Stream.State.ACTIVE or (stream.next_at and stream.next_at > now()):
            job.complete()
            return None
        lengths = selectors.lengths_of(stream.organization_id, stream.environment_id)
        # The log that was served longest ago first, so that a busy one does not hold up the other.
        for position in sorted(stream.positions.all(), key=lambda each: each.moved_at):
            if lengths.get(position.log, 0) > position.acknowledged:
                entries = _take(stream, position, lengths[position.log])
                if entries:
                    parcel = _parcel(stream, position, entries)
                    return Sending(position, stream.kind, stream.changed_at, parcel, stream.target, stream.secret)
        job.complete()
        return None


def _take(stream: Stream, position: Position, length: int) -> Sequence[Entry]:
    """The entries of the batch that is under way, else of a new one; none where all are gone. Raises EntryMissing."""
    where = log_of(position.log, stream.organization_id, stream.environment_id)
    entries = _page(position, where)
    if not entries or entries[0].index != position.acknowledged + 1:
        _pass_over_dropped(position, where)
        if position.acknowledged >= length:
            return []
        entries = _page(position, where)
    if not entries or any(entry.index != position.acknowledged + place for place, entry in enumerate(entries, 1)):
        raise EntryMissing
    if position.upto is None and entries:
        entries = _fitting(entries)
        position.upto, position.waiting_since = entries[-1].index, entries[0].at
        position.save(update_fields=["upto", "waiting_since"])
    return entries


def _page(position: Position, where: tuple[UUID, UUID, Log]) -> Sequence[Entry]:
    limit = ENTRIES if position.upto is None else position.upto - position.acknowledged
    return trail.page_log(*where, after=position.acknowledged, limit=limit)


def _pass_over_dropped(position: Position, where: tuple[UUID, UUID, Log]) -> None:
    """Go on behind what has left the database with its month, as the log's head says. Raises EntryMissing.

    Whatever else is missing, from the beginning too, has not left like that. A batch that was under way is never sent
    any more.
    """
    dropped = trail.dropped_of(*where)
    if dropped <= position.acknowledged:
        raise EntryMissing
    position.acknowledged, position.upto, position.waiting_since = dropped, None, None
    position.save(update_fields=["acknowledged", "upto", "waiting_since"])


def _fitting(entries: Sequence[Entry]) -> Sequence[Entry]:
    size = 0
    for number, entry in enumerate(entries):
        size += len(entry.document) + len(str(entry.detail))
        if size > BYTES and number:
            return entries[:number]
    return entries


def _parcel(stream: Stream, position: Position, entries: Sequence[Entry]) -> Parcel:
    first, last = entries[0].index, entries[-1].index
    batch_id = f"{stream.id}_{position.log}_{first}_{last}_{position.round}"
    return Parcel(batch_id, stream.environment_id, position.log, entries)


def _postpone(job: RunningJob, stream_id: UUID, said: str) -> None:
    with job.step():
        stream = _locked(job, stream_id)
        if stream is not None:
            _fail(stream, Outcome(arrived=False, said=said))
        job.complete()


def _note(job: RunningJob, stream_id: UUID, sending: Sending, outcome: Outcome, milliseconds: int) -> bool:
    """Write down what came of it; whether to go on at once. Whatever is recorded comes last."""
    with job.step():
        stream = _locked(job, stream_id)
        if stream is None:
            job.complete()
            return False
        entries = sending.parcel.entries
        note_batch(stream, sending.parcel, outcome, milliseconds)
        # Unless somebody moved it meanwhile: then this batch was of no matter.
        mine = Position.objects.filter(
            organization_id=stream.organization_id,
            pk=sending.position.pk,
            acknowledged=sending.position.acknowledged,
            round=sending.position.round,
        )
        if outcome.arrived:
            mine.update(acknowledged=entries[-1].index, upto=None, waiting_since=None, moved_at=now())
            _recover(stream)
            return True
        if stream.changed_at != sending.changed_at:
            return True  # it says nothing of where it goes now
        if outcome.too_large and len(entries) > 1:
            mine.update(upto=entries[len(entries) // 2 - 1].index)
            return True
        job.complete()
        _give_up_for_now(stream, outcome)
        return False


def _locked(job: RunningJob, stream_id: UUID) -> Stream | None:
    rows = Stream.objects.filter(organization_id=job.organization_id, pk=stream_id)
    return rows.select_for_update(no_key=True).first()


def note_batch(stream: Stream, parcel: Parcel, outcome: Outcome, milliseconds: int) -> None:
    """Add a line to what is shown of it, and forget the oldest."""
    first, last = (parcel.entries[0].index, parcel.entries[-1].index) if parcel.entries else (0, 0)
    Batch.objects.create(
        organization_id=stream.organization_id,
        stream_id=stream.id,
        log=parcel.log,
        first=first,
        last=last,
        arrived=outcome.arrived,
        said=outcome.said[:SAID_MOST],
        milliseconds=milliseconds,
        size=outcome.size,
    )
    rows = Batch.objects.filter(organization_id=stream.organization_id, stream_id=stream.id).order_by("-pk")
    oldest = rows.values_list("pk", flat=True)[BATCHES_KEPT - 1 : BATCHES_KEPT].first()
    if oldest is not None:
        rows.filter(pk__lt=oldest).delete()


def _recover(stream: Stream) -> None:
    stream.failing_since = stream.told_at = stream.next_at = None
    stream.failures, stream.said, stream.sent_at = 0, "", now()
    stream.save(update_fields=["failing_since", "told_at", "next_at", "failures", "said", "sent_at"])


def _give_up_for_now(stream: Stream, outcome: Outcome) -> None:
    """Try later; or, where a try would be of no use, pause it and tell its people."""
    if not outcome.final or stream.state != Stream.State.ACTIVE:
        _fail(stream, outcome)
        return
    _fail(stream, outcome)
    tell_paused(stream)
    pause(stream, _ourselves(stream), Stream.Reason.REFUSED)


def _fail(stream: Stream, outcome: Outcome) -> None:
    stream.failures += 1
    stream.failing_since = stream.failing_since or now()
    stream.next_at = next_at(stream.failures, outcome.wait)
    stream.said = outcome.said[:SAID_MOST]
    if not outcome.final and stream.told_at is None and now() - stream.failing_since > TOLD_AFTER:
        stream.told_at = now()
        tell_failing(stream)
    stream.save(update_fields=["failures", "failing_since", "next_at", "said", "told_at"])


def next_at(failures: int, wait: timedelta) -> datetime:
    """When to try again after so many. What the target asks for can only make it later."""
    pause: timedelta = min(FIRST_PAUSE * 2 ** min(failures - 1, 20), LONGEST_PAUSE) * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, hides nothing
    return now() + max(pause, wait)


def _ourselves(stream: Stream) -> Any:
    return system_actor(stream.organization_id, environment_id=stream.environment_id)
