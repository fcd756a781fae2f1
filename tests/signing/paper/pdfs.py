"""PDFs as others make them, good and bad."""

import io
import warnings
import zlib
from collections.abc import Callable
from functools import cache

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream, String


def pdf(change: Callable[[pikepdf.Pdf], None] | None = None, *, pages: int = 1, **saving) -> bytes:
    """A PDF of blank pages, changed before it is saved."""
    out = io.BytesIO()
    with pikepdf.new() as document:
        for _ in range(pages):
            document.add_blank_page(page_size=(595, 842))
        if change:
            change(document)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a bad one is bad
            document.save(out, **saving)
    return out.getvalue()


def action(kind: str, **more) -> Dictionary:
    return Dictionary(Type=Name.Action, S=Name(f"/{kind}"), **more)


def annotated(**entries) -> Callable[[pikepdf.Pdf], None]:
    """With one annotation on the first page."""

    def change(document: pikepdf.Pdf) -> None:
        note = Dictionary(Type=Name.Annot, Rect=Array([0, 0, 10, 10]), **entries)
        document.pages[0].obj.Annots = Array([document.make_indirect(note)])

    return change


def root(**entries) -> Callable[[pikepdf.Pdf], None]:
    def change(document: pikepdf.Pdf) -> None:
        for name, value in entries.items():
            document.Root[Name(f"/{name}")] = value

    return change


def attached(document: pikepdf.Pdf) -> None:
    document.attachments["a.txt"] = b"inside"


def scripted_by_name(document: pikepdf.Pdf) -> None:
    script = action("JavaScript", JS=String("app.alert(1)"))
    document.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array([String("x"), script])))


def layered(
    *, use: Dictionary | None = None, others: dict[str, Name] | None = None, **view
) -> Callable[[pikepdf.Pdf], None]:
    """With one layer; `view` says what is on, by whom."""

    def change(document: pikepdf.Pdf) -> None:
        layer = Dictionary(Type=Name.OCG, Name=String("Later"))
        if use:
            layer.Usage = use
        group = document.make_indirect(layer)
        shown = Dictionary()
        for name, value in view.items():
            shown[Name(f"/{name}")] = Array([group]) if value is group_here else value
        document.Root.OCProperties = Dictionary(OCGs=Array([group]), D=shown)
        if others:
            document.Root.OCProperties.Configs = Array(
                [Dictionary({f"/{name}": value for name, value in others.items()})]
            )

    return change


group_here = object()  # the layer itself, where a view lists layers


def shown_otherwise(**entries) -> Callable[[pikepdf.Pdf], None]:
    """What belongs to a layer by a rule of its own."""

    def change(document: pikepdf.Pdf) -> None:
        rule = document.make_indirect(Dictionary(Type=Name.OCMD, **entries))
        document.pages[0].obj.Resources = Dictionary(Properties=Dictionary(R=rule))

    return change


def signed(document: pikepdf.Pdf) -> None:
    """A signature that covers nothing, in an object that no search of the bytes finds."""
    value = document.make_indirect(Dictionary(Type=Name.Sig, Contents=String("x")))
    field = document.make_indirect(Dictionary(FT=Name.Sig, T=String("s"), V=value))
    document.Root.AcroForm = Dictionary(Fields=Array([field]), SigFlags=3)


def revised(content: bytes) -> bytes:
    """The same with an update at its end: another catalog, which knows of no form and no signature."""
    with pikepdf.open(io.BytesIO(content)) as document:
        root, pages, size = document.Root.objgen[0], document.Root.Pages.objgen[0], int(document.trailer.Size)
    former = int(content[content.rfind(b"startxref") + 9 :].split()[0])
    catalog = b"%d 0 obj\n<< /Type /Catalog /Pages %d 0 R >>\nendobj\n" % (root, pages)
    table = b"xref\n%d 1\n%010d 00000 n \n" % (root, len(content))
    trailer = b"trailer << /Size %d /Root %d 0 R /Prev %d >>\n" % (size, root, former)
    end = b"startxref\n%d\n%%%%EOF\n" % (len(content) + len(catalog))
    return content + catalog + table + trailer + end


def content_elsewhere(document: pikepdf.Pdf) -> None:
    document.pages[0].obj.Contents = document.make_indirect(Stream(document, b"", F=String("http://a.example/page")))


def page_of_another(document: pikepdf.Pdf) -> None:
    form = Stream(document, b"", Type=Name.XObject, Subtype=Name.Form, Ref=Dictionary(F=String("a.pdf"), Page=0))
    document.pages[0].obj.Resources = Dictionary(XObject=Dictionary(P=document.make_indirect(form)))


def picture(packed: bytes, **entries) -> Callable[[pikepdf.Pdf], None]:
    def change(document: pikepdf.Pdf) -> None:
        stream = Stream(document, packed, Type=Name.XObject, Subtype=Name.Image, **entries)
        document.pages[0].obj.Resources = Dictionary(XObject=Dictionary(P=document.make_indirect(stream)))

    return change


@cache
def blanks(megabytes: int) -> bytes:
    """As many, packed to a thousandth."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(b" " * 1_000_000) for _ in range(megabytes)) + packer.flush()


def unpacking(packed: bytes, *filters: Name) -> Callable[[pikepdf.Pdf], None]:
    """With content that was packed once or several times."""

    def change(document: pikepdf.Pdf) -> None:
        stream = Stream(document, packed)
        stream.Filter = Array(filters)
        document.pages[0].obj.Contents = document.make_indirect(stream)

    return change


def turned_by_its_parent(document: pikepdf.Pdf) -> None:
    document.Root.Pages.Rotate = 90


def sized(width: float, height: float, crop: list[float] | None = None) -> Callable[[pikepdf.Pdf], None]:
    def change(document: pikepdf.Pdf) -> None:
        document.pages[0].obj.MediaBox = Array([0, 0, width, height])
        if crop:
            document.pages[0].obj.CropBox = Array(crop)

    return change


def encrypted() -> bytes:
    return pdf(encryption=pikepdf.Encryption(owner="o", user=""))


def locked() -> bytes:
    return pdf(encryption=pikepdf.Encryption(owner="o", user="u"))
