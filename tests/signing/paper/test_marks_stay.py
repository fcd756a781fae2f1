"""What was filled in is seen on the sealed page, where it was placed, whatever the page draws, leaves open or hides."""

import io
import re
import subprocess

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Stream
from PIL import Image

from signing.paper.judge import answer, judge
from signing.paper.render import Mark, Stamp, render_text, stamp_pdf
from signing.paper.text import read_text
from tests.signing.paper.pdfs import pdf
from tests.signing.paper.test_render import CERTIFICATE

FONTS = Dictionary(F1=Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
WORDS = b"BT /F1 24 Tf 50 700 Td (Rent) Tj ET "
LEFT_OPEN = {
    "nothing": b"",
    "a move": b"0.3 0 0 0.3 300 300 cm",
    "moves inside of each other": b"q q 0.3 0 0 0.3 300 300 cm",
    "more ends than beginnings": b"Q Q Q 0.3 0 0 0.3 300 300 cm",
    "a clip": b"Q 0 0 1 1 re W n",
    "a string": b"(abc",
    "a list": b"[ (abc)",
    "a dictionary": b"/P << /A",
    "a text that is not seen": b"BT /F1 9 Tf 3 Tr",
    "a picture": b"BI /W 1 /H 1 /CS /G /BPC 8 ID abc",
    "a tag": b"/P << /MCID 0 >> BDC",
}
TAGGED = pytest.mark.parametrize("tagged", [False, True], ids=["untagged", "tagged"])


def paper(content: bytes, *, tagged: bool = False, note: bytes = b"", **entries: object) -> bytes:
    """One page that draws this; with a note that has a look of its own."""

    def change(document: pikepdf.Pdf) -> None:
        page = document.pages[0].obj
        page.Contents = document.make_indirect(Stream(document, content))
        page.Resources = Dictionary(Font=FONTS)
        if tagged:
            page.StructParents = 0
        if note:
            looks = document.make_indirect(
                Stream(document, note, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 100, 100]))
            )
            stamp = Dictionary(
                Type=Name.Annot, Subtype=Name.Stamp, F=4, Rect=Array([0, 0, 595, 842]), AP=Dictionary(N=looks)
            )
            link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([9, 9, 20, 20]))
            page.Annots = Array([document.make_indirect(stamp), document.make_indirect(link)])
        for name, value in entries.items():
            page[Name(f"/{name}")] = value

    return pdf(change)


def sealed(
    original: bytes, mark: Mark | None = None, at: tuple[float, float, float, float] = (0.5, 0.25, 0.3, 0.05)
) -> bytes:
    assert "pages" in answer(original)
    return stamp_pdf(
        original, [Stamp(1, *at, mark or Mark("text", "HERE"))], certificate_pages=pdf(), attachments={"e.json": b"{}"}
    )


def places_of(word: bytes, made: bytes) -> list[tuple[float, float]]:
    """Where it begins, in points from the top left of the first page as it is shown."""
    done = subprocess.run(
        ["pdftotext", "-bbox", "-cropbox", "-l", "1", "-", "-"], input=made, capture_output=True, check=True
    )
    found = re.findall(rb'xMin="([\d.]+)" yMin="([\d.]+)"[^>]*>' + word + b"<", done.stdout)
    return [(float(x), float(y)) for x, y in found]


def seen(made: bytes) -> Image.Image:
    """The first page as a picture, a pixel for a point."""
    done = subprocess.run(
        ["pdftoppm", "-cropbox", "-r", "72", "-l", "1", "-png", "-"], input=made, capture_output=True, check=True
    )
    return Image.open(io.BytesIO(done.stdout)).convert("RGB")


@pytest.mark.poppler
@TAGGED
@pytest.mark.parametrize("what", LEFT_OPEN)
def test_a_mark_stands_where_it_was_placed_whatever_the_page_leaves_open(what, tagged):
    made = sealed(paper(WORDS + LEFT_OPEN[what], tagged=tagged))
    ((x, y),) = places_of(b"HERE", made)
    assert (x / 595, y / 842) == pytest.approx((0.5, 0.27), abs=0.02)
    assert places_of(b"Rent", made) == places_of(b"Rent", paper(WORDS))
    picture = seen(made)
    assert min(picture.crop((290, 210, 330, 250)).convert("L").tobytes()) < 90
    assert min(picture.crop((50, 120, 110, 150)).convert("L").tobytes()) < 90


def test_a_page_that_is_tagged_and_ends_in_order_stays_as_it_is_for_who_listens():
    with pikepdf.open(io.BytesIO(sealed(paper(WORDS, tagged=True)))) as made:
        parts = [part.read_bytes() for part in made.pages[0].Contents]
        assert parts[1].strip() == WORDS.strip()
    with pikepdf.open(io.BytesIO(sealed(paper(WORDS + b"q", tagged=True)))) as made:
        assert all(WORDS.strip() not in part.read_bytes() for part in made.pages[0].Contents)


