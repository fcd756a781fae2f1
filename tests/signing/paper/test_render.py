"""The PDFs of agreements: what was written is on them, what was filled in stands where it belongs, evidence inside."""

import io
import re
import shutil
import subprocess
from typing import Any

import pikepdf
import pytest
from pikepdf import Name
from PIL import Image

from signing.paper.inspect import inspect_pdf
from signing.paper.letters import drawable
from signing.paper.render import CannotBeDrawn, Mark, Stamp, render_certificate, render_text, stamp_pdf
from signing.paper.text import read_text
from tests.signing.paper.pdfs import pdf

CERTIFICATE: dict[str, Any] = {
    "title": "Lease",
    "agreement": "01a20545-0000-7000-8000-000000000000",
    "organization": "Alder Peak",
    "sender": "Inês Carvalho",
    "sent_at": "2026-11-22 10:00:00 UTC",
    "completed_at": "2026-11-22 11:00:00 UTC",
    "document": "Version 1, 2 pages",
    "sha256": "ab" * 32,
    "level": "SES",
    "head": "cd" * 32,
    "signers": [
        {
            "name": f"Sam {number}",
            "asked": "Signer, turn 1",
            "email": "sam@signer.example",
            "method": "A code",
            "viewed_at": "2026-11-22",
            "consented_at": "2026-11-22",
            "consent": "ef" * 32,
            "done": "Signed",
            "signed_at": "2026-11-22",
            "how": "Typed",
            "ip": "203.0.113.7",
            "user_agent": "Mozilla/5.0",
            "note": "",
        }
        for number in range(30)
    ],
    "steps": [
        {"index": str(number), "at": "2026-11-22", "kind": "Opened", "who": "Sam", "hash": "12" * 32}
        for number in range(120)
    ],
    "recompute": [{"what": "A step.", "how": "SHA-256."}],
}
HOSTILE = '#panic("x") $x$ @ref <label> *no* _no_ = no // no /* no */ \\ #read("/etc/passwd") ]'


def text_of(content: bytes) -> str:
    """What a reader gets to read, by a program that is not ours."""
    assert shutil.which("pdftotext"), "poppler-utils is needed"
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=content, capture_output=True, check=True)
    return " ".join(done.stdout.decode().split())


def draw(markdown: str, values: dict[int, Mark] | None = None, **more) -> bytes:
    given = {"title": "", "language": "en", "attachments": {}, "certificate": None} | more
    return render_text(read_text(markdown), values or {}, **given)


@pytest.mark.poppler
def test_customers_words_are_never_markup():
    made = text_of(draw(f"`{HOSTILE}`\n\n[[text:1]]", {1: Mark("text", HOSTILE)}, title=HOSTILE))
    assert made.count('#panic("x") $x$ @ref <label> *no* _no_') == 2


def test_it_is_pdf_a_3_with_the_evidence_inside_and_a_structure_to_read_aloud():
    with pikepdf.open(io.BytesIO(draw("# A\n\nb", attachments={"evidence.json": b'{"a":1}'}))) as document:
        with document.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "A")
            assert metadata["pdfuaid:part"] == "1"
        assert document.Root.OutputIntents[0].S == Name.GTS_PDFA1
        assert document.Root.MarkInfo.Marked
        assert Name.StructTreeRoot in document.Root
        assert [one.AFRelationship for one in document.Root.AF] == [Name.Data]
        assert document.attachments["evidence.json"].get_file().read_bytes() == b'{"a":1}'


def test_the_same_data_gives_the_same_bytes():
    assert draw("# A\n\n[[date:1]]", {1: Mark("date", "2026-11-22")}) == draw(
        "# A\n\n[[date:1]]", {1: Mark("date", "2026-11-22")}
    )


@pytest.mark.poppler
def test_greek_and_cyrillic_are_printed_and_what_no_font_has_is_refused_by_name():
    assert "Ωμέγα Привет Łódź" in text_of(draw("Ωμέγα Привет Łódź"))
    with pytest.raises(CannotBeDrawn, match="ༀ"):
        draw("ༀ")


@pytest.mark.poppler
def test_a_certificate_of_many_goes_over_pages():
    made = render_certificate(CERTIFICATE)
    with pikepdf.open(io.BytesIO(made)) as document:
        assert len(document.pages) > 4
    said = text_of(made)
    assert all(f"Sam {number}" in said for number in range(30))
    assert said.count("12" * 32) == 120


@pytest.mark.poppler
def test_marks_of_every_kind_are_drawn():
    picture = io.BytesIO()
    Image.new("RGBA", (200, 60), (0, 0, 0, 255)).save(picture, "PNG")
    made = draw(
        "[[signature:1]] [[signature:1]] [[signature:1]] [[checkbox:1 I agree]] [[name:1]] [[initials:1]] [[date:1]]",
        {
            1: Mark("signature", "Sam Signer", caption="Sam, 2026"),
            2: Mark("signature", strokes=[[[0.1, 0.5], [0.9, 0.5]], [[0.5, 0.1]]]),
            3: Mark("signature", image=picture.getvalue()),
            4: Mark("checkbox", checked=True, label="I agree"),
            5: Mark("name", "Sam Signer"),
            6: Mark("initials", "SS"),
            7: Mark("date", "2026-11-22"),
        },
    )
    said = text_of(made)
    assert said.count("Sam Signer") == 2
    assert all(part in said for part in ("Sam, 2026", "I agree", "SS", "2026-11-22"))


