"""What is said about logs over wires and in files, as C2SP has it: proofs (tlog-proof) and requests to witnesses.

proof   = "c2sp.org/tlog-proof@v1" newline ["extra " base64 newline] "index " index newline hashes newline note
request = "old " size newline hashes newline note                    (tlog-witness, add-checkpoint)
hashes  = a line of base64 each; after them comes an empty line, and the note of the checkpoint as it is
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hq.crypto import merkle, notes
from hq.crypto.notes import BadNote, Checkpoint, Note
from hq.crypto.signatures import BadSignature

PROOF: Final = "c2sp.org/tlog-proof@v1"
MOST_HASHES: Final = 63
MAX_BYTES: Final = notes.MAX_BYTES + 64 * 64

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Proof:
    """That a leaf stands at `index` (from 0) in the tree of a checkpoint, nothing of it checked."""

    index: int
    path: tuple[bytes, ...]
    note: Note

    @property
    def checkpoint(self) -> Checkpoint:
        """What the note is about. Raises BadNote."""
        return notes.read_checkpoint(self.note.text)


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint for a witness, with what shows that its tree begins with the `old` leaves it has seen."""

    old: int
    path: tuple[bytes, ...]
    note: Note


def write_proof(index: int, path: Sequence[bytes], note: str) -> str:
    """Give the text of a proof of inclusion."""
    return f"{PROOF}\nindex {index}\n{_written(path)}\n{note}"


def read_proof(raw: bytes) -> Proof:
    """Take a proof apart without believing it. Extra data is allowed and not looked at: nothing vouches for it.

    Raises:
        BadNote: it is none.
    """
    head, note = _halves(raw)
    if not head or head.pop(0) != PROOF:
        raise BadNote("This is no proof of a log.")
    if head and head[0].startswith("extra "):
        notes.decode(head.pop(0).removeprefix("extra "))
    if not head:
        raise BadNote("A proof says at which index.")
    return Proof(_number(head[0], "index "), _read(head[1:]), note)


def check_proof(proof: Proof, leaf: bytes, origin: str, public: bytes) -> Checkpoint:
    """Give the checkpoint only if the log of this origin signed it with this key, and the leaf hash is where it says.

    Raises:
        BadNote: the note is no checkpoint.
        BadSignature: it is that of another log, or not signed.
        BadProof: the leaf is not there.
    """
    checkpoint = check_checkpoint(proof.note, origin, public)
    merkle.check_inclusion(leaf, proof.index, checkpoint.size, proof.path, checkpoint.root)
    return checkpoint


def check_checkpoint(note: Note, origin: str, public: bytes) -> Checkpoint:
    """Give the checkpoint only if it is one of the log of this origin, signed with this key.

    Raises:
        BadNote: the note is no checkpoint.
        BadSignature: it is that of another log, or not signed.
    """
    checkpoint = notes.read_checkpoint(note.text)
    if checkpoint.origin != origin:
        raise BadSignature
    notes.check_note(note, origin, public)
    return checkpoint


def write_submission(old: int, path: Sequence[bytes], note: str) -> str:
    """Give the body of add-checkpoint."""
    return f"old {old}\n{_written(path)}\n{note}"


def read_submission(raw: bytes) -> Submission:
    """Take the body of add-checkpoint apart without believing it.

    Raises:
        BadNote: it is none.
    """
    head, note = _halves(raw)
    if not head:
        raise BadNote("A submission says what the witness has seen.")
    return Submission(_number(head[0], "old "), _read(head[1:]), note)


def _halves(raw: bytes) -> tuple[list[str], Note]:
    """The lines before the first empty one, and the note after it. Raises BadNote."""
    if len(raw) > MAX_BYTES:
        raise BadNote("This is too long.")
    head, found, rest = raw.partition(b"\n\n")
    if not found:
        raise BadNote("There is an empty line before a note.")
    try:
        return head.decode("ascii").split("\n"), notes.read_note(rest)
    except UnicodeDecodeError:
        raise BadNote("These lines are ASCII.") from None


def _number(line: str, word: str) -> int:
    digits = line.removeprefix(word)
    if digits == line or not _NUMBER.fullmatch(digits) or int(digits) > notes.MAX_SIZE:
        raise BadNote("There is one way to write a number.")
    return int(digits)


def _written(path: Sequence[bytes]) -> str:
    return "".join(f"{base64.b64encode(each).decode()}\n" for each in path)


def _read(lines: Sequence[str]) -> tuple[bytes, ...]:
    path = tuple(notes.decode(line) for line in lines)
    if len(path) > MOST_HASHES or any(len(each) != merkle.HASH_BYTES for each in path):
        raise BadNote("A proof has at most 63 hashes of 32 bytes.")
    return path
