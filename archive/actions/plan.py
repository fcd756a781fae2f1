"""What is to be written next of a log. Each is put down before it is written: whoever is killed repeats just that.

The day of a file is that of its newest entry so far, so a clock that went back opens no former day again. Days are UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from archive.buckets import ArchiveFault
from archive.models import Digest, File, Progress
from archive.selectors import progress_of
from audit import selectors as trail
from audit.tags import Log
from hq.crypto.secrets import digest
from hq.crypto.statements import TRAIL_DIGEST
from jobs.registry import RunningJob
from keys.actions.signing import sign_statement

MOST_ENTRIES: Final = 10_000
MOST_FILES: Final = 1000  # of one digest
COVERS: Final = (
    "Each file with this name, size and SHA-256, and by the hash of the digest before it all earlier ones.",
)
NOT_COVERED: Final = (
    "Whether a newer digest was made: whoever removes the newest ones leaves a chain that is whole.",
    "What the sealed details say: they open with the organization's key only.",
)


class MissingEntries(ArchiveFault):
    """The database no longer holds an entry that is about to be archived. Nothing is written over that gap."""


@dataclass(frozen=True, slots=True)
class Order:
    """A log, and up to where: `before` a day, or everything that is there."""

    organization_id: UUID
    environment_id: UUID
    log: Log
    before: date | None

    @property
    def place(self) -> dict[str, object]:
        return {"organization_id": self.organization_id, "environment_id": self.environment_id, "log": self.log}


def checkpoint_name(order: Order, size: int) -> str:
    return f"audit/checkpoints/{order.environment_id}/{order.log}/{size}.txt"


def order_of(organization_id: UUID, payload: dict[str, str]) -> Order:
    """The log that a job is about."""
    before = date.fromisoformat(payload["before"]) if payload.get("before") else None
    return Order(organization_id, UUID(payload["environment_id"]), Log(payload["log"]), before)


def next_of(job: RunningJob, order: Order, checkpoint: dict[str, object] | None) -> File | Digest | None:
    """What to write now; None once everything is. Raises LeaseLost."""
    with job.step():
        progress = progress_of(order.organization_id, order.environment_id, order.log, lock=True)
        begun = (
            Digest.objects.filter(**order.place, written_at=None).order_by("number").first()
            or File.objects.filter(**order.place, file_hash=None).order_by("first").first()
        )
        if begun is not None:
            return begun
        times = _open_entries(order, progress)
        waiting = File.objects.filter(**order.place, first__gt=progress.archived).order_by("first")
        listed = list(waiting[: MOST_FILES + 1])
        if times and (not listed or (len(listed) < MOST_FILES and _day_of(progress, times[0][1]) == progress.day)):
            return _announce(progress, times)
        return _list(progress, listed[:MOST_FILES], checkpoint) if listed else None


def _open_entries(order: Order, progress: Progress) -> Sequence[tuple[int, datetime]]:
    """Entries that are in the tree, in no file yet, and of days that are over. Raises MissingEntries."""
    size = trail.tree_of(order.organization_id, order.environment_id, order.log).size
    found = trail.times_after(
        order.organization_id, order.environment_id, order.log, after=progress.planned, limit=MOST_ENTRIES
    )
    times = [(index, at) for index, at in found if index <= size]
    if size > progress.planned and (not times or times[0][0] != progress.planned + 1):
        raise MissingEntries
    if not times or (order.before is not None and _day_of(progress, times[0][1]) >= order.before):
        return []
    return times


def _day_of(progress: Progress, at: datetime) -> date:
    return max(progress.day or date.min, at.date())


def _announce(progress: Progress, times: Sequence[tuple[int, datetime]]) -> File:
    day = _day_of(progress, times[0][1])
    taken = next((number for number, (_, at) in enumerate(times) if at.date() > day), len(times))
    file = File.objects.create(**progress.place, day=day, first=times[0][0], last=times[taken - 1][0])
    progress.day, progress.planned = day, file.last
    progress.save(update_fields=["day", "planned"])
    return file


def _list(progress: Progress, files: Sequence[File], checkpoint: dict[str, object] | None) -> Digest:
    before = Digest.objects.filter(**progress.place).order_by("-number").first()
    day = files[-1].day
    number = before.number + 1 if before else 1
    content = sign_statement(
        {
            "type": TRAIL_DIGEST,
            "organization": {"id": str(progress.organization_id)},
            "environment": str(progress.environment_id),
            "log": str(progress.log),
            "number": number,
            "previous": {"name": before.name, "sha256": bytes(before.file_hash).hex()} if before else None,
            "files": [
                {
                    "name": file.name,
                    "sha256": bytes(file.file_hash or b"").hex(),
                    "size": file.size,
                    "first": file.first,
                    "last": file.last,
                }
                for file in files
            ],
            "checkpoint": checkpoint,
            "covers": list(COVERS),
            "does_not_cover": list(NOT_COVERED),
        }
    )
    return Digest.objects.create(
        **progress.place,
        number=number,
        day=day,
        first=files[0].first,
        last=files[-1].last,
        file_hash=digest(content),
        file=content.decode(),
    )
