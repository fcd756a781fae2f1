"""PDFs of agreements, drawn by typst: PDF/A-3a, so that evidence can lie inside, and PDF/UA-1, so that all can read.

Customers' words reach typst as JSON only, which a template walks: nothing that they wrote is ever markup. The same data
gives the same bytes.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any, Final

import pikepdf
import typst
from pikepdf import Array, AttachedFileSpec, Dictionary, Name, Stream

from hq.lib.errors import Invalid
from signing.paper.judge import shown_box, shown_size
from signing.paper.letters import fonts, refused_in
from signing.paper.text import Written

_FOLDER: Final = Path(__file__).parent / "typst"
_TOO_LONG: Final = "maximum grouping depth exceeded"  # 512 places in a paragraph where a long word may be broken
_STANDARDS: Final = ["a-3a", "ua-1"]
_PAIRS: Final = {"q": "Q", "BT": "ET", "BMC": "EMC", "BDC": "EMC", "BX": "EX"}
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


class CannotBeDrawn(Invalid):
    """A character in this cannot be printed: no font that HQ brings along has it. Replace it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What was filled in at one place. `strokes` are lines of points from 0 to 1, `image` is a PNG."""

    kind: str
    text: str = ""
    strokes: Sequence[Sequence[Sequence[float]]] | None = None
    image: bytes | None = None
    checked: bool = False
    caption: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A mark on a page (from 1): where, in fractions of the page from its top left as it is shown."""

    page: int
    x: float
    y: float
    width: float
    height: float
    mark: Mark


def render_text(
    written: Written,
    values: Mapping[int, Mark],
    *,
    title: str,
    language: str,
    attachments: Mapping[str, bytes],
    certificate: Mapping[str, Any] | None,
    at: datetime = _EPOCH,
    footer: str = "",
) -> bytes:
    """The PDF of a text, what was filled in, the certificate after it and files inside. Raises CannotBeDrawn."""
    blank = {marker.number: Mark(marker.kind, label=marker.label) for marker in written.markers}
    marks = {str(number): _mark(values.get(number, mark)) for number, mark in blank.items()}
    data = _data(title or written.title or "Agreement", language, at, footer, attachments)
    return _draw(
        "agreement.typ",
        data | {"blocks": written.blocks, "marks": marks, "certificate": certificate, "from_right": written.from_right},
    )


def render_certificate(certificate: Mapping[str, Any], *, at: datetime = _EPOCH) -> bytes:
    """The certificate as a file of its own. Raises CannotBeDrawn."""
    data = _data(f"Certificate: {certificate['title']}", "en", at, "", {})
    return _draw("agreement.typ", data | {"blocks": None, "marks": {}, "certificate": certificate})


def stamp_pdf(
    original: bytes, stamps: Sequence[Stamp], *, certificate_pages: bytes, attachments: Mapping[str, bytes]
) -> bytes:
    """The uploaded PDF with what was filled in laid over its pages, the certificate after them, and the files inside.

    What the pages show stays as it is, and what is drawn over them lies above it: above notes too, which become a part
    of their page. Raises CannotBeDrawn.
    """
    with pikepdf.open(BytesIO(original)) as document, pikepdf.open(BytesIO(certificate_pages)) as certificate:
        sizes = [shown_size(page) for page in document.pages]
        noted = [number for number, page in enumerate(document.pages, 1) if _has_notes(page)]
        for number in sorted({stamp.page for stamp in stamps}.union(noted)):
            _enclose(document, document.pages[number - 1])
        if noted:
            document.flatten_annotations("all")
        overlay = _draw("overlay.typ", {"pages": _sheets(sizes, stamps)}, standards=["a-2b"], tags=False)
        with pikepdf.open(BytesIO(overlay)) as drawn:
            used = {stamp.page for stamp in stamps}
            for number, (page, layer) in enumerate(zip(document.pages, drawn.pages, strict=True), 1):
                if number in used:
                    _lay_over(document, page, layer)
            first = len(document.pages)
            document.pages.extend(certificate.pages)
            for page in list(document.pages)[first:]:  # their numbers are places in a tree that stays behind
                if Name.StructParents in page.obj:
                    del page.obj.StructParents
            for name, content in attachments.items():
                _attach(document, name, content)
            out = BytesIO()
            document.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.disable)
            return out.getvalue()


def _has_notes(page: pikepdf.Page) -> bool:
    return any(note.get(Name.AP) is not None for note in page.obj.get(Name.Annots, Array()))


def _enclose(document: pikepdf.Pdf, page: pikepdf.Page) -> None:
    """Let nothing of what a page draws reach what is drawn after it: a place moved to and not left, a clip, a text that
    does not end. It becomes a form of its own, but where its parts are tagged for who listens and it ends in order.
    """
    if Name.Contents not in page.obj or (Name.StructParents in page.obj and _ends_in_order(document, page)):
        return
    parts = page.obj.Contents
    drawn = b"\n".join(part.read_bytes() for part in (parts if isinstance(parts, Array) else [parts]))
    form = Stream(document, drawn, Type=Name.XObject, Subtype=Name.Form, BBox=page.mediabox, Resources=page.resources)
    page.obj.Resources = Dictionary(XObject=Dictionary(HqPage=document.make_indirect(form)))
    page.obj.Contents = document.make_stream(b"/HqPage Do")