@pytest.mark.poppler
def test_a_mark_lies_above_a_note_that_covers_the_page_and_links_stay():
    yellow = b"1 1 0 rg 0 0 100 100 re f"
    made = sealed(paper(WORDS, note=yellow))
    picture = seen(made)
    assert picture.getpixel((400, 600)) == (255, 255, 0)
    assert min(picture.crop((290, 210, 330, 250)).convert("L").tobytes()) < 90
    with pikepdf.open(io.BytesIO(made)) as document:
        assert [str(each.Subtype) for each in document.pages[0].Annots] == ["/Link"]


@pytest.mark.poppler
def test_a_note_of_another_page_becomes_a_part_of_it_too():
    def change(document: pikepdf.Pdf) -> None:
        with pikepdf.open(io.BytesIO(paper(WORDS + b"q q 9 0 0 9 0 0 cm", note=b"1 0 0 rg 0 0 100 100 re f"))) as other:
            document.pages.insert(0, other.pages[0])

    original = pdf(change)
    made = stamp_pdf(
        original, [Stamp(2, 0.1, 0.1, 0.1, 0.1, Mark("text", "x"))], certificate_pages=pdf(), attachments={}
    )
    assert seen(made).tobytes() == seen(original).tobytes()
    with pikepdf.open(io.BytesIO(made)) as document:
        assert [str(each.Subtype) for each in document.pages[0].Annots] == ["/Link"]


@pytest.mark.poppler
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize(
    ("media", "crop"),
    [
        ([0, 0, 595, 842], [50, 100, 550, 800]),
        ([-300, -400, 295, 442], [-250, -300, 250, 400]),
        ([595, 842, 0, 0], [550, 800, 50, 100]),
        ([0.5, 0.25, 595.75, 842.5], [0.5, 0.25, 595.75, 842.5]),
    ],
    ids=["cropped", "below zero", "from the other corner", "parts of a point"],
)
def test_a_mark_is_seen_where_it_was_placed_on_pages_of_every_kind(media, crop, rotate):
    original = paper(b"", MediaBox=Array(media), CropBox=Array(crop), Rotate=rotate)
    ((width, height),) = judge(original)  # as pdf.js shows it, and a field is placed
    dot = Image.new("RGB", (50, 50), "red")
    png = io.BytesIO()
    dot.save(png, "PNG")
    made = sealed(original, Mark("signature", image=png.getvalue()), (0.6, 0.1, 0.3, 0.2))
    picture = seen(made)
    assert picture.size == pytest.approx((width, height), abs=1)
    red = [
        (index % picture.width, index // picture.width)
        for index, pixel in enumerate(zip(*[iter(picture.tobytes())] * 3, strict=True))
        if pixel[0] > 200 and pixel[1] < 60
    ]
    assert red
    assert 0.59 * width < min(x for x, _ in red) < max(x for x, _ in red) < 0.91 * width
    assert 0.09 * height < min(y for _, y in red) < max(y for _, y in red) < 0.31 * height


LONG = "The tenant pays in twelve parts, each due on the first of the month; otherwise the whole is due at once. " * 6


def boxes_of(made: bytes, *more: str) -> list[tuple[str, float, float, float, float]]:
    """Each word with its left, top, right and bottom, in points."""
    done = subprocess.run(["pdftotext", "-bbox", *more, "-", "-"], input=made, capture_output=True, check=True)
    found = re.findall(r'xMin="(.+?)" yMin="(.+?)" xMax="(.+?)" yMax="(.+?)">(.*?)<', done.stdout.decode())
    return [(word, *map(float, edges)) for *edges, word in found]


@pytest.mark.poppler
@pytest.mark.parametrize(
    "mark",
    [
        Mark("text", LONG),
        Mark("text", "W" * 200),
        Mark("text", "one\ntwo\nthree\nfour"),
        Mark("name", "Maximilian Alexander Wolfeschlegelsteinhausenbergerdorff"),
        Mark("signature", "Maximilian Alexander Wolfeschlegelsteinhausenbergerdorff", caption="N" * 120),
        Mark("initials", "WWWWWWWWWW"),
    ],
    ids=["long", "one word", "lines", "a name", "a signature", "initials"],
)
def test_nothing_that_was_filled_in_is_cut_off(mark):
    words = boxes_of(sealed(paper(b""), mark, (0.1, 0.2, 0.3, 0.04)), "-l", "1")
    assert "".join(word for word, *_ in words) == "".join((mark.text + mark.caption).split())
    for _, left, top, right, bottom in words:
        assert 0.1 * 595 - 1 < left < right < 0.4 * 595 + 1
        assert 0.2 * 842 - 2 < top < bottom < 0.24 * 842 + 2


@pytest.mark.poppler
def test_long_words_stay_on_the_page_of_a_text_and_of_the_certificate():
    long = "W" * 120
    one = CERTIFICATE["signers"][0] | {"name": long, "email": f"{long}@signer.example", "user_agent": "Z" * 400}
    certificate = CERTIFICATE | {"title": long, "organization": "X" * 80, "signers": [one], "sender": long}
    filled = {1: Mark("name", long), 2: Mark("signature", long, caption=long)}
    written = read_text("Name: [[name:1]], pays.\n\n[[signature:1]]")
    made = render_text(written, filled, title=long, language="en", attachments={}, certificate=certificate)
    words = boxes_of(made)
    assert max(right for _, _, _, right, _ in words) < 595 - 60
    assert "".join(word for word, *_ in words).count("W" * 24) >= 6 * 5
