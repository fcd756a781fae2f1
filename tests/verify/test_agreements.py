"""Bundles of agreements and sealed PDFs: what holds, and what each that does not is refused for, byte by byte."""

import os
import random
import struct
import time
import zlib
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pikepdf
import pytest
from pikepdf import ObjectStreamMode

from hq.crypto import seals
from signing.seals.bundles import ordered, pack
from tests.verify import agreements
from tests.verify.agreements import INES, LENA, NINA, OMAR, Bundle, coming, sent, signed
from tests.verify.bad_agreements import BAD, zipped
from tests.verify.program import VERIFY, run
from tests.verify.samples import KID

SEED = 20261122
BYTES = int(os.environ.get("HQ_BYTES", "300"))
WHOLE = Bundle().packed()
SEALED = Bundle().sealed().pdf


def refusal(raw: bytes, trust: Any) -> str:
    check = VERIFY.check_pdf if raw[:4] == b"%PDF" else VERIFY.check_bundle
    with pytest.raises(VERIFY.Refused) as refused:
        check(raw, trust)
    return str(refused.value)


def test_a_bundle_holds_and_says_what_it_shows_and_what_it_does_not(tmp_path):
    path = tmp_path / "bundle.zip"
    path.write_bytes(WHOLE)
    done = run(path, "--kid", KID, "--root", agreements.root_fingerprint())
    assert done.returncode == 0, done.stdout
    for line in (
        f"  HOLDS. Signed with a key that you expected: {KID}",
        f"Signer {INES}: viewed at 2026-11-22T05:09:06.000006Z, consented at",
        f'Signer {OMAR} is called "Omar \\"the seal\\" Adeyemi"',
        f'Signer {LENA} is called "李娜 \\u{{202e}}"',
        "Passkeys: 2 signatures, each over agreement, document, consent and fields",
        "Place: entry 6 of 6 below the root",
        "What this does not prove:",
        "Whoever could read the mail to an address, or had the link, could act in its name.",
        "These are simple electronic signatures (SES)",
        "by the server's clock, that of the seal too",
    ):
        assert line in done.stdout
    assert "\u202e" not in done.stdout


@pytest.mark.parametrize(
    ("root", "code", "line"),
    [
        (agreements.root_fingerprint(), 0, "HOLDS. Sealed below the root that you expected: "),
        (agreements.root_fingerprint().upper(), 0, "HOLDS. Sealed below the root that you expected: "),
        ("root.pem", 0, "HOLDS. Sealed below the root that you expected: "),
        ("", 3, "The seal holds, but nobody said whose root to expect: "),
        ("ab" * 32, 1, "REFUSED. It is sealed below the root "),
        ("abc", 2, ""),
    ],
    ids=["expected", "in other letters", "in a file", "nobody said", "another", "none"],
)
def test_a_sealed_pdf_holds_by_itself_below_a_root_that_is_expected(tmp_path, root, code, line):
    path = tmp_path / "agreement.pdf"
    path.write_bytes(SEALED)
    roots = tmp_path / "root.pem"
    roots.write_text(seals.make_root(agreements.AT).certificate_pem + agreements.root().certificate_pem)
    root = str(roots) if root == roots.name else root
    done = run(path, *(["--root", root] if root else []))
    assert done.returncode == code
    assert line in done.stdout
    assert ("Whose root it is. Anyone can make one." in done.stdout) == (code == 3)


@pytest.mark.parametrize("name", BAD)
def test_a_bundle_that_is_wrong_in_one_thing_is_refused_for_it(name, trust):
    make, why = BAD[name]
    assert why in refusal(make(), trust)


def test_the_root_of_a_bundle_is_compared_too(trust):
    trust.roots = {"ab" * 32}
    assert "not the one that you expected" in refusal(WHOLE, trust)


def test_it_holds_when_somebody_handed_it_on_or_a_detail_is_gone(trust):
    acts = [sent(INES), *coming(INES), ("delegated", INES, {"to": OMAR}, {}), *coming(OMAR), signed(OMAR)]
    found = VERIFY.check_bundle(Bundle(acts=acts).packed(), trust)
    assert any(line.startswith(f"Signer {INES}: ") and "delegated at" in line for line in found.told)
    chain = VERIFY.Chain(agreements.AGREEMENT_ID)
    for line in agreements.steps(acts):
        chain.take(line | {"detail": None, "salt": None})
    assert chain.missing == len(acts)


def test_it_holds_in_turns_and_where_an_address_was_corrected_and_the_time_extended(trust):
    acts = [
        ("created", None, {}, {}),
        sent(INES, OMAR, LENA, turns=(1, 3, 2)),
        *coming(INES)[:4],
        ("corrected", INES, {}, {}),
        *coming(INES),
        ("extended", None, {"expires_at": "2026-12-24T05:09:00.5+00:00"}, {}),
        signed(INES),
        *coming(OMAR)[:3],
        ("delegated", OMAR, {"to": NINA}, {}),
        ("viewed", LENA, {"method": "link"}, {}),
        *coming(NINA),
        signed(NINA),
    ]
    found = VERIFY.check_bundle(Bundle(acts=acts).packed(), trust)
    assert any(line.startswith("Turns: no step is of an earlier time") for line in found.checked)


