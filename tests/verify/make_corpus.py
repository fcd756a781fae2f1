"""Writes tests/verify/corpus: files that hold, and files that do not, each named after what is wrong with it.

    .venv/bin/python -m tests.verify.make_corpus

Seeds, keys and times are fixed, so the same bytes come out every time; a test says when they do not.
"""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hq.crypto import chain, notes
from hq.crypto.signatures import public_of
from hq.crypto.statements import build
from hq.lib.canonical import canonical
from tests.verify import oddities, trails
from tests.verify.samples import (
    CERTIFICATE,
    PUBLIC,
    ROTATED,
    SEED,
    STRANGER,
    certificate,
    changed_and_signed,
    jwks,
)
from tests.verify.trails import Export, Signer, checkpoint_of, entry, event_proof, jsonl, packed, rehashed, table, trail

CORPUS = Path(__file__).parent / "corpus"
WITNESSED = Signer(witnesses=[(trails.WITNESS, trails.WITNESS_SEED)])
LINES, ACCESS = trail(40), trail(9, "access")
SHREDDED = [trails.shredded(line) if line["document"]["index"] in {3, 4, 9} else line for line in LINES]
OTHER = [line | {"document": line["document"] | {"organization": trails.OTHER_ORGANIZATION}} for line in LINES]


def edited(at: int, **change: Any) -> list[trails.Line]:
    """The document of one entry changed, and nothing made to fit."""
    found = list(LINES)
    found[at] = found[at] | {"document": found[at]["document"] | change}
    return found


def with_detail(at: int, detail: dict[str, Any]) -> list[trails.Line]:
    found = list(LINES)
    found[at] = found[at] | {"detail": detail}
    return found


def handed_out(given: list[trails.Line], **more: Any) -> bytes:
    """Signed as HQ would, around lines that are not those of the tree: the worst that HQ itself could do."""
    return Export(LINES, given=given, csv=True, **more).packed()


def exchanged(name: str, raw: bytes, **more: Any) -> bytes:
    """One member put in the place of another, by somebody without a key."""
    members = Export(LINES, csv=True, **more).members()
    return packed((member, raw if member == name else content) for member, content in members)


def without(name: str) -> bytes:
    return packed(member for member in Export(LINES, csv=True).members() if member[0] != name)


def tuned(change: Callable[[zipfile.ZipInfo], None]) -> bytes:
    return packed(Export(LINES).members(), change)


def renamed(info: zipfile.ZipInfo) -> None:
    info.filename = f"../{info.filename}" if info.filename == "events.jsonl" else info.filename


def spliced(raw: bytes, since: int, until: int, instead: bytes = b"") -> bytes:
    return raw[:since] + instead + raw[until:]


def commented() -> bytes:
    file = io.BytesIO(Export(LINES).packed())
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"hello"
    return file.getvalue()


def encrypted() -> bytes:
    """A ZIP that says of its members that they are encrypted, in both places."""
    raw = bytearray(Export(LINES).packed())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.find(signature)
        while at >= 0:
            raw[at + offset] |= 1
            at = raw.find(signature, at + 4)
    return bytes(raw)


def proof(index: int = 7, **change: Any) -> bytes:
    return event_proof(LINES, index, **change)


def proof_text(change: Callable[[str], str]) -> bytes:
    event = json.loads(proof())
    return canonical(event | {"proof": change(event["proof"])})


def cut_to(length: int) -> bytes:
    """The tail cut off by whoever has the database, without a new checkpoint."""
    return Export(LINES, given=LINES[:length], said={"last": 40}).packed()


def rewritten(since: int) -> bytes:
    """One entry changed and everything after it hashed anew, under the checkpoint that was signed before."""
    changed = edited(since - 1, tag="member:removed")
    return Export(LINES, given=rehashed(changed, since - 1)).packed()


def broken_note(change: Callable[[str], str]) -> bytes:
    return change(checkpoint_of(LINES)).encode()


def inserted() -> list[trails.Line]:
    previous = bytes.fromhex(LINES[9]["hash"])
    return [*LINES[:10], entry(11, previous, said={"reason": "made up"}), *LINES[10:]]


def second_key() -> str:
    """Another's signature under the log's name, with the key id of the right one."""
    note = checkpoint_of(LINES, signer=Signer(STRANGER))
    text = note.partition("\n\n")[0] + "\n"
    blob = base64.b64decode(note.rsplit(" ", 1)[1])
    right = notes.key_id(trails.origin(), PUBLIC) + blob[4:]
    return f"{text}\n— {trails.origin()} {base64.b64encode(right).decode()}\n"


