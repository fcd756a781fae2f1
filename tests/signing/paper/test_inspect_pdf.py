"""An uploaded PDF is judged before anything is done with it (SIG-1): what runs, hides or asks is refused by name."""

import hashlib
import random
import zlib

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, ObjectStreamMode, String

from signing.paper import inspect as inspecting
from signing.paper.inspect import BYTES_MOST, RefusedPdf, inspect_pdf
from signing.paper.judge import answer
from tests.signing.paper import pdfs
from tests.signing.paper.pdfs import action, annotated, group_here, layered, pdf, picture, root, sized, unpacking
from tests.verify.agreements import sealed_pdf

LABELLED = pdf(root(X=String("0123456789")), object_stream_mode=ObjectStreamMode.disable)
PLAIN = pdf(object_stream_mode=ObjectStreamMode.disable)
LOOKS = Dictionary(Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 10, 10]))
SCRIPT = {"JS": String("app.alert(1)")}


def clicked(kind: str, **more):
    return annotated(Subtype=Name.Link, A=action(kind, **more))


def standing_in_its_page(kind: str):
    """Not an object of its own, which a look at objects alone would miss."""

    def change(document: pikepdf.Pdf) -> None:
        link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), A=action(kind))
        document.pages[0].obj.Annots = Array([link])

    return change


