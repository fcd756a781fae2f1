"""Agreements as HQ seals and hands them out, with keys of their own and no database. Every part can be changed."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import typst
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256

from hq.crypto import chain, seals
from hq.crypto.statements import AGREEMENT, build
from hq.lib.canonical import canonical
from signing.seals.bundles import STATEMENT, ordered, pack
from signing.seals.pades import SealedPdf, seal_pdf
from tests.verify import trails
from tests.verify.samples import ORGANIZATION, SEED

AT = datetime(2026, 11, 22, 5, 9, tzinfo=UTC)
AGREEMENT_ID = "0193cccc-0000-7000-8000-000000000001"
INES, OMAR, LENA, NINA = (f"0193dddd-0000-7000-8000-00000000000{number}" for number in (1, 2, 3, 4))
NAMES = {INES: "Ines Alder", OMAR: 'Omar "the seal" Adeyemi', LENA: "李娜 \u202e", NINA: "Nina"}
CONSENT = b"You are asked to sign electronically.\n"
ORIGINAL = b"# Agreement\n\nBoth agree. [[signature:1]]\n"
SITE = "hq.example.org"

Line = dict[str, Any]
Act = tuple[str, str | None, dict[str, Any], dict[str, Any]]  # kind, signer, facts, what the detail has besides


def sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def document_facts(original: bytes = ORIGINAL) -> dict[str, Any]:
    return {"sha256": sha256(original), "version": 2, "pages": 1}


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def cbor(value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return bytes([0x58, len(value)]) + value
    kind, number = (0x00, value) if value >= 0 else (0x20, -1 - value)
    return bytes([kind | number]) if number < 24 else bytes([kind | 24, number])


def cose(key: Mapping[int, int | bytes]) -> bytes:
    return bytes([0xA0 | len(key)]) + b"".join(cbor(name) + cbor(value) for name, value in key.items())


def passkey(signer: str, fields: str, kind: str = "es256", **change: Any) -> dict[str, str]:
    """What a browser gives of a key of the signer's own. `change` is of what was asked, said, or of the flags."""
    asked = {
        "agreement": AGREEMENT_ID,
        "consent_sha256": sha256(CONSENT),
        "document_sha256": document_facts()["sha256"],
        "fields_sha256": fields,
        "signer": signer,
    } | change.get("asked", {})
    said = {
        "type": "webauthn.get",
        "challenge": encode(hashlib.sha256(canonical(asked)).digest()),
        "origin": f"https://{SITE}",
        "crossOrigin": False,
    } | change.get("said", {})
    client = json.dumps(said, separators=(",", ":")).encode()
    site = hashlib.sha256(change.get("site", SITE).encode()).digest()
    data = site + bytes([change.get("flags", 0x05)]) + (7).to_bytes(4, "big")
    message = data + hashlib.sha256(client).digest()
    if kind == "es256":
        key = ec.derive_private_key(0xA11CE, ec.SECP256R1())
        numbers = key.public_key().public_numbers()
        public = cose({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        signature = key.sign(message, ec.ECDSA(SHA256()))
    else:
        own = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(7, 39)))
        public = cose({1: 1, 3: -8, -1: 6, -2: own.public_key().public_bytes_raw()})
        signature = own.sign(message)
    return {
        "public_key": encode(public),
        "authenticator_data": encode(data),
        "client_data": encode(client),
        "signature": encode(signature),
    }


def signed(signer: str, kind: str = "") -> Act:
    """Somebody signs; with a key of their own where its kind is given."""
    fields = [{"number": 1, "kind": "signature", "value": ""}]
    signature = {"how": "typed", "text": NAMES[signer]}
    digest = sha256(canonical({"fields": fields, "signature": signature}))
    facts = {
        "how": "typed",
        "passkey": bool(kind),
        "label": "I agree and sign",
        "fields_sha256": digest,
        "consent_sha256": sha256(CONSENT),
    }
    more = {"fields": fields, "signature": signature} | ({"passkey": passkey(signer, digest, kind)} if kind else {})
    return ("signed", signer, facts, more)


