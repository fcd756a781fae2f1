"""Sealing PDFs: what other programs say of a seal, what remains as it was, and what is refused."""

from datetime import timedelta
from io import BytesIO
from uuid import UUID

import pikepdf
import pytest
from pikepdf import ObjectStreamMode

from hq.crypto import seals
from hq.crypto.seals import BadSeal
from signing.seals.pades import CannotSeal
from tests.signing.seals.papers import EVIDENCE, by_poppler, by_pyhanko
from tests.verify import agreements
from tests.verify.agreements import AT, root, seal_key, sealed_pdf
from tests.verify.program import VERIFY
from tests.verify.samples import ORGANIZATION

PAPER = agreements.paper(EVIDENCE)
SEALED = sealed_pdf(PAPER)
VALID = "Signature is Valid."


def saved(pdf: bytes, **how: object) -> bytes:
    """The same document, written again by another program."""
    file = BytesIO()
    with pikepdf.open(BytesIO(pdf)) as opened:
        opened.save(file, **how)  # type: ignore[arg-type]  # handed through as it is
    return file.getvalue()


COMPRESSED = saved(PAPER, object_stream_mode=ObjectStreamMode.generate)


@pytest.mark.poppler
def test_both_programs_find_it_whole_and_made_by_the_organization():
    found = by_pyhanko(SEALED.pdf, root().certificate_pem)
    assert (found.intact, found.valid, found.trusted) == (True, True, True)
    assert found.coverage.name == "ENTIRE_FILE"
    assert found.docmdp_ok
    assert found.signing_cert.subject.native["common_name"] == seals.plain_name(ORGANIZATION["name"])
    assert found.signing_cert.subject.native["serial_number"] == ORGANIZATION["id"]
    said = by_poppler(SEALED.pdf)
    assert said["Signature Validation"] == VALID
    assert said["Signature Type"] == "ETSI.CAdES.detached"
    assert said["Signing Hash Algorithm"] == "SHA-256"
    assert "Total document signed" in said
    assert said["Certificate Validation"] == "Certificate issuer isn't Trusted."
    assert (SEALED.level, SEALED.problem) == ("B-B", "")


def test_it_says_when_why_and_for_whom_and_permits_no_change():
    with pikepdf.open(BytesIO(SEALED.pdf)) as pdf:
        (field,) = pdf.Root.AcroForm.Fields
        seal = field.V
        assert str(seal.M) == "D:20261122050900Z"
        assert str(seal.Name) == "Söhne & Töchter 东京"
        assert str(seal.Reason) == "Everybody who was asked has signed."
        assert seal.Reference[0].TransformParams.P == 1
        assert pdf.Root.Perms.DocMDP.objgen == seal.objgen
        left, bottom, right, top = map(int, field.Rect)
        assert (right - left, top - bottom) == (0, 0)


@pytest.mark.poppler
@pytest.mark.parametrize("pdf", [PAPER, COMPRESSED], ids=["table", "streams of objects"])
def test_the_document_before_the_seal_stays_byte_for_byte(pdf):
    sealed = sealed_pdf(pdf).pdf
    assert sealed.startswith(pdf)
    assert by_poppler(sealed)["Signature Validation"] == VALID
    with pikepdf.open(BytesIO(pdf)) as before, pikepdf.open(BytesIO(sealed)) as after:
        assert after.Root.Metadata.read_bytes() == before.Root.Metadata.read_bytes()
        assert b"pdfaid:part" in after.Root.Metadata.read_bytes()
        assert after.Root.OutputIntents[0].S == "/GTS_PDFA1"
        assert after.Root.StructTreeRoot.objgen == before.Root.StructTreeRoot.objgen
        assert after.attachments["evidence.json"].get_file().read_bytes() == EVIDENCE
    assert VERIFY.open_pdf(sealed).evidence["type"] == "hq/agreement-evidence"