REFUSED = {
    "a head alone": (b"%PDF-1.7\n", "malformed"),
    "half of one": (PLAIN[:300], "malformed"),
    "a key twice": (LABELLED.replace(b"/X (0123456789)", b"/X 1 /X 2      ", 1), "malformed"),
    "a tree of pages that bites its tail": (pdf(lambda one: one.Root.Pages.Kids.append(one.Root.Pages)), "malformed"),
    "brackets without end": (PLAIN.replace(b"/MediaBox [", b"/MediaBox " + b"[" * 100_000, 1), "malformed"),
    "encrypted": (pdfs.encrypted(), "encrypted"),
    "locked": (pdfs.locked(), "encrypted"),
    "no page": (pdf(pages=0), "pages"),
    "501 pages": (pdf(pages=501), "pages"),
    "10,000 pages": (pdf(pages=10_000), "pages"),
    "a script by name": (pdf(pdfs.scripted_by_name), "javascript"),
    "room for scripts": (pdf(root(Names=Dictionary(JavaScript=Dictionary()))), "javascript"),
    "a script when opened": (pdf(root(OpenAction=action("JavaScript", **SCRIPT))), "javascript"),
    "a script on a click": (pdf(clicked("JavaScript", **SCRIPT)), "javascript"),
    "a script after a harmless action": (pdf(clicked("GoTo", Next=action("JavaScript", **SCRIPT))), "javascript"),
    "a script in a field": (pdf(annotated(Subtype=Name.Widget, AA=Dictionary(K=action("x", **SCRIPT)))), "forms"),
    "a script that no page names": (pdf(root(X=Dictionary(Y=Array([action("JavaScript")])))), "javascript"),
    "a script in its page": (pdf(standing_in_its_page("JavaScript")), "javascript"),
    "a program to launch": (pdf(clicked("Launch", F=String("calc.exe"))), "actions"),
    "one of several to come": (pdf(clicked("GoTo", Next=Array([action("GoTo"), action("Launch")]))), "actions"),
    "one on the way to an address": (pdf(annotated(Subtype=Name.Link, PA=action("Launch"))), "actions"),
    "one in its page": (pdf(standing_in_its_page("Launch")), "actions"),
    "one that no page names": (pdf(root(X=Array([action("Launch")]))), "actions"),
    "one that nobody knows": (pdf(clicked("Later")), "actions"),
    "one that nobody knows, when opened": (pdf(root(OpenAction=action("Later"))), "actions"),
    "one that nobody knows, to come": (pdf(clicked("GoTo", Next=Array([action("Later")]))), "actions"),
    "one that nobody knows, on the way": (pdf(annotated(Subtype=Name.Link, PA=action("Later"))), "actions"),
    "a form to submit": (pdf(clicked("SubmitForm", F=String("x"))), "actions"),
    "data to import": (pdf(clicked("ImportData", F=String("x"))), "actions"),
    "another file to go to": (pdf(clicked("GoToR", F=String("x.pdf"))), "actions"),
    "layers to switch": (pdf(clicked("SetOCGState", State=Array([Name.OFF]))), "actions"),
    "an address that is a script": (pdf(clicked("URI", URI=String("JavaScript:alert(1)"))), "actions"),
    "an address of this machine": (pdf(clicked("URI", URI=String("file:///etc/passwd"))), "actions"),
    "no address": (pdf(clicked("URI")), "actions"),
    "the printer": (pdf(clicked("Named", N=Name.Print)), "actions"),
    "something on every page": (pdf(root(AA=Dictionary(WP=action("GoTo")))), "actions"),
    "a form": (pdf(root(AcroForm=Dictionary(Fields=Array([Dictionary(FT=Name.Tx, T=String("a"))])))), "forms"),
    "XFA": (pdf(root(AcroForm=Dictionary(Fields=Array([]), XFA=String("<xdp/>")))), "forms"),
    "a field outside of the form": (pdf(annotated(Subtype=Name.Widget, FT=Name.Tx, T=String("a"))), "forms"),
    "a signature": (pdf(pdfs.signed), "signed"),
    "a signature that nobody names": (pdf(root(X=Dictionary(Type=Name.Sig))), "signed"),
    "a range of bytes": (pdf(root(X=Dictionary(ByteRange=Array([])))), "signed"),
    "a permission to change after signing": (pdf(root(Perms=Dictionary())), "signed"),
    "proofs of certificates": (pdf(root(DSS=Dictionary())), "signed"),
    "a file": (pdf(lambda one: one.attachments.__setitem__("a.txt", b"inside")), "files"),
    "room for files": (pdf(root(Names=Dictionary(EmbeddedFiles=Dictionary()))), "files"),
    "a file that nobody names": (pdf(root(X=Dictionary(EF=Dictionary()))), "files"),
    "a file's content": (pdf(root(X=Dictionary(Type=Name.EmbeddedFile))), "files"),
    "a stand-in for a printer": (pdf(root(X=Dictionary(OPI=Dictionary()))), "files"),
    "a file on a page": (pdf(annotated(Subtype=Name.FileAttachment)), "files"),
    "a file of a part": (pdf(annotated(Subtype=Name.Link, AF=Array([]))), "files"),
    "a portfolio": (pdf(root(Collection=Dictionary(View=Name.D))), "files"),
    "content that lies elsewhere": (pdf(pdfs.content_elsewhere), "files"),
    "a page of another file": (pdf(pdfs.page_of_another), "files"),
    "a film": (pdf(annotated(Subtype=Name.RichMedia)), "media"),
    "3D": (pdf(annotated(Subtype=Name("/3D"))), "media"),
    "a layer that is off": (pdf(layered(OFF=group_here)), "layers"),
    "a layer that is off in another view": (pdf(layered(others={"BaseState": Name.OFF})), "layers"),
    "layers that are off unless named": (pdf(layered(BaseState=Name.OFF, ON=group_here)), "layers"),
    "a layer by who looks": (pdf(layered(AS=Array([Dictionary(Category=Array([Name.User]))]))), "layers"),
    "a layer for paper": (pdf(layered(use=Dictionary(View=Dictionary(ViewState=Name.OFF)))), "layers"),
    "what shows when a layer does not": (pdf(pdfs.shown_otherwise(P=Name.AnyOff)), "layers"),
    "what shows by a formula": (pdf(pdfs.shown_otherwise(VE=Array([Name.Not]))), "layers"),
    "a note that is hidden": (pdf(annotated(Subtype=Name.FreeText, F=2)), "hidden"),
    "a note for paper": (pdf(annotated(Subtype=Name.Stamp, F=32)), "hidden"),
    "a note that some draw": (pdf(annotated(Subtype=Name.FreeText, F=4, Contents=String("x"))), "hidden"),
    "a note that looks otherwise below a mouse": (
        pdf(annotated(Subtype=Name.Stamp, AP=Dictionary(N=LOOKS, R=LOOKS))),
        "hidden",
    ),
    "a link that some draw": (pdf(annotated(Subtype=Name.Link, AP=Dictionary(N=LOOKS))), "hidden"),
    "another picture for paper": (pdf(picture(b"x", Width=1, Height=1, Alternates=Array([]))), "hidden"),
    "a point for a page": (pdf(sized(1, 1)), "boxes"),
    "a field for a page": (pdf(sized(1_000_000, 842)), "boxes"),
    "a part that reaches beyond the paper": (pdf(sized(595, 842, crop=[0, 0, 595, 900])), "boxes"),
    "a part that lies beside the paper": (pdf(sized(595, 842, crop=[600, 0, 900, 842])), "boxes"),
    "a unit of its own": (pdf(lambda one: one.pages[0].obj.__setattr__("UserUnit", 1_000)), "boxes"),
    "turned by 45 degrees": (pdf(lambda one: one.pages[0].obj.__setattr__("Rotate", 45)), "boxes"),
    "a bomb": (pdf(unpacking(pdfs.blanks(300), Name.FlateDecode)), "bomb"),
    "a bomb in a bomb": (
        pdf(unpacking(zlib.compress(pdfs.blanks(300), 9), Name.FlateDecode, Name.FlateDecode)),
        "bomb",
    ),
    "a vast picture": (pdf(picture(b"", Width=100_000, Height=100_000)), "bomb"),
    "a small picture of many bytes": (
        pdf(picture(pdfs.blanks(20), Width=9, Height=9, Filter=Name.FlateDecode)),
        "bomb",
    ),
}
TAKEN = {
    "a link to an address": clicked("URI", URI=String("https://example.org")),
    "a link to another page": clicked("GoTo", D=Array([0, Name.Fit])),
    "the next page": clicked("Named", N=Name.NextPage),
    "a layer that everybody sees": layered(ON=group_here, AS=Array([Dictionary(Category=Array([Name.Print]))])),
    "a note that everybody sees": annotated(Subtype=Name.FreeText, F=4, AP=Dictionary(N=LOOKS)),
    "an empty form": root(AcroForm=Dictionary(Fields=Array([]))),
    "a picture": picture(zlib.compress(bytes(300)), Width=10, Height=10, Filter=Name.FlateDecode),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_refuses_and_says_why(what):
    content, reason = REFUSED[what]
    assert answer(content) == {"reason": reason}
    assert str(RefusedPdf(reason))


@pytest.mark.parametrize("what", TAKEN)
def test_what_does_the_same_for_everybody_is_no_fault(what):
    assert answer(pdf(TAKEN[what])) == {"pages": [(595.0, 842.0)]}


def test_one_that_was_signed_before_is_refused_and_one_that_was_changed_after_it_too():
    sealed = sealed_pdf(PLAIN).pdf
    assert answer(sealed) == {"reason": "signed"}
    assert answer(sealed + b"\n") == {"reason": "signed"}
    assert answer(pdfs.revised(sealed)) == {"reason": "altered"}
    assert answer(pdfs.revised(PLAIN)) == {"pages": [(595.0, 842.0)]}


def test_it_measures_pages_as_they_are_shown():
    def turned(document: pikepdf.Pdf) -> None:
        document.pages[1].obj.Rotate = 90
        document.pages[2].obj.CropBox = Array([100, 100, 400, 300])

    content = pdf(turned, pages=3)
    found = inspect_pdf(content)
    assert [(page.width, page.height) for page in found.pages] == [(595, 842), (842, 595), (300, 200)]
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert answer(pdf(pdfs.turned_by_its_parent)) == {"pages": [(842.0, 595.0)]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hello", "malformed"),
        (b"%PDF-" + bytes(BYTES_MOST), "large"),
        (b"%PDF-1.7\n" + b"[" * 1_000_000, "malformed"),
        REFUSED["a program to launch"],
    ],
    ids=["no PDF", "too large", "brackets without end", "by the other process"],
)
def test_it_is_refused_in_words_that_say_what_to_do(content, reason):
    with pytest.raises(RefusedPdf) as refused:
        inspect_pdf(content)
    assert refused.value.reason == reason
    assert refused.value.errors == [{"pointer": "/document", "detail": str(refused.value)}]