def coming(signer: str) -> list[Act]:
    """Everything before signing."""
    consent = {"version": "1", "language": "en", "sha256": sha256(CONSENT)}
    return [
        ("code_sent", signer, {}, {}),
        ("identified", signer, {"method": "code", "outcome": "wrong"}, {}),
        ("identified", signer, {"method": "code", "outcome": "ok"}, {}),
        ("viewed", signer, {"method": "code"}, {}),
        ("consented", signer, {"consent": consent}, {}),
    ]


def sent(*signers: str, turns: tuple[int, ...] = ()) -> Act:
    people: list[dict[str, Any]] = [
        {"name": NAMES[one], "kind": "viewer" if one == LENA else "signer"} for one in signers
    ]
    people = [one | ({"turn": turns[at]} if turns else {}) for at, one in enumerate(people)]
    return ("sent", None, {"expires_at": "2026-12-22T05:09:00Z", "signers": list(signers)}, {"signers": people})


def whole() -> list[Act]:
    """Two who sign, one with a passkey of each kind, and one who only looks."""
    replaced = {"document": {"sha256": "ab" * 32, "version": 1, "pages": 3}}
    return [
        ("created", None, replaced, {}),
        sent(INES, OMAR, LENA),
        *coming(INES),
        signed(INES, "es256"),
        ("viewed", LENA, {"method": "link"}, {}),
        ("reminded", None, {"signers": 1}, {}),
        *coming(OMAR),
        signed(OMAR, "ed25519"),
        ("identified", INES, {"method": "code", "outcome": "ok"}, {}),
    ]


def steps(acts: list[Act], **change: Any) -> list[Line]:
    """The acts as a chain. `change` is of every document; `at` among what a detail has besides is the step's time."""
    lines: list[Line] = []
    head = hashlib.sha256(b"hq-agreement-v1\x00" + UUID(AGREEMENT_ID).bytes).digest()
    for index, (kind, signer, facts, besides) in enumerate(acts, 1):
        more = {name: value for name, value in besides.items() if name != "at"}
        detail = {"name": NAMES.get(signer or "", "Ines"), "email": "x@alderpeak.example", "ip": "203.0.113.7"} | more
        salt = trails.salt_of(index)
        written = {
            "v": 1,
            "agreement": AGREEMENT_ID,
            "organization": ORGANIZATION["id"],
            "environment": trails.ENVIRONMENT,
            "index": index,
            "kind": kind,
            "at": besides.get("at", trails.at(index)),
            "signer": signer,
            "facts": {"document": document_facts()} | facts,
            "detail": chain.commitment(salt, canonical(detail)).hex(),
        } | change
        link = chain.link(head, canonical(written))
        lines.append(
            {"detail": detail, "document": written, "hash": link.hex(), "previous": head.hex(), "salt": salt.hex()}
        )
        head = link
    return lines


def certificate_of(lines: list[Line]) -> dict[str, Any]:
    """What it says of those who signed, as far as it is compared."""
    told: dict[str, dict[str, Any]] = {}
    for line in lines:
        document, detail = line["document"], line["detail"] or {}
        signer, kind, facts = document["signer"], document["kind"], document["facts"]
        if signer is None:
            continue
        one = told.setdefault(signer, {"id": signer, "signed_at": None})
        if kind in {"viewed", "consented", "signed"}:
            one |= {f"{kind}_at": document["at"], "name": detail.get("name"), "email": detail.get("email")}
            one |= {name: facts[name] for name in ("how", "passkey", "consent") if name in facts}
    last = lines[-1]
    return {
        "agreement": AGREEMENT_ID,
        "title": "Agreement",
        "head": last["hash"],
        "length": last["document"]["index"],
        "document": last["document"]["facts"]["document"],
        "signers": list(told.values()),
    }


@cache
def root() -> seals.KeyAndCertificate:
    return seals.make_root(AT)


@cache
def seal_key() -> seals.KeyAndCertificate:
    return seals.make_seal_key(root(), ORGANIZATION["name"], UUID(ORGANIZATION["id"]), AT)


def root_fingerprint() -> str:
    return seals.read_seal(root().certificate_pem).fingerprint


@cache
def paper(evidence: bytes, text: str = "Both agree.") -> bytes:
    """A document that carries evidence along, by the same program as HQ's."""
    source = f"""#set document(title: "Agreement", date: datetime(year: 2026, month: 11, day: 22))
#set text(lang: "en")
#pdf.attach("/evidence.json", bytes(sys.inputs.evidence), relationship: "data", mime-type: "application/json",
  description: "What was done")
= Agreement
{text}"""
    inputs = {"evidence": evidence.decode()}
    made = typst.compile(source.encode(), format="pdf", pdf_standards=["a-3a", "ua-1"], sys_inputs=inputs)
    assert isinstance(made, bytes)
    return made


