"""An uploaded PDF is judged before anything is done with it (SIG-1): what runs, hides or asks is refused by name."""

import hashlib
import random
from contextlib import suppress

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from signing.paper import inspect as inspecting
from signing.paper.inspect import BYTES_MOST, RefusedPdf, inspect_pdf
from tests.signing.paper import pdfs
from tests.signing.paper.pdfs import action, annotated, pdf, root, sized

REFUSED = {
    "no PDF": (b"hello", "malformed"),
    "a head alone": (b"%PDF-1.7\n", "malformed"),
    "half of one": (pdf()[:300], "malformed"),
    "encrypted": (pdfs.encrypted(), "encrypted"),
    "locked": (pdfs.locked(), "encrypted"),
    "501 pages": (pdf(pages=501), "pages"),
    "a script by name": (pdf(pdfs.scripted_by_name), "javascript"),
    "a script when opened": (pdf(root(OpenAction=action("JavaScript", JS=String("x")))), "javascript"),
    "a script on a click": (pdf(annotated(Subtype=Name.Link, A=action("JavaScript", JS=String("x")))), "javascript"),
    "a script after a harmless action": (
        pdf(annotated(Subtype=Name.Link, A=action("GoTo", Next=action("JavaScript", JS=String("x"))))),
        "javascript",
    ),
    "a program to launch": (pdf(annotated(Subtype=Name.Link, A=action("Launch", F=String("calc.exe")))), "actions"),
    "a form to submit": (pdf(annotated(Subtype=Name.Link, A=action("SubmitForm", F=String("x")))), "actions"),
    "another file to go to": (pdf(annotated(Subtype=Name.Link, A=action("GoToR", F=String("x.pdf")))), "actions"),
    "something on every page": (pdf(root(AA=Dictionary(WP=action("Named", N=Name.Print)))), "actions"),
    "a form": (
        pdf(root(AcroForm=Dictionary(Fields=Array([Dictionary(FT=Name.Tx, T=String("a"))])))),
        "forms",
    ),
    "XFA": (pdf(root(AcroForm=Dictionary(Fields=Array([]), XFA=String("<xdp/>")))), "forms"),
    "a field outside of the form": (pdf(annotated(Subtype=Name.Widget, FT=Name.Tx, T=String("a"))), "forms"),
    "signed": (pdf(pdfs.signed), "signed"),
    "a permission to change after signing": (pdf(root(Perms=Dictionary())), "signed"),
    "a file": (pdf(pdfs.attached), "files"),
    "a file on a page": (pdf(annotated(Subtype=Name.FileAttachment)), "files"),
    "a portfolio": (pdf(root(Collection=Dictionary(View=Name.D))), "files"),
    "a film": (pdf(annotated(Subtype=Name.RichMedia)), "media"),
    "3D": (pdf(annotated(Subtype=Name("/3D"))), "media"),
    "layers": (pdf(pdfs.layered), "layers"),
    "a point for a page": (pdf(sized(1, 1)), "boxes"),
    "a field for a page": (pdf(sized(1_000_000, 842)), "boxes"),
    "a bomb": (pdf(pdfs.bomb), "bomb"),
    "a vast picture": (pdf(pdfs.vast_picture), "bomb"),
    "too large": (b"%PDF-" + bytes(BYTES_MOST), "large"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_refuses_and_says_why(what):
    content, reason = REFUSED[what]
    with pytest.raises(RefusedPdf) as refused:
        inspect_pdf(content)
    assert refused.value.reason == reason
    assert refused.value.errors == [{"pointer": "/document", "detail": str(refused.value)}]


def test_it_takes_a_plain_one_and_measures_its_pages_as_they_are_shown():
    def turned(document: pikepdf.Pdf) -> None:
        document.pages[1].obj.Rotate = 90
        document.pages[2].obj.CropBox = Array([100, 100, 400, 300])

    content = pdf(turned, pages=3)
    found = inspect_pdf(content)
    assert [(page.width, page.height) for page in found.pages] == [(595, 842), (842, 595), (300, 200)]
    assert found.sha256 == hashlib.sha256(content).hexdigest()


def test_a_link_to_an_address_or_another_page_is_no_fault():
    inspect_pdf(pdf(annotated(Subtype=Name.Link, A=action("URI", URI=String("https://example.org")))))
    inspect_pdf(pdf(annotated(Subtype=Name.Link, A=action("GoTo", D=Array([0, Name.Fit])))))


def test_whatever_is_wrong_with_its_bytes_it_is_judged_or_refused():
    chance, good = random.Random(8), pdf()
    for _ in range(25):
        bad = bytearray(good)
        for _ in range(3):
            bad[chance.randrange(5, len(bad))] = chance.randrange(256)
        with suppress(RefusedPdf):
            assert len(inspect_pdf(bytes(bad)).pages) == 1


def test_one_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(inspecting, "SECONDS", 0.001)
    with pytest.raises(RefusedPdf) as refused:
        inspect_pdf(pdf())
    assert refused.value.reason == "slow"