def spelled_otherwise() -> bytes:
    """A detail with white space, committed to as it is."""
    raw = b'{"reason": "spaced"}'
    salt = trails.salt_of(1)
    document = trails.document(1, "admin", chain.commitment(salt, raw).hex())
    link = chain.link(chain.GENESIS, canonical(document)).hex()
    line = {"detail": None, "document": document, "hash": link, "previous": chain.GENESIS.hex(), "salt": salt.hex()}
    whole = canonical(line).replace(b'"detail":null,"document"', b'"detail":%b,"document"' % raw, 1) + b"\n"
    return Export([line], raw_lines=whole, given=[line | {"detail": {}}]).packed()


GOOD: dict[str, Callable[[], bytes]] = {
    "statement-certificate.json": certificate,
    "statement-rotation.json": lambda: build(ROTATED, SEED),
    "statement-export.json": lambda: Export(LINES).members()[0][1],
    "checkpoint.txt": lambda: checkpoint_of(LINES).encode(),
    "checkpoint-witnessed.txt": lambda: checkpoint_of(LINES, signer=WITNESSED).encode(),
    "checkpoint-empty.txt": lambda: checkpoint_of([]).encode(),
    "proof-first.json": lambda: proof(1),
    "proof.json": proof,
    "proof-last.json": lambda: proof(40),
    "proof-access.json": lambda: event_proof(ACCESS, 9, "access"),
    "proof-shredded.json": lambda: event_proof(SHREDDED, 9),
    "proof-witnessed.json": lambda: proof(note=checkpoint_of(LINES, signer=WITNESSED)),
    "export.zip": Export(LINES).packed,
    "export-table.zip": Export(LINES, csv=True).packed,
    "export-range.zip": Export(LINES, first=7, last=13, csv=True).packed,
    "export-tail.zip": Export(LINES, first=33).packed,
    "export-one.zip": Export(LINES, first=6, last=6).packed,
    "export-access.zip": Export(ACCESS, log="access", csv=True).packed,
    "export-shredded.zip": Export(SHREDDED, csv=True).packed,
    "export-witnessed.zip": Export(LINES, signer=WITNESSED).packed,
    "export-stored.zip": lambda: tuned(lambda info: setattr(info, "compress_type", zipfile.ZIP_STORED)),
}

