"""PDFs as others make them, good and bad."""

import io
import warnings
import zlib
from collections.abc import Callable

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


def layered(document: pikepdf.Pdf) -> None:
    group = document.make_indirect(Dictionary(Type=Name.OCG, Name=String("Later")))
    document.Root.OCProperties = Dictionary(OCGs=Array([group]), D=Dictionary(OFF=Array([group])))


def signed(document: pikepdf.Pdf) -> None:
    value = document.make_indirect(Dictionary(Type=Name.Sig, ByteRange=Array([0, 1, 2, 3]), Contents=String("x")))
    field = document.make_indirect(Dictionary(FT=Name.Sig, T=String("s"), V=value))
    document.Root.AcroForm = Dictionary(Fields=Array([field]), SigFlags=3)


def bomb(document: pikepdf.Pdf) -> None:
    """A page of 300 MB of blanks, in 300 kB."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b" " * 10_000_000) for _ in range(30)) + packer.flush()
    stream = Stream(document, packed)
    stream.Filter = Name.FlateDecode
    document.pages[0].obj.Contents = document.make_indirect(stream)


def vast_picture(document: pikepdf.Pdf) -> None:
    picture = Stream(document, b"", Type=Name.XObject, Subtype=Name.Image, Width=100_000, Height=100_000)
    document.pages[0].obj.Resources = Dictionary(XObject=Dictionary(P=document.make_indirect(picture)))


def sized(width: float, height: float) -> Callable[[pikepdf.Pdf], None]:
    def change(document: pikepdf.Pdf) -> None:
        document.pages[0].obj.MediaBox = Array([0, 0, width, height])

    return change


def encrypted() -> bytes:
    return pdf(encryption=pikepdf.Encryption(owner="o", user=""))


def locked() -> bytes:
    return pdf(encryption=pikepdf.Encryption(owner="o", user="u"))