def sealed_pdf(pdf: bytes, **change: Any) -> SealedPdf:
    how: dict[str, Any] = {
        "key": seal_key(),
        "root_pem": root().certificate_pem,
        "name": ORGANIZATION["name"],
        "reason": "Everybody who was asked has signed.",
        "at": AT,
        "timestamp_url": "",
    }
    return seal_pdf(pdf, **(how | change))


def same(raw: bytes) -> bytes:
    return raw


@dataclass
class Bundle:
    """Everything that goes into a bundle, to be changed before it is signed and packed."""

    acts: list[Act] = field(default_factory=whole)
    certified: dict[str, Any] = field(default_factory=dict)  # what the certificate says otherwise
    original: bytes = ORIGINAL
    evidence: dict[str, Any] = field(default_factory=dict)
    remade: Callable[[bytes], bytes] = same  # the PDF before it is sealed
    seal: dict[str, Any] = field(default_factory=dict)  # how it is sealed otherwise
    sealing: dict[str, Any] = field(default_factory=dict)  # facts of the step `sealed` that are others
    after: dict[str, Any] = field(default_factory=dict)  # of the event
    event: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)  # in the statement
    files: dict[str, bytes | None] = field(default_factory=dict)  # others than would be made, before it is signed
    signer: bytes = SEED

    def sealed(self) -> SealedPdf:
        said = {"type": "hq/agreement-evidence", "v": 1, "certificate": self.certificate(), "steps": steps(self.acts)}
        return sealed_pdf(self.remade(paper(canonical(said | self.evidence))), **self.seal)

    def certificate(self) -> dict[str, Any]:
        return certificate_of(self.evidence.get("steps") or steps(self.acts)) | self.certified

    def contents(self) -> dict[str, bytes]:
        sealed = self.sealed()
        facts = {"pdf_sha256": sha256(sealed.pdf), "size": len(sealed.pdf), "level": sealed.level} | self.sealing
        lines = steps([*self.acts, ("sealed", None, facts, {})])
        after = {"head": lines[-1]["hash"], "length": len(lines), "pdf_sha256": facts["pdf_sha256"]} | self.after
        files: dict[str, bytes | None] = {
            "agreement.pdf": sealed.pdf,
            "original.md": self.original,
            "chain.jsonl": trails.jsonl(lines),
            "consent-en-1.txt": CONSENT,
            "certificate.json": canonical(self.certificate()),
            "event-proof.json": self.proof(after),
        }
        kept = {name: raw for name, raw in (files | self.files).items() if raw is not None}
        return kept | {STATEMENT: self.statement(kept, lines)}

    def proof(self, after: dict[str, Any]) -> bytes:
        target = {"kind": "agreement", "id": AGREEMENT_ID}
        detail = {"actor": "Ines", "before": None, "after": after, "reason": ""}
        lines = trails.trail(5)
        previous = bytes.fromhex(lines[-1]["hash"])
        change = {"tag": "agreement:sealed", "target": target, "said": detail} | self.event
        lines.append(trails.entry(6, previous, **change))
        return trails.event_proof(lines, 6)

    def statement(self, files: Mapping[str, bytes], lines: list[Line]) -> bytes:
        try:
            listed = ordered(files)
        except ValueError:  # a bundle that is not whole, on purpose
            listed = list(files.items())
        said = {
            "v": 1,
            "type": AGREEMENT,
            "id": "01935b1c-0000-7000-8000-000000000088",
            "issued_at": "2026-11-23T05:09:00Z",
            "issuer": "https://hq.example.org",
            "organization": ORGANIZATION,
            "agreement": AGREEMENT_ID,
            "head": lines[-1]["hash"],
            "length": len(lines),
            "files": [{"name": name, "sha256": sha256(raw), "size": len(raw)} for name, raw in listed],
            "does_not_cover": ["Who the people are."],
        }
        return build(said | self.said, self.signer)

    def packed(self) -> bytes:
        return pack(self.contents())
