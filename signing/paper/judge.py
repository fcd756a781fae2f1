"""The process that reads a PDF for signing.paper.inspect: bytes in, one line of JSON out. It stands alone.

What a signer is shown is read from these bytes by pdf.js, what is sealed is read from them by qpdf, and others may read
them by something else: nothing is taken that could be read as two documents. A reason it is refused for, or the size of
each page as shown. Memory, files and processor time are bounded before the first byte is looked at.
"""

import io
import json
import re
import resource
import sys
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

MEMORY, SECONDS, ANSWER_MOST = 1_500_000_000, 15, 1_000_000
UNPACKED_MOST, PAGES_MOST = 256_000_000, 500
PIXELS_MOST, PICTURES_MOST = 100_000_000, 2_000_000_000  # of one picture; bytes of all that lie there without loss
SMALLEST, LARGEST = 36.0, 14_400.0  # points
# What a page may do when it is clicked: go to another place of the same document, or to an address of the web.
HARMLESS = {"/GoTo", "/URI", "/Named"}
TURNS = {"/NextPage", "/PrevPage", "/FirstPage", "/LastPage"}
ADDRESSES = ("https://", "http://", "mailto:")
ACTS = {
    "/Launch", "/SubmitForm", "/ImportData", "/ResetForm", "/GoToR", "/GoToE", "/GoTo3DView", "/GoToDp",
    "/SetOCGState",
}  # fmt: skip
MEDIA = {"/RichMedia", "/3D", "/Screen", "/Movie", "/Sound"}
MEDIA_ACTS = {"/Rendition", "/Sound", "/Movie", "/RichMediaExecute"}
UNSEEN = 2 | 32 | 256  # an annotation's flags: hidden, not on a screen, or now one and now the other
INFLATED = {"/FlateDecode", "/Fl"}
LOSSLESS = INFLATED | {
    "/LZWDecode",
    "/LZW",
    "/RunLengthDecode",
    "/RL",
    "/ASCII85Decode",
    "/A85",
    "/ASCIIHexDecode",
    "/AHx",
}
BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*\d+\s+\d+\s+(\d+)\s+(\d+)\s*\]")
BLANK = b"\t\n\x0c\r \0"
GAP = rb"[\t\n\f\r \0]+"
DEFINED = re.compile(rb"(?<!\d)(\d{1,10})" + GAP + rb"(\d{1,5})" + GAP + rb"obj")
LAST_WORDS = re.compile(rb"startxref" + GAP + rb"(\d{1,10})" + GAP + rb"%%EOF(?:" + GAP + rb")?\Z")


def _spelled(name: bytes) -> bytes:
    """A pattern for a name however it is spelled: each letter may stand as its number (ISO 32000-2, 7.3.5)."""
    return b"/" + b"".join(b"(?:%c|(?i:#%02x))" % (each, each) for each in name) + rb"(?![^\t\n\f\r \0()<>\[\]{}/%])"


ROOT, LINEARIZED = re.compile(_spelled(b"Root")), re.compile(_spelled(b"Linearized"))
ROOT_IS = re.compile(_spelled(b"Root") + rb"(?:" + GAP + rb")?(\d+)" + GAP + rb"(\d+)" + GAP + rb"R")


class Refused(Exception):
    """Its one argument is the reason."""


def judge(data: bytes) -> list[tuple[float, float]]:
    """The pages' sizes. Raises Refused, and whatever qpdf raises."""
    _check_revisions(data)
    with pikepdf.open(
        io.BytesIO(data), attempt_recovery=False, suppress_warnings=True, inherit_page_attributes=False
    ) as document:
        if document.is_encrypted:
            raise Refused("encrypted")
        _check_tree(document.Root.Pages)
        if not 1 <= len(document.pages) <= PAGES_MOST:
            raise Refused("pages")
        _check_root(document.Root)
        _check_objects(document)
        _check_one_reading(data, document)
        sizes = [_size(page) for page in document.pages]
        if document.get_warnings():  # what one reader puts right, another may put right otherwise
            raise Refused("malformed")
        return sizes


