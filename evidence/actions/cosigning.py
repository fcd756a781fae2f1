"""Having others look at a log: each witness of the deployment is shown that a checkpoint goes on from the last one.

The protocol is C2SP's tlog-witness. A witness that is away is asked again. One that says that the log is not what it
has seen raises an alarm.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from requests import Response

from audit import selectors as trail
from audit.selectors import Tree
from audit.tags import Log
from evidence.actions.checkpoints import raise_alarm, take_turn
from evidence.models import Checkpoint, Cosignature, Incident
from evidence.selectors import Witness, latest_checkpoint, witnesses
from hq.crypto import notes, transparency
from hq.crypto.signatures import BadSignature
from hq.lib.clock import now
from hq.lib.errors import Problem
from hq.lib.outbound import OutboundSession, Rules
from jobs.registry import RunningJob

SECONDS: Final = 20.0
MOST_BYTES: Final = 64 * 1024
# A witness tells the size it has seen; two posts at once may each be told once.
TRIES: Final = 3
AHEAD: Final = 24 * 3600  # a witness whose clock is further ahead says nothing of use
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


class WitnessRefused(Problem):
    """The witness does not cosign."""


class NotCosigned(Problem):
    """The witness answers with no cosignature of its own."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a witness is shown now."""

    checkpoint: Checkpoint
    old: int
    path: list[bytes]


def ask_witness(job: RunningJob) -> None:
    """Get the newest checkpoint of a log cosigned by one witness. Killed anywhere, it asks again: that is no harm."""
    environment_id, log = UUID(job.payload["environment_id"]), str(job.payload["log"])
    witness = next((each for each in witnesses() if each.key_id.hex() == job.payload["witness"]), None)
    if witness is None:  # the deployment has named others since
        return
    told: int | None = None
    for _ in range(TRIES):
        asked = _next(job, environment_id, log, witness, told)
        if asked is None:
            return
        answer = _post(witness, asked)
        if answer.status_code == 409:
            told = _told(job, asked, answer)
        else:
            _keep(job, asked, witness, answer)
            told = None
    raise WitnessRefused(f"{witness.name} tells another size each time.")


def _next(job: RunningJob, environment_id: UUID, log: str, witness: Witness, told: int | None) -> _Asked | None:
    """What is to be shown; None, and the job is done, if the witness has cosigned the newest checkpoint.

    Whoever makes a checkpoint waits for this, or this for them: one that is made later finds the job done.
    """
    with job.step():
        take_turn(environment_id, log)
        newest = latest_checkpoint(environment_id, log)
        seen = Cosignature.objects.filter(
            checkpoint__environment_id=environment_id, checkpoint__log=log, witness=witness.name
        )
        last = seen.order_by("-checkpoint__size").values_list("checkpoint__size", flat=True).first() or 0
        if newest is None or last == newest.size:
            job.complete()
            return None
        old = last if told is None else told
        path = trail.consistency(job.organization_id, environment_id, Log(log), old, newest.size) if old else []
    return _Asked(newest, old, path)


def _post(witness: Witness, asked: _Asked) -> Response:
    """Raises NotFetched."""
    rules = Rules(
        settings.OUTBOUND_NETWORKS,
        plaintext_loopback=not settings.PRODUCTION,
        seconds=SECONDS,
        most_bytes=MOST_BYTES,
        as_it_is=True,
    )
    body = transparency.write_submission(asked.old, asked.path, asked.checkpoint.note).encode()
    with OutboundSession(rules) as session:
        return session.post(f"{witness.url}/add-checkpoint", data=body, headers={"Content-Type": "text/plain"})


def _told(job: RunningJob, asked: _Asked, answer: Response) -> int:
    """The size that the witness has seen. Raises WitnessRefused."""
    found = _SIZE.fullmatch(answer.content)
    if found is None:
        raise WitnessRefused("The witness does not say which size it has seen.")
    size = int(found[1])
    if size > asked.checkpoint.size:
        _alarm(job, asked, Tree(min(size, notes.MAX_SIZE), bytes(asked.checkpoint.root)))
        raise WitnessRefused(f"The witness has seen {size} entries, and there are {asked.checkpoint.size}.")
    return size


def _keep(job: RunningJob, asked: _Asked, witness: Witness, answer: Response) -> None:
    """Keep the cosignature. Raises WitnessRefused, NotCosigned."""
    if answer.status_code == 422:
        _alarm(job, asked, Tree(asked.checkpoint.size, bytes(asked.checkpoint.root)))
        raise WitnessRefused("The witness says that the log does not go on from what it has seen.")
    if answer.status_code != 200:
        raise WitnessRefused(f"The witness answers {answer.status_code}: {_WHY.get(answer.status_code, 'not now')}.")
    line, seconds = _cosignature(asked.checkpoint, witness, answer.content)
    with job.step():
        Cosignature.objects.bulk_create(
            [
                Cosignature(
                    organization_id=job.organization_id,
                    checkpoint=asked.checkpoint,
                    witness=witness.name,
                    line=line,
                    at=datetime.fromtimestamp(seconds, UTC),
                )
            ],
            ignore_conflicts=True,
        )


_WHY = {
    400: "it does not understand what it is sent",
    403: "it does not know the key that signed",
    404: "it does not know the log",
}


def _cosignature(checkpoint: Checkpoint, witness: Witness, content: bytes) -> tuple[str, int]:
    """The one line of the answer that is of this witness's key and holds, and its time. Raises NotCosigned."""
    try:
        note = notes.read_note(checkpoint.note.encode() + content)
        seconds = notes.check_cosignature(note, witness.name, witness.public)
    except (notes.BadNote, BadSignature):
        raise NotCosigned from None
    if seconds > now().timestamp() + AHEAD:
        raise NotCosigned
    ours = [line for line in note.signatures if (line.name, line.key_id) == (witness.name, witness.key_id)]
    newest = max(ours, key=lambda line: line.payload[:8])
    return newest.line(), seconds


def _alarm(job: RunningJob, asked: _Asked, found: Tree) -> None:
    checkpoint = asked.checkpoint
    place = (job.organization_id, checkpoint.environment_id, checkpoint.log)
    with job.step():
        raise_alarm(place, Incident.Kind.WITNESS, checkpoint, found)
