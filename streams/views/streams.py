"""The list of streams, and the page of one: how far it is, what it sent last, and sending again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from hq.lib.errors import Invalid
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from streams import actions, selectors
from streams.actions.streams import AlreadyActive, AlreadyPaused
from streams.forms import LOGS, ReplayForm
from streams.models import Position, Stream
from streams.selectors import Lag
from streams.targets import TARGETS

BATCHES = 20
TITLES = {log: words.partition("|")[0] for log, words in LOGS}


@dataclass(frozen=True, slots=True)
class Line:
    """A stream as pages show it."""

    stream: Stream
    place: str
    kind: str
    lag: Lag
    age: str
    positions: list[tuple[str, Position, int, int]]  # title, position, length of the log, entries that wait


def _line(stream: Stream, lengths: Mapping[str, int]) -> Line:
    positions = selectors.list_positions(stream)
    lag = selectors.lag_of(stream, positions, lengths)
    told = [(each, max(lengths.get(each.log, 0), each.acknowledged)) for each in positions]
    return Line(
        stream,
        TARGETS[stream.kind].place(stream.target),
        str(Stream.Kind(stream.kind).label),
        lag,
        age(lag.seconds),
        [(TITLES[each.log], each, length, length - each.acknowledged) for each, length in told],
    )


def age(seconds: int) -> str:
    """`40 s`, `3 min`, `5 h`, `2 days`: how old the oldest waiting entry is."""
    for least, unit in ((172_800, "days"), (3600, "h"), (60, "min")):
        if seconds >= least:
            return f"{seconds // (86_400 if unit == 'days' else least)} {unit}"
    return f"{seconds} s"


def stream_list(request: TenantRequest, **_: str) -> HttpResponse:
    """Every stream of the environment, with its lag."""
    rows: Sequence[Stream] = selectors.list_streams(request.actor)
    lengths = selectors.lengths_of(rows[0].organization_id, rows[0].environment_id) if rows else {}
    lines = [_line(row, lengths) for row in rows]
    refused = [row for row in rows if row.paused_reason == Stream.Reason.REFUSED]
    return render(request, "streams/list.html", {"lines": lines, "refused": refused})


def stream(request: TenantRequest, id: UUID, **_: str) -> HttpResponse:
    """Everything about one stream."""
    row = selectors.get_stream(request.actor, id)
    return render(request, "streams/stream.html", _context(request, row, None))


def _context(request: TenantRequest, row: Stream, form: ReplayForm | None) -> dict[str, Any]:
    line = _line(row, selectors.lengths_of(row.organization_id, row.environment_id))
    batches = selectors.list_batches(request.actor, row.id, limit=BATCHES)[:BATCHES]
    return {
        "line": line,
        "stream": row,
        "batches": [(TITLES.get(batch.log, batch.log), batch) for batch in batches],
        "next_at": row.next_at if row.next_at and row.next_at > timezone.now() else None,
        "since_help": f"In your time zone, {timezone.localtime().tzname()}.",
        "form": form or _replay_form(line.positions),
    }


def _replay_form(positions: list[tuple[str, Position, int, int]]) -> ReplayForm:
    """It begins with the log that stands first in it."""
    logs = [position.log for _, position, _, _ in positions]
    return ReplayForm(logs=logs, initial={"log": next(log for log in TITLES if log in logs)})


@require_POST
def replay(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Send one log again from where the form says."""
    row = selectors.get_stream(request.actor, id, lock=True)
    form = ReplayForm(request.POST, logs=[position.log for position in selectors.list_positions(row)])
    if form.is_valid():
        data = form.cleaned_data
        try:
            position = actions.replay_stream(
                actor=request.actor, stream_id=id, log=data["log"], index=data["index"], since=data["since"]
            )
        except Invalid as problem:
            form.add_error(None, str(problem))
        else:
            begins = f"with entry {position.acknowledged + 1:,} of {TITLES[data['log']].lower()}"
            paused = row.state == Stream.State.PAUSED
            tell(request, f"Once it goes on, it begins {begins}." if paused else f"It goes on {begins}.", where)
            return to("streams:stream", where, id=id)
    return render(request, "streams/stream.html", _context(request, row, form), status=400)


@require_POST
def pause(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    return _switch(request, actions.pause_stream, id, "Paused. What happens meanwhile waits in the trail.", where)


@require_POST
def resume(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    return _switch(request, actions.resume_stream, id, "It goes on behind the last entry that arrived.", where)


def _switch(
    request: TenantRequest, verb: Callable[..., Stream], id: UUID, told: str, where: dict[str, str]
) -> HttpResponse:
    """Do it and say so, or say that somebody else has; either way the page of the stream is next."""
    try:
        verb(actor=request.actor, stream_id=id)
    except (AlreadyActive, AlreadyPaused) as refused:
        messages.warning(request, str(refused))
    else:
        tell(request, told, where)
    return to("streams:stream", where, id=id)


@require_POST
def test(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Send one test; what came of it appears among the batches."""
    actions.test_stream(actor=request.actor, stream_id=id)
    tell(request, "A test is on its way. In a few seconds the last batches say what came of it.", where)
    return to("streams:stream", where, id=id)