def _check_revisions(data: bytes) -> None:
    """A signature of an earlier revision: whoever took it out of the newest one has left it in the file."""
    covered = [int(found[1]) + int(found[2]) for found in BYTE_RANGE.finditer(data)]
    if covered:
        raise Refused("signed" if max(covered) >= len(data.rstrip()) else "altered")


def _check_root(root: pikepdf.Object) -> None:
    names = root.get(Name.Names, Dictionary())
    if Name.JavaScript in names:
        raise Refused("javascript")
    if Name.EmbeddedFiles in names or Name.Collection in root:
        raise Refused("files")
    if Name.Perms in root or Name.DSS in root:
        raise Refused("signed")
    form = root.get(Name.AcroForm)
    if form is not None and (len(form.get(Name.Fields, Array())) or Name.XFA in form):
        raise Refused("signed" if int(form.get(Name.SigFlags, 0)) else "forms")
    layers = root.get(Name.OCProperties)
    if layers is not None:
        for view in [layers.D, *layers.get(Name.Configs, Array())]:
            _check_view(view)


def _check_view(view: pikepdf.Object) -> None:
    """Layers may be there if all are on, for everybody and whatever is done with the document."""
    if _name(view, Name.BaseState) not in {"", "/ON"} or len(view.get(Name.OFF, Array())):
        raise Refused("layers")
    for rule in view.get(Name.AS, Array()):
        if not {str(each) for each in rule.get(Name.Category, Array())} <= {"/View", "/Print", "/Export"}:
            raise Refused("layers")


def _check_layer(layer: Dictionary | Stream) -> None:
    """None that is off on a screen or on paper, and none that shows when others do not."""
    if Name.VE in layer or _name(layer, Name.P) not in {"", "/AnyOn", "/AllOn"}:
        raise Refused("layers")
    for use in layer.get(Name.Usage, Dictionary()).values():
        states = (Name.ViewState, Name.PrintState, Name.ExportState)
        if isinstance(use, Dictionary) and any(_name(use, state) == "/OFF" for state in states):
            raise Refused("layers")


def _check_objects(document: pikepdf.Pdf) -> None:
    """Every object, whether a page names it or not: what is not shown now may be later."""
    unpacked = pictures = 0
    for thing in document.objects:
        for inside in _with_what_it_holds(thing):
            if isinstance(inside, Dictionary | Stream):
                _check_dictionary(inside)
        if isinstance(thing, Stream):
            if _name(thing, Name.Subtype) == "/Image":
                pictures += _picture(thing)
            else:
                unpacked += _unpacked(thing, UNPACKED_MOST)
            if unpacked > UNPACKED_MOST or pictures > PICTURES_MOST:
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


def _name(thing: pikepdf.Object, key: Name) -> str:
    """The name that stands there, or nothing."""
    value = thing.get(key)
    return str(value) if isinstance(value, Name) else ""


def _check_dictionary(thing: Dictionary | Stream) -> None:
    kind, sort, act = _name(thing, Name.Type), _name(thing, Name.Subtype), _name(thing, Name.S)
    if sort in MEDIA or act in MEDIA_ACTS:
        raise Refused("media")
    if Name.JS in thing or act == "/JavaScript":
        raise Refused("javascript")
    if kind in {"/Sig", "/DocTimeStamp"} or Name.ByteRange in thing:
        raise Refused("signed")
    if sort == "/Widget" or Name.FT in thing:
        raise Refused("signed" if _name(thing, Name.FT) == "/Sig" else "forms")
    if (
        kind in {"/Filespec", "/F", "/EmbeddedFile"}
        or Name.EF in thing
        or Name.AF in thing
        or sort == "/FileAttachment"
    ):
        raise Refused("files")
    if Name.Ref in thing or Name.OPI in thing or (isinstance(thing, Stream) and Name.F in thing):
        raise Refused("files")  # a page of another file, or content that lies elsewhere
    if kind in {"/OCG", "/OCMD"}:
        _check_layer(thing)
    if Name.AA in thing or act in ACTS:
        raise Refused("actions")
    _check_sight(thing, sort)
    for key in (Name.A, Name.PA, Name.Next, Name.OpenAction):
        _check_action(thing.get(key))


