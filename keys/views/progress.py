"""How far a rotation is, as its section of the page tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.clock import now
from hq.lib.errors import NotFound
from hq.lib.text import plural
from jobs import selectors as jobs
from keys.actions.reencryption import settles_at
from keys.models import Holding, Rotation
from keys.registry import KEPT, holders

State = Rotation.State
OFTEN, SELDOM = 2, 10  # seconds between two looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One holder of data: how many of its rows are done. `state`: waits, now, done or stuck."""

    title: str
    done: int
    total: int
    state: str
    unopened: int

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.total) if self.total else 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A rotation under way. `state`: running, paused or failed. `stamp` changes when the page around it has to."""

    rotation: Rotation
    state: str
    steps: list[dict[str, str]]
    parts: list[Part]
    kept: list[str]
    detail: str
    job: Any
    trouble: str
    stamp: str

    @property
    def done(self) -> int:
        return sum(part.done for part in self.parts)

    @property
    def total(self) -> int:
        return sum(part.total for part in self.parts)

    @property
    def title(self) -> str:
        return "Move in progress" if self.rotation.from_cmk_id else "Rotation in progress"

    @property
    def every(self) -> int:
        """Seconds until the next look."""
        quick = self.state == "running" and self.rotation.state != State.SETTLING
        return OFTEN if quick else SELDOM

    @property
    def given_up(self) -> bool:
        return self.job is not None and self.job.state == "DEAD"


def of(actor: Actor, rotation: Rotation | None, held: Mapping[str, Holding]) -> Progress | None:
    """None when no rotation is under way."""
    if rotation is None or rotation.state not in Rotation.UNFINISHED:
        return None
    job = _job(actor, rotation)
    paused = rotation.paused_at is not None
    failed = not paused and _has_failed(job)
    state = "paused" if paused else "failed" if failed else "running"
    parts = _parts(rotation, held)
    return Progress(
        rotation=rotation,
        state=state,
        steps=_steps(rotation, parts, state),
        parts=parts,
        kept=_kept(rotation, held),
        detail=_detail(rotation, parts, state),
        job=job,
        trouble=job.error.partition(": ")[2] if failed and job is not None else "",
        stamp=f"{rotation.id.hex}.{rotation.state}.{state}.{getattr(job, 'state', '') == 'DEAD'}",
    )


def _has_failed(job: Any) -> bool:
    """The error of an earlier try stays in the row when the work is put back; its attempts then begin anew."""
    return job is not None and bool(job.error) and (job.state == "DEAD" or (job.state == "QUEUED" and job.attempts > 0))


def _kept(rotation: Rotation, held: Mapping[str, Holding]) -> list[str]:
    """What is never written again: only its data keys are wrapped anew."""
    everything = holders(rotation.organization_id)
    return [each.title for each in everything if each.purpose in KEPT and each.name in held and held[each.name].rows]


def _job(actor: Actor, rotation: Rotation) -> Any:
    if rotation.job_id is None or not gate.allows(actor, Permission.JOBS_READ):
        return None
    try:
        return jobs.get_job(actor, rotation.job_id)
    except NotFound:  # forgotten 30 days after it was done: a rotation may be paused for longer
        return None


def _parts(rotation: Rotation, held: Mapping[str, Holding]) -> list[Part]:
    """What a holder has to do is known when it begins; before that, how much it had at the last count."""
    found = []
    for holder in holders(rotation.organization_id):
        if holder.purpose in KEPT:
            continue
        cursor = rotation.cursors.get(holder.name)
        if cursor is not None:
            state = "stuck" if cursor["finished"] and cursor["unopened"] else "done" if cursor["finished"] else "now"
            part = Part(
                title=holder.title,
                done=cursor["done"],
                total=cursor["total"],
                state=state,
                unopened=cursor["unopened"],
            )
        else:
            rows = held[holder.name].rows if holder.name in held else 0
            part = Part(title=holder.title, done=0, total=rows, state="waits", unopened=0)
        if part.total:
            found.append(part)
    return found


def _clock(at: datetime | None) -> str:
    """In the person's zone, which the middleware has set."""
    if at is None:
        return ""
    local, today = timezone.localtime(at), timezone.localdate()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%H:%M} on {local:%-d %B}"


def _steps(rotation: Rotation, parts: list[Part], state: str) -> list[dict[str, str]]:
    moves = rotation.from_cmk is not None
    before, after = rotation.from_cmk or rotation.cmk, rotation.cmk
    former = rotation.from_version or before.version
    number = [State.REQUESTED, State.REENCRYPTING, State.SETTLING].index(State(rotation.state))
    reached = {0: 0, 1: 2, 2: 3}[number]
    made = f"{after.kept_in} since" if moves else f"Version {rotation.to_version} made at"
    steps = [
        ("New key" if moves else "New version", f"{made} {_clock(rotation.made_at)}", _begins(rotation)),
        ("Data keys rewrapped", f"All {rotation.rewrapped}", "A few, whatever the size"),
        ("Rows re-encrypted", "Nothing is left", _left(rotation, parts, state)),
        ("Former key retired" if moves else f"Version {former} retired", "", _retires(rotation)),
    ]
    now_ = "failed" if state == "failed" else "now"
    return [
        {
            "title": title,
            "result": done if place < reached else waiting,
            "state": "done" if place < reached else now_ if place == reached else "todo",
        }
        for place, (title, done, waiting) in enumerate(steps)
    ]


def _begins(rotation: Rotation) -> str:
    """AWS KMS takes some minutes to make a version after it was asked to."""
    if rotation.turned_at is not None and rotation.cmk.provider == "kms":
        return "AWS KMS is making it"
    return "Waits for a worker"


def _left(rotation: Rotation, parts: list[Part], state: str) -> str:
    if rotation.state == State.REQUESTED:
        return "Reads and writes go on"
    done, total = sum(part.done for part in parts), sum(part.total for part in parts)
    percent = f"{100 * done // total}%" if total else "0%"
    if state != "running":
        return f"{'Paused' if state == 'paused' else 'Stopped'} at {percent}"
    rate = _rate(rotation, done)
    return f"{percent}, about {_span((total - done) / rate)} left" if rate and total > done else percent


def _retires(rotation: Rotation) -> str:
    if rotation.state != State.SETTLING:
        return "When nothing uses it"
    at = settles_at(rotation)
    return f"At {_clock(at)}, when no process can hold it" if at > now() else "Counted once more, then signed"


def _rate(rotation: Rotation, done: int) -> float:
    """Rows a second since the new version was made; 0 while that says nothing."""
    if rotation.made_at is None or not done:
        return 0.0
    seconds = ((rotation.reencrypted_at or now()) - rotation.made_at) / timedelta(seconds=1)
    return done / seconds if seconds >= 1 else 0.0


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 7200:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h" if seconds < 172_800 else plural(round(seconds / 86_400), "day")


def _detail(rotation: Rotation, parts: list[Part], state: str) -> str:
    unopened = sum(part.unopened for part in parts)
    faults = f"{plural(unopened, 'row')} not readable." if unopened else "0 failures."
    if state == "paused":
        return f"Paused. {faults} Both versions stay readable."
    if state == "failed":
        return f"{faults} What is done stays done."
    rate = _rate(rotation, sum(part.done for part in parts))
    speed = f"{plural(round(rate), 'row')} a second. " if rate >= 1 and rotation.state != State.REQUESTED else ""
    return f"{speed}{faults} Reads never pause."