def test_whatever_is_wrong_with_its_bytes_it_is_judged_or_refused():
    chance = random.Random(8)
    good = pdf(clicked("URI", URI=String("https://example.org")), object_stream_mode=ObjectStreamMode.disable)
    taken = 0
    for _ in range(400):
        bad = bytearray(good)
        for _ in range(chance.choice([1, 1, 3, 30])):
            bad[chance.randrange(5, len(bad))] = chance.randrange(256)
        told = answer(bytes(bad[: chance.choice([len(bad), len(bad), chance.randrange(9, len(bad))])]))
        assert set(told) in ({"pages"}, {"reason"})
        taken += "pages" in told
    assert 0 < taken < 400


def test_the_other_process_has_little_time(monkeypatch):
    monkeypatch.setattr(inspecting, "SECONDS", 0.001)
    with pytest.raises(RefusedPdf) as refused:
        inspect_pdf(PLAIN)
    assert refused.value.reason == "slow"


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ("while True: pass", "slow"),
        ("x = b'x' * MEMORY", "malformed"),
        ("open(sys.argv[0] + '.out', 'wb').write(bytes(2_000_000))", "malformed"),
        ("sys.stdout.write('x' * 2_000_000)", "malformed"),
    ],
    ids=["time", "memory", "files", "words"],
)
def test_the_other_process_has_its_bounds(does, reason, tmp_path, monkeypatch):
    """What a fault in the reader could do with it, done by a reader that has one."""
    source = inspecting._JUDGE.read_text().replace(
        "MEMORY, SECONDS, ANSWER_MOST = 1_500_000_000, 15", "MEMORY, SECONDS, ANSWER_MOST = 1_500_000_000, 1"
    )
    faulty = tmp_path / "judge.py"
    faulty.write_text(source.replace('    """The pages\' sizes, or the reason it is refused for."""', f"    {does}"))
    monkeypatch.setattr(inspecting, "_JUDGE", faulty)
    with pytest.raises(RefusedPdf) as refused:
        inspect_pdf(PLAIN)
    assert refused.value.reason == reason