@pytest.mark.parametrize(
    "markdown",
    ["# \n\n# One", "- ### Three", "> # One\n\n### Three", "\ufeff# One", "### [[name:1]]\n\n# One"],
    ids=["an empty heading", "a heading in a list", "one in a quote", "a mark at the beginning", "a field as heading"],
)
def test_whatever_can_be_written_can_be_drawn(markdown):
    assert draw(markdown)


def test_what_turns_the_order_around_is_spelled_out():
    assert drawable("\u202e001") == "[U+202E]001"
    assert drawable("Peace: שלום, علي") == "Peace: שלום, علي"


@pytest.mark.parametrize("letter", ["ༀ", "\ue000", "\U0001f600"])
def test_letters_that_cannot_be_printed_are_named(letter):
    assert drawable(f"Ωa{letter}") == f"Ωa[U+{ord(letter):04X}]"
    with pytest.raises(CannotBeDrawn):
        draw(f"a {letter}")


@pytest.mark.parametrize(
    "name",
    ["田中", "ひらカナ", "김민수", "张伟", "علي", "שרה", "अमित", "রহিমা", "கண்ணன்", "สมชาย", "Հակոբ", "გიორგი"],
)
def test_names_of_these_scripts_are_printed_as_they_are_written(name):
    assert drawable(name) == name
    assert draw(name)


@pytest.mark.poppler
def test_letters_of_other_scripts_can_be_read_out_of_the_pdf():
    names = ["田中", "김민수", "אבג", "अमित", "கண்ணன்", "สมชาย", "Հակոբ", "გიორგი"]
    said = text_of(draw("\n\n".join(names)))
    assert [name for name in names if name not in said] == []


@pytest.mark.poppler
@pytest.mark.parametrize(("markdown", "from_right"), [("1. שלום to all", True), ("Peace: שלום", False)])
def test_a_text_begins_at_the_side_of_its_first_letter(markdown, from_right):
    done = subprocess.run(
        ["pdftotext", "-bbox", "-", "-"], input=draw(markdown), capture_output=True, check=True, text=False
    )
    lefts = [float(left) for left in re.findall(rb'<word xMin="([\d.]+)', done.stdout)]
    assert (min(lefts[:-4]) > 300) == from_right  # behind them stands the number of the page


def test_no_stamp_leaves_a_letter_out():
    stamps = [Stamp(1, 0.1, 0.1, 0.3, 0.05, Mark("text", "ༀ"))]
    with pytest.raises(CannotBeDrawn, match="ༀ"):
        stamp_pdf(pdf(), stamps, certificate_pages=pdf(), attachments={})


def test_pages_that_are_added_claim_no_place_in_the_documents_own_structure():
    certificate = render_certificate(CERTIFICATE)
    with pikepdf.open(io.BytesIO(certificate)) as alone:
        assert Name.StructParents in alone.pages[0].obj
    made = stamp_pdf(
        pdf(), [Stamp(1, 0.1, 0.1, 0.3, 0.05, Mark("text", "x"))], certificate_pages=certificate, attachments={}
    )
    with pikepdf.open(io.BytesIO(made)) as whole:
        assert not any(Name.StructParents in page.obj for page in whole.pages)
    assert made == stamp_pdf(
        pdf(), [Stamp(1, 0.1, 0.1, 0.3, 0.05, Mark("text", "x"))], certificate_pages=certificate, attachments={}
    )


@pytest.mark.poppler
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_a_stamp_lies_where_it_was_placed_however_the_page_is_turned(rotate):
    def turned(document: pikepdf.Pdf) -> None:
        document.pages[0].obj.Rotate = rotate
        document.pages[0].obj.CropBox = pikepdf.Array([50, 100, 550, 800])
        document.pages[0].obj.TrimBox = pikepdf.Array([80, 130, 500, 700])

    original = pdf(turned)
    stamps = [Stamp(1, 0.5, 0.25, 0.3, 0.05, Mark("text", "HERE"))]
    made = stamp_pdf(original, stamps, certificate_pages=render_certificate(CERTIFICATE), attachments={"e.json": b"{}"})
    width, height = (page := inspect_pdf(original).pages[0]).width, page.height
    box = subprocess.run(
        ["pdftotext", "-bbox", "-cropbox", "-l", "1", "-", "-"], input=made, capture_output=True, check=True
    ).stdout.decode()
    line = next(one for one in box.splitlines() if "HERE" in one)
    x, y = (float(line.split(f'{name}="')[1].split('"')[0]) for name in ("xMin", "yMin"))
    assert x / width == pytest.approx(0.5, abs=0.01)
    assert 0.25 <= y / height <= 0.30


@pytest.mark.poppler
def test_an_uploaded_document_keeps_its_own_content_and_gets_certificate_and_evidence():
    original = pdf(pages=2)
    made = stamp_pdf(
        original,
        [Stamp(2, 0.1, 0.1, 0.3, 0.05, Mark("signature", "Sam Signer"))],
        certificate_pages=render_certificate(CERTIFICATE),
        attachments={"evidence.json": b"{}"},
    )
    with pikepdf.open(io.BytesIO(original)) as before, pikepdf.open(io.BytesIO(made)) as after:
        assert len(after.pages) > 4
        assert after.pages[0].Contents.read_bytes() == before.pages[0].Contents.read_bytes()
        assert after.attachments["evidence.json"].get_file().read_bytes() == b"{}"
        assert [one.AFRelationship for one in after.Root.AF] == [Name.Data]
    assert "Sam Signer" in text_of(made)
