r"""Signed notes and checkpoints, as C2SP has them (signed-note, tlog-checkpoint, tlog-cosignature), with Ed25519.

    note       = text, which ends in a newline | newline | signature lines
    signature  = "— " name " " base64(key id, 4 bytes | signature) newline          (the dash is U+2014)
    key id     = first 4 bytes of SHA-256(name | 0A | type, 1 byte | public key)
    checkpoint = origin newline size newline base64(root) newline [extension lines]

Type 01 is a signature over the text. Type 04 is a witness's: a time (8 bytes, seconds) and a signature over
"cosignature/v1\ntime <seconds>\n" and the text. Lines of other types stay in the note and are not looked at: there is
room for a second, post-quantum one (type 06, ML-DSA-44), of sixteen witnesses too. No JWS can be taken for a note or
the other way round: a note has a newline.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from hq.crypto.signatures import BadSignature, public_of, sign, verify

MAX_BYTES: Final = 128 * 1024  # sixteen post-quantum signatures of 5 kB, which every reader has to take
MAX_SIZE: Final = 2**63 - 1
ED25519: Final = 1
COSIGNATURE: Final = 4
_LINE = re.compile(r"— (?P<name>[^\s+]+) (?P<blob>[A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class BadNote(ValueError):
    """This is no note, or no checkpoint, in its one spelling."""


@dataclass(frozen=True, slots=True)
class Signed:
    """One signature line: whose name it says, which key (4 bytes), and the bytes after the key id."""

    name: str
    key_id: bytes
    payload: bytes

    def line(self) -> str:
        """As it stands in a note. Raises BadNote for what cannot."""
        return _line(self.name, self.key_id + self.payload)


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signature lines, nothing of it checked."""

    text: str
    signatures: tuple[Signed, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log has committed to: its name, how many entries, and the root over them (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def key_id(name: str, public: bytes, kind: int = ED25519) -> bytes:
    """Tell a name's keys apart: 4 bytes."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def verifier_key(name: str, public: bytes, kind: int = ED25519) -> str:
    """Write a key as verifiers take it: `name+key id+base64(type | public key)`."""
    return f"{name}+{key_id(name, public, kind).hex()}+{base64.b64encode(bytes([kind]) + public).decode()}"


def read_verifier_key(text: str) -> tuple[str, int, bytes]:
    """Give the name, the type and the public key of what `verifier_key` wrote.

    Raises:
        BadNote: it is written in another way, or its parts do not belong together.
    """
    name, _, rest = text.partition("+")
    _, _, blob = rest.partition("+")
    raw = decode(blob)
    if len(raw) != 33 or raw[0] not in {ED25519, COSIGNATURE} or verifier_key(name, raw[1:], raw[0]) != text:
        raise BadNote("This is no verifier key of a log or of a witness.")
    _check_name(name)
    return name, raw[0], raw[1:]


def sign_note(text: str, name: str, seed: bytes) -> str:
    """Give the note of a text with one signature.

    Raises:
        BadNote: the text is not whole lines, or the name has white space or a plus sign.
    """
    _check_text(text)
    return f"{text}\n{_line(name, key_id(name, public_of(seed)) + sign(seed, text.encode()))}"


def cosign(text: str, name: str, seed: bytes, seconds: int) -> str:
    """Give a witness's signature line for a checkpoint's text, at a time (seconds since 1970)."""
    kind = key_id(name, public_of(seed), COSIGNATURE)
    return _line(name, kind + seconds.to_bytes(8, "big") + sign(seed, _cosigned(text, seconds)))


def read_note(raw: bytes) -> Note:
    """Take a note apart without believing it.

    Raises:
        BadNote: it is none.
    """
    if len(raw) > MAX_BYTES:
        raise BadNote("A note has at most 128 KiB.")
    try:
        whole = raw.decode()
    except UnicodeDecodeError:
        raise BadNote("A note is UTF-8.") from None
    text, found, lines = whole.rpartition("\n\n")
    text += "\n"
    if not found or not lines.endswith("\n"):
        raise BadNote("A note has a text, an empty line and signatures.")
    _check_text(whole)
    return Note(text, tuple(_signed(line) for line in lines[:-1].split("\n")))


def check_note(note: Note, name: str, public: bytes) -> None:
    """Return only if this key of this name signed the note's text. Each line that says so has to hold.

    Raises:
        BadSignature: it did not; which thing is wrong is not told.
    """
    for line in _lines_of(note, name, key_id(name, public)):
        verify(public, note.text.encode(), line.payload)


def check_cosignature(note: Note, name: str, public: bytes) -> int:
    """Give the time (seconds since 1970) at which this witness saw the note's text.

    Raises:
        BadSignature: it did not; which thing is wrong is not told.
    """
    times: list[int] = []
    for line in _lines_of(note, name, key_id(name, public, COSIGNATURE)):
        seconds = int.from_bytes(line.payload[:8], "big")
        if len(line.payload) != 72 or not 0 < seconds <= MAX_SIZE:
            raise BadSignature
        verify(public, _cosigned(note.text, seconds), line.payload[8:])
        times.append(seconds)
    return max(times)


def with_signatures(note: str, lines: Iterable[str]) -> str:
    """Add signature lines, as `cosign` and other logs write them, to a note."""
    return note + "".join(lines)


def read_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint; extension lines are allowed and not looked at.

    Raises:
        BadNote: it is none.
    """
    *lines, rest = text.split("\n")
    if len(lines) < 3 or rest or "" in lines or not _SIZE.fullmatch(lines[1]) or int(lines[1]) > MAX_SIZE:
        raise BadNote("A checkpoint has an origin, a size and a root, a line each.")
    root = decode(lines[2])
    if len(root) != 32:
        raise BadNote("The root of a checkpoint has 32 bytes.")
    return Checkpoint(lines[0], int(lines[1]), root)


def decode(text: str) -> bytes:
    """Read base64 in its one spelling. Raises BadNote."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadNote("This is not base64.") from None
    if base64.b64encode(raw).decode() != text:
        raise BadNote("This is not base64 in its one spelling.")
    return raw


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _lines_of(note: Note, name: str, wanted: bytes) -> list[Signed]:
    """Those of one key, of which there is at least one, each once, however often it is there. Raises BadSignature."""
    lines = list(dict.fromkeys(line for line in note.signatures if (line.name, line.key_id) == (name, wanted)))
    if not lines:
        raise BadSignature
    return lines


def _check_name(name: str) -> None:
    if not name or "+" in name or _CONTROL.search(name) or any(character.isspace() for character in name):
        raise BadNote("The name of a key has no white space and no plus sign.")


def _line(name: str, blob: bytes) -> str:
    _check_name(name)
    return f"— {name} {base64.b64encode(blob).decode()}\n"


def _signed(line: str) -> Signed:
    found = _LINE.fullmatch(line)
    blob = decode(found["blob"]) if found else b""
    if found is None or len(blob) < 5:
        raise BadNote("A signature line has a dash, a name, and base64.")
    return Signed(found["name"], blob[:4], blob[4:])


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise BadNote("The text of a note is whole lines without control characters.")
