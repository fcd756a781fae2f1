"""Files that some readers take and others do not: ZIPs, lines and names at the edge of their formats."""

import struct
import zlib
from typing import Any

from hq.crypto import chain, notes
from hq.lib.canonical import canonical
from tests.verify import trails
from tests.verify.trails import Export, Line, Signer, checkpoint_of, entry, jsonl, packed, trail

LINES = trail(40)
LATE = 2**60 + 1  # a time that is none, and that no floating point number is


def hand_packed(
    *, behind: bytes = b"", longer: bytes = b"", flags: int = 0, count: int = 5, name: str = "", extra: bytes = b""
) -> bytes:
    """A ZIP as zipfile would not write it, but reads it."""
    bodies = listed = b""
    members = Export(LINES, csv=True).members()
    for member, raw in members:
        special = member == "events.jsonl"
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        body = packer.compress(raw + longer * special) + packer.flush() + behind * special
        spelled = (name if name and special else member).encode()
        common = (flags, 8, 0, 33, zlib.crc32(raw), len(body), len(raw), len(spelled), 0)
        listed += struct.pack("<4s6H3I5H2I", b"PK\1\2", 0x314, 20, *common[:-1], len(extra), 0, 0, 0, 0, len(bodies))
        listed += spelled + extra
        bodies += struct.pack("<4s5H3I2H", b"PK\3\4", 20, *common) + spelled + body
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(listed), len(bodies), 0)
    return bodies + listed + end


def line_too_long() -> bytes:
    """Of a little more than 1 MiB, which ends in the piece in which it gets too long."""
    return Export([entry(1, chain.GENESIS, said={"reason": "x" * 1_060_000})]).packed()


def two_wrong() -> bytes:
    """A detail that is not canonical, and further down a line that was edited: the first is to be named."""
    raw, salt = b'{"reason": "spaced"}', trails.salt_of(1)
    document = trails.document(1, "admin", chain.commitment(salt, raw).hex())
    link = chain.link(chain.GENESIS, canonical(document))
    line: Line = {
        "detail": {},
        "document": document,
        "hash": link.hex(),
        "previous": chain.GENESIS.hex(),
        "salt": salt.hex(),
    }
    second = entry(2, link)
    edited: Line = second | {"document": second["document"] | {"tag": "member:removed"}}
    first = canonical(line).replace(b'{"detail":{}', b'{"detail":%b' % raw, 1) + b"\n"
    return Export([line, second], raw_lines=first + jsonl([edited])).packed()


def with_line(name: str) -> bytes:
    """A checkpoint with one more signature by a name that nobody asked for."""
    return (checkpoint_of(LINES) + f"\u2014 {name} AAAAAAAA\n").encode()


def twice_signed() -> bytes:
    text, _, signed = checkpoint_of(LINES, signer=Signer(witnesses=[(trails.WITNESS, trails.WITNESS_SEED)])).rpartition(
        "\n\n"
    )
    return f"{text}\n\n{signed}{signed}".encode()


def witnessed_late() -> bytes:
    note = checkpoint_of(LINES)
    text = note.partition("\n\n")[0] + "\n"
    return notes.with_signatures(note, [notes.cosign(text, trails.WITNESS, trails.WITNESS_SEED, LATE)]).encode()


def proof_of(**change: Any) -> bytes:
    document = LINES[6]["document"] | change
    event = {**LINES[6], "document": document, "proof": "", "type": "hq/event-proof", "v": 1}
    huge = canonical(event | {"document": document | {"index": 7}})
    return huge.replace(b'"index":7', b'"index":1e+21', 1) if change.get("index") else canonical(event)


GOOD = {
    "checkpoint-doubled-witnessed.txt": twice_signed,
    "checkpoint-late-witnessed.txt": witnessed_late,
    "checkpoint-mark-in-a-name.txt": lambda: with_line("a\ufeffb"),
}
BAD = {
    "checkpoint-space-in-a-name.txt": lambda: with_line("a\x85b"),
    "proof-log-of-no-table.json": lambda: proof_of(log="constructor"),
    "proof-index-huge.json": lambda: proof_of(index=1),
    "statement-joined.json": lambda: b'{"jws,statement":1}',
    "export-behind-a-member.zip": lambda: hand_packed(behind=b"tail"),
    "export-longer-member.zip": lambda: hand_packed(longer=b"more"),
    "export-patched.zip": lambda: hand_packed(flags=0x20),
    "export-extra-cut.zip": lambda: hand_packed(extra=b"\x99\x99\xff\0abcd"),
    "export-count.zip": lambda: hand_packed(count=6),
    "export-name-not-ascii.zip": lambda: hand_packed(name="events.jsonl\u00e9"),
    "export-end-twice.zip": lambda: packed(Export(LINES).members()) + b"PK\x05\x06",
    "export-line-too-long.zip": line_too_long,
    "export-two-wrong.zip": two_wrong,
}
