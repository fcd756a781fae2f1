"""The process that reads a PDF for signing.paper.inspect: bytes in, one line of JSON out. It stands alone.

A reason it is refused for, or the size of each page as shown. Memory and processor time are bounded before the first
byte is looked at.
"""

import io
import json
import resource
import sys
from collections.abc import Iterator

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

MEMORY, SECONDS = 1_500_000_000, 15
UNPACKED_MOST, PIXELS_MOST, PAGES_MOST = 256_000_000, 100_000_000, 500
SMALLEST, LARGEST = 36.0, 14_400.0  # points
# What a page may do when it is clicked: go to another place of the same document, or to an address.
HARMLESS = {"/GoTo", "/URI", "/Named"}
MEDIA = {"/RichMedia", "/3D", "/Screen", "/Movie", "/Sound"}


class Refused(Exception):
    """Its one argument is the reason."""


def judge(data: bytes) -> list[tuple[float, float]]:
    """The pages' sizes. Raises Refused, and whatever qpdf raises."""
    with pikepdf.open(io.BytesIO(data), attempt_recovery=False, suppress_warnings=True) as document:
        if document.is_encrypted:
            raise Refused("encrypted")
        if not 1 <= len(document.pages) <= PAGES_MOST:
            raise Refused("pages")
        _check_root(document.Root)
        _check_objects(document)
        return [_size(page) for page in document.pages]


def _check_root(root: pikepdf.Object) -> None:
    names = root.get(Name.Names, Dictionary())
    if Name.JavaScript in names:
        raise Refused("javascript")
    if Name.EmbeddedFiles in names or Name.AF in root or Name.Collection in root:
        raise Refused("files")
    if Name.Perms in root or Name.DSS in root:
        raise Refused("signed")
    form = root.get(Name.AcroForm)
    if form is not None and (len(form.get(Name.Fields, Array())) or Name.XFA in form):
        raise Refused("signed" if int(form.get(Name.SigFlags, 0)) else "forms")
    if Name.AA in root:
        raise Refused("actions")
    opened = root.get(Name.OpenAction)
    if isinstance(opened, Dictionary):
        _check_action(opened)


def _check_objects(document: pikepdf.Pdf) -> None:
    """Every object, whether a page names it or not: what is not shown now may be later."""
    unpacked = 0
    for thing in document.objects:
        for inside in _with_what_it_holds(thing):
            if isinstance(inside, Dictionary | Stream):
                _check_dictionary(inside)
        if isinstance(thing, Stream):
            unpacked += _unpacked(thing)
            if unpacked > UNPACKED_MOST:
                raise Refused("bomb")


def _with_what_it_holds(thing: pikepdf.Object) -> Iterator[pikepdf.Object]:
    """The object and what stands in it by itself; what it only refers to has its own turn."""
    waiting = [thing]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, Dictionary | Stream):
            waiting += [value for value in one.values() if _stands_here(value)]
        elif isinstance(one, Array):
            waiting += [value for value in one if _stands_here(value)]


def _stands_here(value: object) -> bool:
    return isinstance(value, Dictionary | Array) and not value.is_indirect


def _check_dictionary(thing: Dictionary | Stream) -> None:
    kind, sort = str(thing.get(Name.Type, "")), str(thing.get(Name.Subtype, ""))
    if sort in MEDIA or str(thing.get(Name.S, "")) in {"/Rendition", "/Sound", "/Movie", "/RichMediaExecute"}:
        raise Refused("media")
    if Name.JS in thing:
        raise Refused("javascript")
    if kind in {"/Sig", "/DocTimeStamp"} or Name.ByteRange in thing:
        raise Refused("signed")
    if sort == "/Widget" or Name.FT in thing:
        raise Refused("signed" if str(thing.get(Name.FT, "")) == "/Sig" else "forms")
    if kind in {"/Filespec", "/F", "/EmbeddedFile"} or Name.EF in thing or sort == "/FileAttachment":
        raise Refused("files")
    if kind in {"/OCG", "/OCMD"} or Name.OCProperties in thing:
        raise Refused("layers")
    if Name.AA in thing:
        raise Refused("actions")
    for name in (Name.A, Name.Next, Name.OpenAction):
        action = thing.get(name)
        if isinstance(action, Dictionary) and Name.S in action:
            _check_action(action)


def _check_action(action: Dictionary) -> None:
    kind = str(action.get(Name.S, ""))
    if kind == "/JavaScript":
        raise Refused("javascript")
    if kind and kind not in HARMLESS:
        raise Refused("actions")


def _unpacked(stream: Stream) -> int:
    """How many bytes come out of it. A picture is bounded by itself: a scan has one on every page."""
    if str(stream.get(Name.Subtype, "")) == "/Image":
        if int(stream.get(Name.Width, 0)) * int(stream.get(Name.Height, 0)) > PIXELS_MOST:
            raise Refused("bomb")
        return 0
    return len(stream.read_bytes())


def _size(page: pikepdf.Page) -> tuple[float, float]:
    box = [float(edge) for edge in page.cropbox]
    width, height = abs(box[2] - box[0]), abs(box[3] - box[1])
    if not all(SMALLEST <= side <= LARGEST for side in (width, height)):
        raise Refused("boxes")
    turned = int(page.obj.get(Name.Rotate, 0))
    if turned % 90:
        raise Refused("boxes")
    return (height, width) if turned % 180 else (width, height)


def main() -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    told: dict[str, object]
    try:
        told = {"pages": judge(sys.stdin.buffer.read())}
    except Refused as refused:
        told = {"reason": refused.args[0]}
    except pikepdf.PasswordError:
        told = {"reason": "encrypted"}
    except MemoryError:
        told = {"reason": "bomb"}
    except (pikepdf.PdfError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        told = {"reason": "malformed"}
    sys.stdout.write(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
