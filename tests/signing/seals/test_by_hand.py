"""What the certificate prints about its hashes, done word for word with hashlib and json alone, on hostile names."""

import hashlib
import json
import subprocess
import uuid
from io import BytesIO
from zipfile import ZipFile

import pytest

from hq.db.context import tenant
from signing.actions import bundle
from signing.actions.certificate import told
from tests.factories import make_place
from tests.signing import support

pytestmark = pytest.mark.django_db
PEOPLE = [
    support.person(1, name="محمد عبد الله"),
    support.person(2, name="W" * 120),
    support.person(3, name='O’Brien "CN=HQ,O=HQ" <b>&amp; \\ é'),
    *(support.person(number) for number in range(4, 21)),
]


def rfc8785(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


@pytest.mark.poppler
def test_every_hash_can_be_made_again_as_the_certificate_says(tmp_path):
    place = make_place('CN=HQ,O="HQ" \\ ' + "X" * 60)
    agreement = support.sealed(place, PEOPLE)
    with ZipFile(BytesIO(bundle.bundle_of(agreement))) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    certificate = json.loads(files["certificate.json"])
    with tenant(place.id):
        printed = {one["what"]: one["how"] for one in told(certificate)["recompute"]}
    steps = [json.loads(line) for line in files["chain.jsonl"].decode().splitlines()]

    assert "SHA-256 of original.md, byte for byte" in printed["The document."]
    assert {step["document"]["facts"]["document"]["sha256"] for step in steps} == {sha256(files["original.md"]).hex()}

    assert "consent-en-1.txt" in printed["What was agreed to."]
    consent = sha256(files["consent-en-1.txt"]).hex()
    assert {one["consent"]["sha256"] for one in certificate["signers"]} == {consent}

    assert "the 15 bytes hq-agreement-v1, a zero byte, and the 16 bytes" in printed["Before the first step."]
    head = sha256(b"hq-agreement-v1", b"\0", uuid.UUID(certificate["agreement"]).bytes)
    assert "the 16 bytes hq-audit-link-v1, a zero byte, the hash before it (32 bytes)" in printed["A step’s hash."]
    assert "the 18 bytes hq-audit-detail-v1, a zero byte, the salt (32 bytes)" in printed["A step’s detail."]
    for step in steps:
        head = sha256(b"hq-audit-link-v1", b"\0", head, sha256(rfc8785(step["document"])))
        assert step["hash"] == head.hex()
        salt = bytes.fromhex(step["salt"])
        detail = sha256(b"hq-audit-detail-v1", b"\0", salt, rfc8785(step["detail"]))
        assert step["document"]["detail"] == detail.hex()
    assert certificate["head"] == steps[-2]["hash"]

    assert "the object of fields and signature" in printed["What was filled in."]
    signed = [step for step in steps if step["document"]["kind"] == "signed"]
    for step in signed:
        filled = {name: step["detail"][name] for name in ("fields", "signature")}
        assert step["document"]["facts"]["fields_sha256"] == sha256(rfc8785(filled)).hex()
    assert len(signed) == 20

    assert "in the step “sealed”" in printed["The sealed PDF."]
    assert steps[-1]["document"]["facts"]["pdf_sha256"] == sha256(files["agreement.pdf"]).hex()
    (tmp_path / "a.pdf").write_bytes(files["agreement.pdf"])
    said = subprocess.run(["pdftotext", tmp_path / "a.pdf", "-"], capture_output=True, text=True, check=True).stdout
    close = "".join(said.split())
    assert all("".join(one.name.split()) in close for one in PEOPLE[1:])
    assert all("".join(how.split()) in close for how in printed.values())
    assert all(step["hash"] in close for step in steps[:-1])
