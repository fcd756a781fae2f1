"""A trail as HQ would hand it out, made from fixed seeds: the same bytes every time."""

import base64
import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from hq.crypto import chain, merkle, notes
from hq.crypto.statements import build
from hq.lib.canonical import canonical
from tests.verify.samples import ORGANIZATION, PUBLIC, SEED

ENVIRONMENT, ELSEWHERE = "0193aaaa-0000-7000-8000-0000000000e1", "0193aaaa-0000-7000-8000-0000000000e2"
OTHER_ORGANIZATION = "0193aaaa-0000-7000-8000-0000000000ff"
WITNESS, WITNESS_SEED = "witness.example.net/hq", bytes(range(2, 34))
BEGAN = datetime(2026, 11, 22, 5, 9, tzinfo=UTC)
SEEN_AT = 1_795_324_200
LABELS = [
    "Ines Alder",
    "Söhne & Töchter 东京 🗝",
    'a "quoted" \\ name',
    "line\nbreak\ttab\x07",
    "=1+1",
    "𐀀 before \ufffd",
]

Line = dict[str, Any]


def origin(log: str = "admin", environment: str = ENVIRONMENT) -> str:
    return f"hq.example.org/logs/{environment}/{log}"


def at(index: int) -> str:
    return (BEGAN + timedelta(seconds=index, microseconds=index)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def document(index: int, log: str, commitment: str, **change: Any) -> dict[str, Any]:
    common = {
        "v": 1,
        "organization": ORGANIZATION["id"],
        "environment": ENVIRONMENT,
        "index": index,
        "at": at(index),
        "actor": {"kind": "member", "id": f"0193aaaa-0000-7000-8000-{index % 7:012}", "method": "session"},
        "ip": None if index % 5 == 0 else f"203.0.113.{index % 250}",
        "request": f"req_{index:012}",
        "detail": commitment,
    }
    admin = {"tag": "member:role_changed", "target": {"kind": "member", "id": f"=target {index % 11}"}}
    access = {
        "log": "access",
        "id": f"0193bbbb-0000-7000-8000-{index:012}",
        "verb": "GET",
        "route": "v1/environments/<uuid:environment_id>/objects",
        "status": 200,
        "ms": index % 90,
    }
    return common | (admin if log == "admin" else access) | change


def salt_of(index: int) -> bytes:
    return hashlib.sha256(b"salt %d" % index).digest()


def detail_of(index: int) -> dict[str, Any]:
    label = LABELS[index % len(LABELS)]
    fraction = {"share": 0.5, "tiny": 1e-7} if index % 4 == 0 else {}
    return {
        "actor": label,
        "target": f"person {index}",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "before": {"role": "member"},
        "after": {"role": "admin", "note": None, "since": index} | fraction,
        "reason": "",
    }


def entry(index: int, previous: bytes, log: str = "admin", **change: Any) -> Line:
    """One entry, whole. Where `change` has a detail, that is committed to."""
    detail = change.pop("said", detail_of(index))
    salt = salt_of(index)
    written = document(index, log, chain.commitment(salt, canonical(detail)).hex(), **change)
    link = chain.link(previous, canonical(written))
    return {
        "detail": detail,
        "document": written,
        "hash": link.hex(),
        "previous": previous.hex(),
        "salt": salt.hex(),
    }


def trail(length: int, log: str = "admin", **change: Any) -> list[Line]:
    lines: list[Line] = []
    previous = chain.GENESIS
    for index in range(1, length + 1):
        lines.append(entry(index, previous, log, **change))
        previous = bytes.fromhex(lines[-1]["hash"])
    return lines


def rehashed(lines: Sequence[Line], since: int) -> list[Line]:
    """The same documents from a place on, linked anew: what whoever has the database can do."""
    found = [dict(line) for line in lines]
    previous = bytes.fromhex(found[since - 1]["hash"]) if since else chain.GENESIS
    for line in found[since:]:
        line["previous"] = previous.hex()
        previous = chain.link(previous, canonical(line["document"]))
        line["hash"] = previous.hex()
    return found


def shredded(line: Line) -> Line:
    return line | {"detail": None, "salt": None}


def tree_over(lines: Sequence[Line]) -> tuple[bytes, merkle.Nodes]:
    """Root and nodes of the tree over whole lines."""
    leaves = [merkle.leaf_hash(canonical(line["document"])) for line in lines]
    tiles = merkle.extend(0, leaves, lambda *_: b"")
    nodes = merkle.nodes_of(lambda level, number: tiles.get((level, number), b""))
    return merkle.root(len(leaves), nodes), nodes


@dataclass
class Signer:
    """Whose key signs notes and statements, and which witnesses do."""

    seed: bytes = SEED
    witnesses: list[tuple[str, bytes]] = field(default_factory=list)


def checkpoint_of(lines: Sequence[Line], log: str = "admin", signer: Signer | None = None, **change: Any) -> str:
    signer = signer or Signer()
    root, _ = tree_over(lines)
    name = change.get("origin", origin(log))
    text = notes.Checkpoint(name, change.get("size", len(lines)), change.get("root", root)).text()
    cosigned = [notes.cosign(text, witness, seed, SEEN_AT) for witness, seed in signer.witnesses]
    return notes.with_signatures(notes.sign_note(text, name, signer.seed), cosigned)


def b64(hashes: Iterable[bytes]) -> list[str]:
    return [base64.b64encode(one).decode() for one in hashes]


def event_proof(lines: Sequence[Line], index: int, log: str = "admin", **change: Any) -> bytes:
    """The proof of one event under the checkpoint of all lines."""
    _, nodes = tree_over(lines)
    path = b64(merkle.inclusion_proof(index - 1, len(lines), nodes))
    note = change.pop("note", checkpoint_of(lines, log))
    proof = "\n".join(["c2sp.org/tlog-proof@v1", f"index {index - 1}", *path, "", note])
    return canonical({**lines[index - 1], "proof": proof, "type": "hq/event-proof", "v": 1, **change})


def consistency_proof(lines: Sequence[Line], old: int) -> bytes:
    _, nodes = tree_over(lines)
    path = b64(merkle.consistency_proof(old, len(lines), nodes))
    return "\n".join([f"old {old}", *path, "", checkpoint_of(lines)]).encode()


def jsonl(lines: Iterable[Line]) -> bytes:
    return b"".join(canonical(line) + b"\n" for line in lines)


CSV = {
    "admin": "index,at,tag,actor.kind,actor.id,actor.method,target.kind,target.id,ip,request,detail,hash",
    "access": "index,at,id,actor.kind,actor.id,actor.method,verb,route,status,ms,ip,request,detail,hash",
}


def table(lines: Iterable[Line], log: str = "admin") -> bytes:
    """events.csv, written from its description and not by the code that reads it."""
    import csv

    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    columns = CSV[log].split(",")
    writer.writerow(columns)
    for line in lines:
        flat: dict[str, Any] = {**line["document"], "hash": line["hash"]}
        flat |= {
            f"{name}.{inner}": value for name in ("actor", "target") for inner, value in flat.get(name, {}).items()
        }
        flat["detail"] = None if line["detail"] is None else canonical(line["detail"]).decode()
        cells = ["" if flat[name] is None else str(flat[name]) for name in columns]
        writer.writerow([f"'{cell}" if cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell for cell in cells])
    return file.getvalue().encode()


Member = tuple[str, bytes]


@dataclass
class Export:
    """Everything that goes into an export, to be changed before it is packed."""

    lines: list[Line]
    first: int = 1
    last: int = 0
    log: str = "admin"
    csv: bool = False
    signer: Signer = field(default_factory=Signer)
    raw_lines: bytes | None = None  # events.jsonl as it is
    raw_table: bytes | None = None
    note: str | None = None
    proof: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    given: list[Line] | None = None  # the lines that are handed out, where they are others than those of the tree

    def statement(self, files: dict[str, bytes], given: Sequence[Line]) -> bytes:
        checkpoint = notes.read_checkpoint(notes.read_note(files["checkpoint.txt"]).text)
        listed = [
            {
                "name": name,
                "sha256": hashlib.sha256(raw).hexdigest(),
                "size": len(raw),
                "lines": raw.count(b"\n") if name.startswith("events") else None,
            }
            for name, raw in files.items()
        ]
        statement = {
            "v": 1,
            "type": "hq/trail-export",
            "id": "01935b1c-0000-7000-8000-000000000077",
            "issued_at": "2026-11-23T05:09:00Z",
            "issuer": "https://hq.example.org",
            "organization": ORGANIZATION,
            "environment": ENVIRONMENT,
            "log": self.log,
            "first": self.first,
            "last": self.last or len(self.lines),
            "begins_at": given[0]["document"]["at"] if given else at(1),
            "ends_at": given[-1]["document"]["at"] if given else at(1),
            "shredded": sum(line["detail"] is None for line in given),
            "requested": {"at": "2026-11-23T05:00:00Z", "by": "0193aaaa"},
            "checkpoint": {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()},
            "files": listed,
            "covers": ["Every entry of the log in this range."],
            "does_not_cover": ["What was recorded later."],
        }
        return build(statement | self.said, self.signer.seed)

    def members(self) -> list[Member]:
        last = self.last or len(self.lines)
        given = self.lines[self.first - 1 : last] if self.given is None else self.given
        _, nodes = tree_over(self.lines)
        beside = b64(merkle.range_proof(self.first - 1, last, len(self.lines), nodes))
        proof = {"first": self.first, "last": last, "size": len(self.lines), "beside": beside} | self.proof
        files = {
            "checkpoint.txt": (self.note or checkpoint_of(self.lines, self.log, self.signer)).encode(),
            "proof.json": canonical(proof),
            "events.jsonl": jsonl(given) if self.raw_lines is None else self.raw_lines,
        }
        if self.csv or self.raw_table is not None:
            files["events.csv"] = table(given, self.log) if self.raw_table is None else self.raw_table
        return [("statement.json", self.statement(files, given)), *files.items()]

    def packed(self) -> bytes:
        return packed(self.members())


def packed(members: Iterable[Member], tune: Callable[[zipfile.ZipInfo], None] = lambda info: None) -> bytes:
    """A ZIP whose bytes depend on its members alone."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, raw in members:
            info = zipfile.ZipInfo(name, (2026, 11, 23, 5, 9, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            tune(info)
            archive.writestr(info, raw)
    return file.getvalue()


def write_archive(root: Path, lines: Sequence[Line], ends: Sequence[int], log: str = "admin") -> list[Path]:
    """An archive of files that end at these entries, a digest each. Gives the digests."""
    digests: list[Path] = []
    previous = None
    for number, (begin, end) in enumerate(pairwise([0, *ends]), 1):
        folder = f"{ENVIRONMENT}/2026/11/{number:02}"
        name = f"audit/{log}/{folder}/{begin + 1}-{end}.jsonl.gz"
        kept = [
            {**{key: line[key] for key in ("document", "hash", "previous")}, "sealed": f"{index:08}"}
            for index, line in enumerate(lines[begin:end])
        ]
        raw = gzip.compress(jsonl(kept), mtime=0)
        root_then, _ = tree_over(lines[:end])
        statement = {
            "v": 1,
            "type": "hq/trail-digest",
            "id": f"01935b1c-0000-7000-8000-{number:012}",
            "issued_at": "2026-11-23T05:09:00Z",
            "issuer": "https://hq.example.org",
            "organization": {"id": ORGANIZATION["id"]},
            "environment": ENVIRONMENT,
            "log": log,
            "number": number,
            "previous": previous,
            "files": [
                {
                    "name": name,
                    "sha256": hashlib.sha256(raw).hexdigest(),
                    "size": len(raw),
                    "first": begin + 1,
                    "last": end,
                }
            ],
            "checkpoint": {"origin": origin(log), "size": end, "root": root_then.hex()},
            "does_not_cover": ["What was recorded later."],
        }
        digest = root / f"audit/digests/{ENVIRONMENT}/{log}/2026/11/{number:02}/{number}.json"
        for path, content in ((root / name, raw), (digest, build(statement, SEED))):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        previous = {
            "name": digest.relative_to(root).as_posix(),
            "sha256": hashlib.sha256(digest.read_bytes()).hexdigest(),
        }
        digests.append(digest)
    return digests


def vkey(log: str = "admin", public: bytes = PUBLIC) -> str:
    return notes.verifier_key(origin(log), public)


def lines_in(raw: bytes) -> list[Line]:
    return [json.loads(line) for line in raw.splitlines()]
