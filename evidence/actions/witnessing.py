"""Being the witness of others' logs (C2SP tlog-witness): nothing is cosigned that does not go on from what was.

Who may ask is settled by the key of the log alone. Refusals carry the status that the protocol gives them.
"""

from dataclasses import dataclass
from typing import ClassVar

from django.db import transaction

from evidence.models import WitnessedLog
from evidence.selectors import own_witness_name, witnessed
from hq.crypto import notes
from hq.crypto.merkle import EMPTY_ROOT, BadProof, check_consistency
from hq.crypto.notes import BadNote, Note, Signed
from hq.crypto.signatures import BadSignature
from hq.crypto.transparency import Submission, read_submission
from hq.db.locks import hold
from hq.lib.clock import now
from hq.lib.errors import Invalid, NotFound, Problem
from keys.actions.signing import cosign_note


class NotASubmission(Invalid):
    """This is not what a witness is sent."""


class LogNotWitnessed(NotFound):
    """This witness does not know the log."""


class NotSignedByTheLog(Problem):
    """No key that this witness knows the log by signed the checkpoint, or one of its signatures does not hold."""

    status = 403


class OtherSize(Problem):
    """This witness has seen another size of the log."""

    status = 409

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size


class DoesNotGoOn(Problem):
    """The checkpoint does not go on from what this witness has seen."""

    status: ClassVar[int] = 422


@dataclass(frozen=True, slots=True)
class _Submitted:
    """A checkpoint whose signature holds."""

    checkpoint: notes.Checkpoint
    submission: Submission
    signed: list[Signed]


def add_checkpoint(raw: bytes) -> str:
    """Cosign the checkpoint of a log that this deployment is a witness of; the lines of the answer.

    What is answered has been committed. Raises NotASubmission, LogNotWitnessed, NotSignedByTheLog, OtherSize,
    DoesNotGoOn, KeyUnavailable.
    """
    submitted = _read(raw)
    with transaction.atomic():
        hold(f"hq.evidence:witness:{submitted.checkpoint.origin}")
        row = WitnessedLog.objects.filter(origin=submitted.checkpoint.origin).first()
        _check(submitted, row)
        return _cosign(submitted, row)


def _read(raw: bytes) -> _Submitted:
    try:
        submission = read_submission(raw)
        checkpoint = notes.read_checkpoint(submission.note.text)
    except BadNote:
        raise NotASubmission from None
    known = witnessed().get(checkpoint.origin)
    if known is None:
        raise LogNotWitnessed
    signed = _signed(submission.note, checkpoint.origin, known)
    if submission.old > checkpoint.size:
        raise NotASubmission
    return _Submitted(checkpoint, submission, signed)


def _signed(note: Note, origin: str, known: list[bytes]) -> list[Signed]:
    """A line of each key that the log is known by and that signed it. Raises NotSignedByTheLog.

    One only, whatever stands in the note: it is kept and published, and anybody can write a line down again and again.
    """
    lines: list[Signed] = []
    for public in known:
        wanted = notes.key_id(origin, public)
        ours = [line for line in note.signatures if (line.name, line.key_id) == (origin, wanted)]
        try:
            if ours:
                notes.check_note(note, origin, public)
        except BadSignature:
            raise NotSignedByTheLog from None
        lines += ours[:1]
    if not lines:
        raise NotSignedByTheLog
    return lines


def _check(submitted: _Submitted, row: WitnessedLog | None) -> None:
    """In the order that the protocol asks for. Raises OtherSize, DoesNotGoOn."""
    checkpoint, submission = submitted.checkpoint, submitted.submission
    if submission.old != (row.size if row else 0):
        raise OtherSize(row.size if row else 0)
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise DoesNotGoOn
    if submission.old == 0:
        if submission.path or (row is not None and checkpoint.size == 0 and bytes(row.root) != checkpoint.root):
            raise DoesNotGoOn
        return
    try:
        known = bytes(row.root) if row else EMPTY_ROOT
        check_consistency(submission.old, checkpoint.size, known, checkpoint.root, submission.path)
    except BadProof:
        raise DoesNotGoOn from None


def _cosign(submitted: _Submitted, row: WitnessedLog | None) -> str:
    checkpoint, text = submitted.checkpoint, submitted.submission.note.text
    at = max(now(), row.at) if row else now()  # a clock that was set back must not make it look older
    line = cosign_note(text, own_witness_name(), int(at.timestamp()))
    kept = row or WitnessedLog()
    kept.origin, kept.size, kept.root, kept.at = checkpoint.origin, checkpoint.size, checkpoint.root, at
    kept.note = f"{text}\n" + "".join(each.line() for each in submitted.signed) + line
    kept.save(force_insert=row is None, update_fields=["size", "root", "note", "at"] if row else None)
    return line