def test_the_bundle_is_packed_as_the_program_expects():
    files = Bundle().contents()
    assert pack(files) == zipped(dict(ordered(files)))
    for wrong in (files | {"x": b""}, {k: v for k, v in files.items() if k != "original.md"}):
        with pytest.raises(ValueError, match="not the files of a bundle"):
            pack(wrong)


def repacked(**change: Any) -> bytes:
    """By another program, or with other things in the headers."""
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        for name, raw in ordered(Bundle().contents()):
            info = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o600 << 16
            for field, value in change.items():
                setattr(info, field, value)
            archive.writestr(info, raw)
        archive.comment = change.get("comment", b"") if "comment" in change else b""
    return file.getvalue()


@pytest.mark.parametrize(
    "raw",
    [
        repacked(date_time=(1980, 1, 2, 0, 0, 0)),
        repacked(compress_type=ZIP_DEFLATED),
        repacked(external_attr=0o644 << 16),
        repacked(create_system=0),
        repacked(extra=struct.pack("<HHI", 0x4242, 4, 0)),
        repacked(comment=b"hello"),
        WHOLE + b"\n",
        WHOLE[:-1],
        WHOLE.replace(b"PK\x05\x06", b"PK\x03\x04" + bytes(26) + b"PK\x05\x06"),
    ],
    ids=["date", "deflated", "permission", "system", "extra", "comment", "longer", "shorter", "gap"],
)
def test_no_other_spelling_of_the_zip_is_taken(raw, trust):
    assert "not packed as HQ packs it" in refusal(raw, trust)


def places(length: int, chance: random.Random) -> list[int]:
    return chance.sample(range(length), BYTES) if length > BYTES else list(range(length))


def flipped(raw: bytes, at: int, chance: random.Random) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :]


def test_every_byte_of_a_bundle_counts(trust):
    """HQ_BYTES says of how many; 300 in the suite."""
    chance = random.Random(SEED)
    for at in places(len(WHOLE), chance):
        assert refusal(flipped(WHOLE, at, chance), trust).endswith(".")


def test_every_byte_of_a_sealed_pdf_counts(trust):
    chance = random.Random(SEED)
    for at in places(len(SEALED), chance):
        assert refusal(flipped(SEALED, at, chance), trust).endswith(".")


def test_every_byte_of_every_file_counts_where_the_zip_was_made_to_fit(trust):
    chance, files = random.Random(SEED), Bundle().contents()
    for name, raw in files.items():
        for at in chance.sample(range(len(raw)), min(len(raw), BYTES // 12)):
            changed = zipped(files | {name: flipped(raw, at, chance)})
            assert name in refusal(changed, trust) or name == "statement.json"


def saved(pdf: bytes) -> bytes:
    file = BytesIO()
    with pikepdf.open(BytesIO(pdf)) as opened:
        opened.save(file, object_stream_mode=ObjectStreamMode.generate)
    return file.getvalue()


def test_it_reads_streams_of_objects_too(trust):
    """Another program wrote the PDF before it was sealed, as is done with those that were uploaded."""
    found = VERIFY.check_bundle(Bundle(remade=saved).packed(), trust)
    assert found.kid == KID


def without_evidence(pdf: bytes) -> bytes:
    file = BytesIO()
    with pikepdf.open(BytesIO(pdf)) as opened:
        del opened.attachments["evidence.json"]
        opened.save(file)
    return file.getvalue()


def spec(opened: pikepdf.Pdf, raw: bytes) -> pikepdf.AttachedFileSpec:
    said = {"description": "", "mime_type": "application/json", "creation_date": "", "mod_date": ""}
    return pikepdf.AttachedFileSpec(opened, raw, filename="evidence.json", **said)


def twice_evidence(pdf: bytes) -> bytes:
    file = BytesIO()
    with pikepdf.open(BytesIO(pdf)) as opened:
        opened.attachments["other"] = spec(opened, b"{}")
        opened.save(file)
    return file.getvalue()


@pytest.mark.parametrize(("remade", "count"), [(without_evidence, 0), (twice_evidence, 2)])
def test_a_pdf_carries_one_evidence_along(remade, count, trust):
    assert f"It carries {count} files along" in refusal(Bundle(remade=remade).sealed().pdf, trust)


def test_a_pdf_without_a_seal_is_refused(trust):
    assert "It is not sealed" in refusal(agreements.paper(b"{}"), trust)


@pytest.mark.parametrize("size", [0, 5, 100, 5000])
def test_a_piece_of_a_pdf_is_refused_and_breaks_nothing(size, trust):
    assert refusal(b"%PDF-1.7\n" + SEALED[9:size], trust)


def test_a_bomb_in_a_stream_is_not_unpacked(trust):
    bomb = zlib.compress(bytes(VERIFY.MOST_UNPACKED + 1))
    flow = VERIFY.Flow({"Filter": VERIFY.Name("FlateDecode")}, bomb)
    with pytest.raises(VERIFY.Refused):
        VERIFY.Pdf(SEALED).decoded(flow)


def test_a_bundle_is_checked_within_a_fifth_of_a_second(trust):
    """Without the start of Python and of openssl, which is asked for Ed25519. Measured: 0.02 s."""
    began = time.process_time()
    VERIFY.check_bundle(WHOLE, trust)
    assert time.process_time() - began < 0.2