def _check_sight(thing: Dictionary | Stream, sort: str) -> None:
    """Nothing that one sees and another does not: another picture on paper, a note that is hidden, that looks otherwise
    below a mouse, or that only some draw, as it does not say how.
    """
    if Name.Alternates in thing:
        raise Refused("hidden")
    if Name.Rect not in thing or not sort:
        return
    looks, flags = thing.get(Name.AP), thing.get(Name.F)
    if sort in {"/Link", "/Popup"}:
        if looks is not None:
            raise Refused("hidden")
    elif (
        not isinstance(looks, Dictionary) or set(looks.keys()) != {"/N"} or (isinstance(flags, int) and flags & UNSEEN)
    ):
        raise Refused("hidden")


def _check_action(action: object) -> None:
    """Whatever is no action has these keys too: a place, another entry of an outline."""
    if isinstance(action, Array):
        for each in action:
            _check_action(each)
    if not isinstance(action, Dictionary) or Name.S not in action:
        return
    kind = _name(action, Name.S)
    if kind == "/JavaScript":
        raise Refused("javascript")
    goes_astray = kind == "/URI" and not str(action.get(Name.URI, "")).lower().startswith(ADDRESSES)
    if kind not in HARMLESS or goes_astray or (kind == "/Named" and _name(action, Name.N) not in TURNS):
        raise Refused("actions")


def _check_tree(top: pikepdf.Object) -> None:
    """Every node of the pages has as many as it says: some readers believe that, and some count. No page adds to what
    the nodes above it bring along: some readers take both. Looked at before qpdf puts it right.
    """
    nodes, seen = [(top, False)], {top.objgen}
    counts: dict[tuple[int, int], int] = {}
    for node, brings in nodes:
        here = brings or Name.Resources in node
        for kid in node.Kids:
            if not isinstance(kid, Dictionary) or not kid.is_indirect or kid.objgen in seen:
                raise Refused("malformed")
            seen.add(kid.objgen)
            if Name.Kids in kid:
                nodes.append((kid, here))
            elif here and Name.Resources in kid:
                raise Refused("ambiguous")
    for node, _ in reversed(nodes):
        counts[node.objgen] = sum(counts[kid.objgen] if Name.Kids in kid else 1 for kid in node.Kids)
        if node.Count != counts[node.objgen]:
            raise Refused("ambiguous")


def _check_one_reading(data: bytes, document: pikepdf.Pdf) -> None:
    """However it is read, it is the same: by the table that its end names, by one at its beginning, or by no table.

    A reader that finds a fault, and each finds others, looks for objects from the beginning to the end, and believes
    the last of a number and any root that it meets. An old one of a number may stand before the last.
    """
    end = LAST_WORDS.match(data, max(0, data.rfind(b"startxref")))
    if end is None or not _begins_as_it_ends(data, int(end[1])):
        raise Refused("ambiguous")
    roots = ROOT_IS.findall(data)
    if len(roots) != len(ROOT.findall(data)) or {(int(n), int(g)) for n, g in roots} != {document.Root.objgen}:
        raise Refused("ambiguous")
    table = {number: (generation, entry) for (number, generation), entry in document.get_xref_table().items()}
    last: dict[int, int] = {}
    for found in DEFINED.finditer(data):
        number, generation = int(found[1]), int(found[2])
        if number not in table or generation != table[number][0]:
            raise Refused("ambiguous")
        last[number] = found.start()
    for number, (_, entry) in table.items():
        if entry.type == 1 and (number not in last or data[entry.offset : last[number]].strip(BLANK)):
            raise Refused("ambiguous")
    _check_packed(document, table)


def _begins_as_it_ends(data: bytes, table_at: int) -> bool:
    """Of a file that is linearized, and that nobody has added to, some read the table behind the first object first."""
    first = data[: data.find(b"endobj")]
    if not LINEARIZED.search(first):
        return True
    about = pikepdf.Object.parse(first[first.index(b"obj") + 3 :])
    return about.get(Name.L) != len(data) or data[table_at:] == data[len(first) + 6 :].lstrip(BLANK)


