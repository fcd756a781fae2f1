"""Forgeries of a sealed PDF: programs that are not ours refuse them or see that something came after, ours refuses."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from asn1crypto import pem, x509
from pyhanko.pdf_utils.generic import ArrayObject, DictionaryObject, StreamObject, pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigObjSetup
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from hq.crypto import seals
from signing.seals import pades
from tests.signing.seals.papers import EVIDENCE, by_poppler
from tests.verify import agreements
from tests.verify.agreements import AT, root, sealed_pdf
from tests.verify.program import VERIFY
from tests.verify.samples import ORGANIZATION

PAPER = agreements.paper(EVIDENCE)
SEALED = sealed_pdf(PAPER).pdf
RANGE = re.search(rb"/ByteRange\s*\[([^\]]*)\]", SEALED)
assert RANGE
FIRST, LENGTH, SECOND, REST = map(int, RANGE[1].split())
NOT_WHOLE, NO_PDF, MORE = "not over the whole file", "no PDF that can be read", "other fields beside the seal"


def updated(change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """With an increment behind the seal, as a program writes it that knows what it does."""
    file = BytesIO(SEALED)
    writer = IncrementalPdfFileWriter(file)
    change(writer)
    writer.write_in_place()
    return file.getvalue()


def another_page(writer: IncrementalPdfFileWriter) -> None:
    page = writer.root["/Pages"]["/Kids"][0].get_object()
    page["/Contents"] = writer.add_object(StreamObject(stream_data=b"1 0 0 rg 0 0 600 900 re f"))
    writer.update_container(page)


def another_evidence(writer: IncrementalPdfFileWriter) -> None:
    entries = {pdf_name("/Type"): pdf_name("/EmbeddedFile")}
    file = writer.add_object(StreamObject(dict_data=entries, stream_data=EVIDENCE.replace(b"{}", b'{"x":1}')))
    spec = writer.root["/AF"][0]
    spec["/EF"] = DictionaryObject({pdf_name("/F"): file})
    writer.update_container(spec)


def proofs(writer: IncrementalPdfFileWriter) -> None:
    writer.root[pdf_name("/DSS")] = DictionaryObject({pdf_name("/Certs"): ArrayObject()})
    writer.update_root()


def no_permissions(writer: IncrementalPdfFileWriter) -> None:
    del writer.root["/Perms"]
    writer.update_root()


def ranged(*numbers: int) -> bytes:
    assert RANGE
    said = b" ".join(b"%d" % number for number in numbers)
    assert len(said) <= len(RANGE[1])
    return SEALED[: RANGE.start(1)] + said.ljust(len(RANGE[1])) + SEALED[RANGE.end(1) :]


def with_something_in_the_gap() -> bytes:
    """The room behind the seal, which it does not cover, holds an entry of its dictionary."""
    seal = SEALED[LENGTH:SECOND].rstrip(b">").rstrip(b"0")
    return SEALED[:LENGTH] + seal + b">/X (paid)".ljust(SECOND - LENGTH - len(seal)) + SEALED[SECOND:]


def sealed_by_another(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A second seal behind the first, of another root."""
    other = seals.make_root(AT)
    key = seals.make_seal_key(other, "Mallory", UUID(ORGANIZATION["id"]), AT)

    def begun(writer: Any, placeholder: Any) -> Any:
        steps = PdfCMSEmbedder(new_field_spec=SigFieldSpec("More", on_page=0)).write_cms("More", writer)
        next(steps)
        steps.send(SigObjSetup(sig_placeholder=placeholder))
        return steps

    monkeypatch.setattr(pades, "_writer", lambda pdf: pades._Increment(BytesIO(pdf)))
    monkeypatch.setattr(pades, "_begun", begun)
    made = pades.seal_pdf(SEALED, key=key, root_pem=other.certificate_pem, name="M", reason="", at=AT, timestamp_url="")
    return made.pdf


FORGED = {
    "another page": (updated(another_page), NOT_WHOLE),
    "other evidence": (updated(another_evidence), NOT_WHOLE),
    "proofs of certificates": (updated(proofs), NOT_WHOLE),
    "no permissions": (updated(no_permissions), "does not forbid changes"),
    "a range that ends early": (ranged(FIRST, LENGTH, SECOND, REST - 10), NOT_WHOLE),
    "a range that ends late": (ranged(FIRST, LENGTH, SECOND, REST + 99), NOT_WHOLE),
    "a gap that begins early": (ranged(FIRST, LENGTH - 20, SECOND, REST), NOT_WHOLE),
    "a gap that ends late": (ranged(FIRST, LENGTH, SECOND + 20, REST - 20), NOT_WHOLE),
    "a range of nothing": (ranged(0, 0, 0, 0), NOT_WHOLE),
    "a range below zero": (ranged(FIRST, LENGTH, SECOND, -1), NOT_WHOLE),
    "something in the gap": (with_something_in_the_gap(), NOT_WHOLE),
    "another document before": (agreements.paper(EVIDENCE.replace(b"[]", b"[1]")) + SEALED[len(PAPER) :], NO_PDF),
    "a line behind": (SEALED + b"\n", NOT_WHOLE),
    "another end": (SEALED + b"%%EOF\n", NO_PDF),
    "cut": (SEALED[:-1], NOT_WHOLE),
    "the document without its seal": (PAPER, MORE),
}


def whole_by_pyhanko(pdf: bytes) -> bool:
    """Whether it finds every seal good, by this root, and over all of the file."""
    trusted = x509.Certificate.load(pem.unarmor(root().certificate_pem.encode())[2])
    try:
        found = list(PdfFileReader(BytesIO(pdf)).embedded_signatures)
        with ThreadPoolExecutor(1) as pool:
            told = [
                pool.submit(
                    asyncio.run,
                    async_validate_pdf_signature(one, ValidationContext(trust_roots=[trusted], moment=AT)),
                ).result()
                for one in found
            ]
    except (PdfError, ValueError):
        return False
    return bool(told) and all(one.bottom_line and one.coverage == SignatureCoverageLevel.ENTIRE_FILE for one in told)


def whole_by_poppler(pdf: bytes) -> bool:
    said = by_poppler(pdf)["said"]
    good = said.count("Signature is Valid.") == said.count("Signature Validation:") > 0
    return good and "Not total document signed" not in said


@pytest.mark.poppler
def test_what_was_not_forged_is_whole():
    assert whole_by_pyhanko(SEALED)
    assert whole_by_poppler(SEALED)
    assert VERIFY.open_pdf(SEALED).seal.name


@pytest.mark.poppler
@pytest.mark.parametrize("what", FORGED)
def test_no_program_finds_a_forgery_whole_and_ours_says_why(what):
    forged, why = FORGED[what]
    with pytest.raises(VERIFY.Refused, match=why):
        VERIFY.open_pdf(forged)
    assert not whole_by_pyhanko(forged)
    assert not whole_by_poppler(forged)


@pytest.mark.poppler
def test_a_second_seal_is_seen_by_every_program(monkeypatch):
    forged = sealed_by_another(monkeypatch)
    with pytest.raises(VERIFY.Refused, match=MORE):
        VERIFY.open_pdf(forged)
    assert not whole_by_pyhanko(forged)
    assert not whole_by_poppler(forged)