def _ends_in_order(document: pikepdf.Pdf, page: pikepdf.Page) -> bool:
    """Whether everything that its content begins has an end, as every reader sees it."""
    open_now: list[str] = []
    try:
        for each in pikepdf.parse_content_stream(page, " ".join([*_PAIRS, *_PAIRS.values(), "BI"])):
            word = str(each.operator)
            if word in _PAIRS:
                open_now.append(_PAIRS[word])
            elif not open_now or open_now.pop() != word:
                return False
    except (pikepdf.PdfError, TypeError, ValueError):
        return False
    return not open_now and not document.get_warnings()


def _lay_over(document: pikepdf.Pdf, page: pikepdf.Page, layer: pikepdf.Page) -> None:
    """As qpdf's own overlay, under a name that is not drawn by lot: the same marks give the same bytes."""
    form = document.copy_foreign(layer.as_form_xobject())
    taken = page.resources.get(Name.XObject, Dictionary())
    name = next(each for n in count(1) if (each := Name(f"/HqMarks{n}")) not in taken)
    page.add_resource(form, Name.XObject, name)
    where = pikepdf.Rectangle(*shown_box(page))
    placed = page.calc_form_xobject_placement(
        form, name, where, invert_transformations=True, allow_shrink=True, allow_expand=True
    )
    page.contents_add(b"q\n", prepend=True)
    page.contents_add(b"\nQ\n" + placed)


def _data(title: str, language: str, at: datetime, footer: str, attachments: Mapping[str, bytes]) -> dict[str, Any]:
    files = {
        name: {
            "text": content.decode(),
            "relationship": "source" if name.startswith("original.") else "data",
            "mime": "text/markdown" if name.endswith(".md") else "application/json",
            "description": name,
        }
        for name, content in attachments.items()
    }
    on = [at.year, at.month, at.day]
    return {
        "title": title,
        "author": "HQ",
        "language": language,
        "on": on,
        "footer": footer,
        "page": "Page",
        "attachments": files,
    }


def _mark(mark: Mark) -> dict[str, Any]:
    return {
        "kind": mark.kind,
        "text": mark.text,
        "strokes": [[[float(part) for part in point] for point in line] for line in mark.strokes]
        if mark.strokes
        else None,
        "image": _svg(mark.image) if mark.image else None,
        "alt": f"Signature{f' of {mark.caption}' if mark.caption else ''}",
        "checked": mark.checked,
        "filled": bool(mark.text or mark.strokes or mark.image),
        "caption": mark.caption,
        "label": mark.label,
    }


def _svg(png: bytes) -> str:
    """Only text goes to typst, and a PNG is none: it goes inside a drawing."""
    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    content = base64.b64encode(png).decode()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<image width="{width}" height="{height}" href="data:image/png;base64,{content}"/></svg>'
    )


def _sheets(sizes: Sequence[tuple[float, float]], stamps: Sequence[Stamp]) -> list[dict[str, Any]]:
    sheets: list[dict[str, Any]] = [{"width": width, "height": height, "marks": []} for width, height in sizes]
    for stamp in stamps:
        sheet = sheets[stamp.page - 1]
        place = {
            "x": stamp.x * sheet["width"],
            "y": stamp.y * sheet["height"],
            "width": stamp.width * sheet["width"],
            "height": stamp.height * sheet["height"],
        }
        sheet["marks"].append(_mark(stamp.mark) | place)
    return sheets


def _draw(name: str, data: Mapping[str, Any], *, standards: Sequence[str] = _STANDARDS, tags: bool = True) -> bytes:
    files = {path.name: path.read_bytes() for path in _FOLDER.glob("*.typ") if path.name != name}
    main = {"main.typ": (_FOLDER / name).read_bytes()}
    try:
        made = typst.compile(  # type: ignore[call-overload]  # its types know no folder in memory; it does
            {**main, **files, "data.json": json.dumps(data, ensure_ascii=False, sort_keys=True).encode()},
            format="pdf",
            pdf_standards=list(standards),
            font_paths=fonts(),
            pdf_tags=tags,
        )
    except typst.TypstError as error:
        if letters := refused_in(str(error)):
            raise CannotBeDrawn(f"This cannot be printed: “{letters}”. Replace it.") from error
        if _TOO_LONG in str(error):
            raise CannotBeDrawn("This text has a paragraph that is too long to be printed. Divide it.") from error
        raise
    return bytes(made)


def _attach(document: pikepdf.Pdf, name: str, content: bytes) -> None:
    """An embedded file that says what it is to the document (PDF/A-3)."""
    spec = AttachedFileSpec(
        document,
        content,
        filename=name,
        mime_type="application/json",
        description=name,
        creation_date="",
        mod_date="",
    )
    spec.obj[Name.AFRelationship] = Name.Data
    document.attachments[name] = spec