BAD: dict[str, Callable[[], bytes]] = {
    "statement-edited.json": lambda: certificate().replace(b'"rows":12', b'"rows":13'),
    "statement-stranger.json": lambda: build(CERTIFICATE, STRANGER),
    "statement-spaced.json": lambda: certificate() + b"\n",
    "statement-not-json.json": lambda: certificate()[:-1],
    "statement-twice.json": lambda: certificate().replace(b'"rows":12', b'"rows":12,"rows":12'),
    "statement-type.json": lambda: changed_and_signed(type="hq/other"),
    "statement-field.json": lambda: changed_and_signed(approved=None),
    "statement-fraction.json": lambda: certificate().replace(b'"rows":12', b'"rows":1.5'),
    "statement-utf8.json": lambda: certificate().replace("ö".encode(), b"\xff"),
    "checkpoint-size.txt": lambda: broken_note(lambda note: note.replace("\n40\n", "\n41\n")),
    "checkpoint-origin.txt": lambda: broken_note(lambda note: note.replace("hq.example.org", "hq.example.com", 1)),
    "checkpoint-key.txt": lambda: checkpoint_of(LINES, signer=Signer(STRANGER)).encode(),
    "checkpoint-wrong-signature.txt": lambda: second_key().encode(),
    "checkpoint-cut.txt": lambda: broken_note(lambda note: note[:-1]),
    "checkpoint-unsigned.txt": lambda: broken_note(lambda note: note.partition("\n\n")[0] + "\n"),
    "checkpoint-leading-zero.txt": lambda: broken_note(lambda note: note.replace("\n40\n", "\n040\n")),
    "checkpoint-huge.txt": lambda: checkpoint_of(LINES, size=2**53).encode(),
    "checkpoint-short-root.txt": lambda: broken_note(lambda note: note.replace(note.split("\n")[2], "AAAA")),
    "checkpoint-crlf.txt": lambda: broken_note(lambda note: note.replace("\n", "\r\n")),
    "checkpoint-name.txt": lambda: broken_note(lambda note: note.replace("— hq.", "— hp.")),
    "proof-edited.json": lambda: proof(document=LINES[6]["document"] | {"tag": "member:removed"}),
    "proof-previous.json": lambda: proof(previous="ab" * 32),
    "proof-hash.json": lambda: proof(hash="ab" * 32),
    "proof-detail.json": lambda: proof(detail=LINES[6]["detail"] | {"after": {"role": "owner"}}),
    "proof-salt.json": lambda: proof(salt="ab" * 32),
    "proof-no-salt.json": lambda: proof(salt=None),
    "proof-no-detail.json": lambda: proof(detail=None),
    "proof-version.json": lambda: proof(v=2),
    "proof-more.json": lambda: proof(more=1),
    "proof-spaced.json": lambda: proof() + b"\n",
    "proof-index.json": lambda: proof_text(lambda text: text.replace("index 6", "index 7")),
    "proof-extra.json": lambda: proof_text(lambda text: text.replace("index 6", "extra AAAA\nindex 6")),
    "proof-long.json": lambda: proof_text(lambda text: text.replace("\n\n", f"\n{'A' * 43}=\n\n", 1)),
    "proof-short.json": lambda: proof_text(lambda text: "\n".join([*text.split("\n")[:2], *text.split("\n")[3:]])),
    "proof-short-hash.json": lambda: proof_text(lambda text: text.replace("index 6\n", "index 6\nAAAA\n")),
    "proof-no-note.json": lambda: proof_text(lambda text: text.partition("\n\n")[0]),
    "proof-empty.json": lambda: proof_text(lambda text: ""),
    "proof-other-log.json": lambda: proof(note=checkpoint_of(LINES, origin=trails.origin("access"))),
    "proof-other-environment.json": lambda: proof(
        note=checkpoint_of(LINES, origin=trails.origin("admin", trails.ELSEWHERE))
    ),
    "proof-other-root.json": lambda: proof(note=checkpoint_of(LINES, root=bytes(32))),
    "proof-small-checkpoint.json": lambda: proof(note=checkpoint_of(LINES[:5])),
    "proof-key.json": lambda: proof(note=checkpoint_of(LINES, signer=Signer(STRANGER))),
    "proof-index-zero.json": lambda: proof(document=LINES[6]["document"] | {"index": 0}),
    "export-edited.zip": lambda: handed_out(edited(10, tag="member:removed")),
    "export-edited-by-a-stranger.zip": lambda: exchanged("events.jsonl", jsonl(edited(10, tag="member:removed"))),
    "export-edited-last.zip": lambda: handed_out(edited(39, request="req_0")),
    "export-deleted.zip": lambda: handed_out([*LINES[:10], *LINES[11:]]),
    "export-swapped.zip": lambda: handed_out([*LINES[:10], LINES[11], LINES[10], *LINES[12:]]),
    "export-inserted.zip": lambda: handed_out(inserted()),
    "export-cut.zip": lambda: cut_to(30),
    "export-rewritten.zip": lambda: rewritten(20),
    "export-other-tenant.zip": lambda: handed_out([*LINES[:5], OTHER[5], *LINES[6:]]),
    "export-other-environment.zip": lambda: handed_out(edited(5, environment=trails.ELSEWHERE)),
    "export-before-changed.zip": lambda: handed_out(
        with_detail(12, LINES[12]["detail"] | {"before": {"role": "owner"}})
    ),
    "export-detail-gone-salt-there.zip": lambda: handed_out([LINES[0] | {"detail": None}, *LINES[1:]]),
    "export-detail-spaced.zip": spelled_otherwise,
    "export-spaced-line.zip": lambda: Export(
        LINES, raw_lines=jsonl(LINES).replace(b',"document"', b', "document"', 1)
    ).packed(),
    "export-empty-line.zip": lambda: Export(LINES, raw_lines=jsonl(LINES[:3]) + b"\n" + jsonl(LINES[3:])).packed(),
    "export-no-last-feed.zip": lambda: Export(LINES, raw_lines=jsonl(LINES)[:-1]).packed(),
    "export-not-utf8.zip": lambda: Export(LINES, raw_lines=jsonl(LINES).replace("ö".encode(), b"\xff")).packed(),
    "export-member-twice-in-a-line.zip": lambda: Export(
        LINES, raw_lines=jsonl(LINES).replace(b'"v":1}', b'"v":1,"v":1}', 1)
    ).packed(),
    "export-table-differs.zip": lambda: Export(
        LINES, raw_table=table(LINES).replace(b",session,", b",api_key,", 1)
    ).packed(),
    "export-table-columns.zip": lambda: Export(
        LINES, raw_table=table(LINES).replace(b"index,at", b"index,on", 1)
    ).packed(),
    "export-table-longer.zip": lambda: Export(LINES, raw_table=table(LINES) + b"41\r\n").packed(),
    "export-statement-edited.zip": lambda: exchanged(
        "statement.json", Export(LINES, csv=True).members()[0][1].replace(b'"first":1', b'"first":2')
    ),
    "export-stranger.zip": lambda: Export(LINES, signer=Signer(STRANGER)).packed(),
    "export-other-statement.zip": lambda: exchanged("statement.json", certificate()),
    "export-checkpoint-exchanged.zip": lambda: exchanged("checkpoint.txt", checkpoint_of(LINES[:30]).encode()),
    "export-checkpoint-of-another.zip": lambda: Export(
        LINES, note=checkpoint_of(LINES, origin=trails.origin("access"))
    ).packed(),
    "export-checkpoint-by-another.zip": lambda: Export(
        LINES, note=checkpoint_of(LINES, signer=Signer(STRANGER))
    ).packed(),
    "export-checkpoint-not-named.zip": lambda: Export(
        LINES, said={"checkpoint": {"origin": trails.origin(), "size": 40, "root": "00" * 32}}
    ).packed(),
    "export-root.zip": lambda: Export(LINES, note=checkpoint_of(LINES, root=bytes(32))).packed(),
    "export-proof-other-range.zip": lambda: Export(LINES, proof={"first": 2}).packed(),
    "export-proof-too-long.zip": lambda: Export(LINES, proof={"beside": ["A" * 43 + "="]}).packed(),
    "export-proof-too-short.zip": lambda: Export(LINES, first=7, last=13, proof={"beside": []}).packed(),
    "export-proof-more.zip": lambda: Export(LINES, proof={"more": 1}).packed(),
    "export-times.zip": lambda: Export(LINES, said={"ends_at": "2026-11-22T06:00:00Z"}).packed(),
    "export-shredded-count.zip": lambda: Export(SHREDDED, said={"shredded": 0}).packed(),
    "export-range-impossible.zip": lambda: Export(LINES, said={"first": 0}, proof={"first": 0}).packed(),
    "export-missing-checkpoint.zip": lambda: without("checkpoint.txt"),
    "export-missing-table.zip": lambda: without("events.csv"),
    "export-more-members.zip": lambda: packed([*Export(LINES).members(), ("readme.txt", b"hello")]),
    "export-outside.zip": lambda: tuned(renamed),
    "export-comment.zip": commented,
    "export-behind.zip": lambda: Export(LINES).packed() + b"\n",
    "export-bytes-gone.zip": lambda: spliced(Export(LINES).packed(), 300, 304),
    "export-bytes-changed.zip": lambda: spliced(Export(LINES).packed(), 3000, 3001, b"\x5a"),
    "export-before.zip": lambda: b"PK\x03\x04" + Export(LINES).packed(),
    "export-encrypted.zip": encrypted,
    "export-bzip2.zip": lambda: tuned(lambda info: setattr(info, "compress_type", zipfile.ZIP_BZIP2)),
    "export-truncated.zip": lambda: Export(LINES).packed()[:-30],
    "export-no-zip.zip": lambda: b"PK\x03\x04" + bytes(100),
    "export-broken-inside.zip": lambda: Export(LINES).packed().replace(Export(LINES).packed()[900:904], b"\0\0\0\0", 1),
}


def twice() -> bytes:
    """A member twice; zipfile warns of that."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        members = Export(LINES).members()
        return packed([*members, members[-1]])


BAD["export-member-twice.zip"] = twice
GOOD |= oddities.GOOD
BAD |= oddities.BAD

KEYS = {
    "jwks.json": lambda: jwks(PUBLIC),
    "witness.txt": lambda: notes.verifier_key(
        trails.WITNESS, public_of(trails.WITNESS_SEED), notes.COSIGNATURE
    ).encode(),
}


def files() -> dict[str, bytes]:
    """Every file of the corpus, by its path."""
    found = {f"good/{name}": make() for name, make in GOOD.items()}
    found |= {f"bad/{name}": make() for name, make in BAD.items()}
    return found | {name: make() for name, make in KEYS.items()}


if __name__ == "__main__":
    for path, raw in files().items():
        target = CORPUS / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(raw)