def places() -> dict[str, int]:
    """One byte of every region."""
    pdf = SEALED.pdf
    own = seals.certificate_der(seal_key().certificate_pem).hex().upper().encode()
    key = own.index(b"03420004")  # where the public key stands in the certificate
    room = pdf.index(b"/Contents <") + 11
    with pikepdf.open(BytesIO(PAPER)) as opened:
        attached = opened.attachments["evidence.json"].get_file().obj.read_raw_bytes()
        page = opened.pages[0].Contents.read_raw_bytes()
    return {
        "page": pdf.index(page) + len(page) // 2,
        "evidence": pdf.index(attached) + len(attached) // 2,
        "certificate": pdf.index(own) + key + 40,
        "signature": pdf.index(b"0000", room + 2300) - 20,
        "increment": pdf.index(b"/Reason (") + 12,
        "metadata": pdf.index(b"pdfaid:part") + 12,
    }


def tampered(at: int) -> bytes:
    """Another letter or digit, which is one in hexadecimal too."""
    return SEALED.pdf[:at] + (b"A" if SEALED.pdf[at : at + 1] != b"A" else b"B") + SEALED.pdf[at + 1 :]


@pytest.mark.poppler
@pytest.mark.parametrize("place", places())
def test_a_changed_byte_is_found_by_every_program(place):
    changed = tampered(places()[place])
    assert len(changed) == len(SEALED.pdf)
    assert changed != SEALED.pdf
    with pytest.raises(VERIFY.Refused):
        VERIFY.open_pdf(changed)
    assert by_poppler(changed).get("Signature Validation") != VALID
    try:
        found = by_pyhanko(changed, root().certificate_pem)
    except Exception as error:  # noqa: BLE001 - a file that is broken may be refused in any words
        assert str(error)  # noqa: PT017 - it may as well be read, and be found wrong
    else:
        assert not (found.intact and found.valid and found.trusted)


@pytest.mark.poppler
def test_what_was_added_behind_is_found_by_every_program():
    file = BytesIO(SEALED.pdf)
    from pyhanko.pdf_utils.generic import pdf_name, pdf_string
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(file)
    writer.root[pdf_name("/Lang")] = pdf_string("fr")
    writer.update_root()
    writer.write_in_place()
    found = by_pyhanko(file.getvalue(), root().certificate_pem)
    assert found.coverage.name != "ENTIRE_FILE"
    assert not found.docmdp_ok
    assert "Not total document signed" in by_poppler(file.getvalue())["said"]
    with pytest.raises(VERIFY.Refused, match="not over the whole file"):
        VERIFY.open_pdf(file.getvalue())


def encrypted() -> bytes:
    return saved(PAPER, encryption=pikepdf.Encryption(owner="o", user=""))


@pytest.mark.parametrize(
    ("pdf", "why"),
    [
        (encrypted, "is encrypted"),
        (lambda: SEALED.pdf, "is signed already"),
        (lambda: b"%PDF-1.7\nhello", "cannot be sealed"),
        (lambda: b"", "cannot be sealed"),
        (lambda: PAPER[: len(PAPER) // 2], "cannot be sealed"),
    ],
)
def test_what_cannot_be_sealed_is_refused(pdf, why):
    with pytest.raises(CannotSeal, match=why):
        sealed_pdf(pdf())


def test_nothing_is_sealed_under_a_certificate_that_the_root_does_not_vouch_for():
    other = seals.make_root(AT)
    with pytest.raises(BadSeal, match="not issued by this root"):
        sealed_pdf(PAPER, root_pem=other.certificate_pem)
    with pytest.raises(BadSeal, match="not valid at that time"):
        sealed_pdf(PAPER, at=AT + timedelta(days=5 * 365))


@pytest.mark.poppler
def test_a_name_of_the_organization_cannot_break_out_of_where_it_stands():
    name = ") /V 1 0 R >> endobj \\ (\u202e 李"
    key = seals.make_seal_key(root(), name, UUID(ORGANIZATION["id"]), AT)
    sealed = sealed_pdf(PAPER, key=key, name=name, reason=name)
    with pikepdf.open(BytesIO(sealed.pdf)) as pdf:
        assert str(pdf.Root.AcroForm.Fields[0].V.Name) == seals.plain_name(name)
    assert by_poppler(sealed.pdf)["Signature Validation"] == VALID
    assert VERIFY.open_pdf(sealed.pdf).seal.name == seals.plain_name(name)


@pytest.mark.poppler
def test_the_key_is_the_certificate_s():
    wrong = seals.KeyAndCertificate(root().key_pem, seal_key().certificate_pem)
    assert by_poppler(sealed_pdf(PAPER, key=wrong).pdf)["Signature Validation"] != VALID