def _check_packed(document: pikepdf.Pdf, table: Mapping[int, tuple[int, Any]]) -> None:
    """What lies in streams of objects: each where the table says, and nowhere else."""
    for thing in document.objects:
        if not isinstance(thing, Stream) or _name(thing, Name.Type) != "/ObjStm":
            continue
        numbers = thing.read_bytes()[: int(thing.First)].split()[: 2 * int(thing.N) : 2]
        for index, number in enumerate(map(int, numbers)):
            _, entry = table[number]
            if entry.type != 2 or (entry.obj_stream_number, entry.obj_stream_index) != (thing.objgen[0], index):
                raise Refused("ambiguous")


def _picture(stream: Stream) -> int:
    """How many bytes a picture unpacks to, if it says so: one that is drawn is not read beyond its size."""
    width, height = int(stream.get(Name.Width, 0)), int(stream.get(Name.Height, 0))
    if width * height > PIXELS_MOST:
        raise Refused("bomb")
    most = 8 * width * height + 1_000_000  # four colours of 16 bits, and some more
    if not set(_filters(stream)) <= LOSSLESS:
        return 0  # what a camera or a scanner packs knows its own size
    unpacked = _unpacked(stream, most)
    if unpacked > most:
        raise Refused("bomb")
    return unpacked


def _filters(stream: Stream) -> list[str]:
    found = stream.get(Name.Filter, Array())
    return [str(each) for each in found] if isinstance(found, Array) else [str(found)]


def _unpacked(stream: Stream, most: int) -> int:
    """How many bytes come out of it; no more than a little beyond `most` are counted."""
    filters = _filters(stream)
    if not set(filters) <= INFLATED:
        return len(stream.read_bytes())
    parts = iter([stream.read_raw_bytes()])
    for _ in filters:
        parts = _inflated(parts)
    count = 0
    for part in parts:
        count += len(part)
        if count > most:
            break
    return count


def _inflated(parts: Iterator[bytes]) -> Iterator[bytes]:
    engine = zlib.decompressobj()
    for part in parts:
        left = part
        while left and not engine.eof:
            yield engine.decompress(left, 1_000_000)
            left = engine.unconsumed_tail


def shown_box(page: pikepdf.Page) -> tuple[float, float, float, float]:
    """What is shown of a page before it is turned: its crop box, as far as it lies on the paper."""
    crop, paper = ([float(edge) for edge in box] for box in (page.cropbox, page.mediabox))
    edges = [sorted(box[side::2]) for box in (crop, paper) for side in (0, 1)]
    (left, right), (bottom, top), (paper_left, paper_right), (paper_bottom, paper_top) = edges
    return max(left, paper_left), max(bottom, paper_bottom), min(right, paper_right), min(top, paper_top)


def shown_size(page: pikepdf.Page) -> tuple[float, float]:
    """Width and height in points, as the page is shown."""
    left, bottom, right, top = shown_box(page)
    width, height = right - left, top - bottom
    return (height, width) if int(page.rotation) % 180 else (width, height)


def _size(page: pikepdf.Page) -> tuple[float, float]:
    sides = shown_size(page)
    if not all(SMALLEST <= side <= LARGEST for side in sides):
        raise Refused("boxes")
    crop, shown = [float(edge) for edge in page.cropbox], shown_box(page)
    wide, high = abs(crop[2] - crop[0]), abs(crop[3] - crop[1])
    if wide - (shown[2] - shown[0]) > 1 or high - (shown[3] - shown[1]) > 1:
        raise Refused("boxes")  # what lies beside the paper is shown by some readers
    if int(page.rotation) % 90 or float(page.obj.get(Name.UserUnit, 1)) != 1:
        raise Refused("boxes")
    return sides


def answer(data: bytes) -> dict[str, object]:
    """The pages' sizes, or the reason it is refused for."""
    try:
        return {"pages": judge(data)}
    except Refused as refused:
        return {"reason": refused.args[0]}
    except pikepdf.PasswordError:
        return {"reason": "encrypted"}
    except MemoryError:
        return {"reason": "bomb"}
    except (pikepdf.PdfError, zlib.error, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return {"reason": "malformed"}


def main() -> int:
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, ANSWER_MOST),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    sys.stdout.write(json.dumps(answer(sys.stdin.buffer.read())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
