"""Kinds of files that an upload request takes: by the ending of the name, and by how the content begins.

A light look, not a virus scanner: it tells a program that is called invoice.pdf from a PDF.
"""

from collections.abc import Iterator, Sequence

from hq.lib.errors import Invalid

HEAD = 512
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_BEGINS: dict[str, tuple[bytes, ...]] = {
    "pdf": (b"%PDF-",),
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpg": (b"\xff\xd8\xff",),
    "jpeg": (b"\xff\xd8\xff",),
    "gif": (b"GIF87a", b"GIF89a"),
    "tif": (b"II*\0", b"MM\0*"),
    "tiff": (b"II*\0", b"MM\0*"),
    "gz": (b"\x1f\x8b",),
    "parquet": (b"PAR1",),
    **dict.fromkeys(("zip", "docx", "xlsx", "pptx", "odt", "ods", "odp"), _ZIP),
}
_TEXT = frozenset({"csv", "json", "log", "md", "tsv", "txt", "xml", "yaml", "yml"})
_PROGRAMS = (b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa")


class WrongType(Invalid):
    """This request does not take such files. Nothing of it was kept."""

    status = 415


def spell_type(raw: str) -> str | None:
    """`pdf` for `.PDF`; None for what is no ending of a name."""
    text = raw.strip().lower().removeprefix(".")
    return text if 1 <= len(text) <= 16 and text.isascii() and text.isalnum() else None


def ending_of(path: str) -> str:
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def agrees(ending: str, head: bytes) -> bool:
    """Whether content that begins like this may be what its name says. Of kinds that are not known: no program."""
    if ending in _BEGINS:
        return head.startswith(_BEGINS[ending])
    return not head.startswith(_PROGRAMS) and not (ending in _TEXT and b"\0" in head)


def checked(chunks: Iterator[bytes], path: str, types: Sequence[str]) -> Iterator[bytes]:
    """The same bytes, once their beginning was looked at. Raises WrongType before any is passed on."""
    if not types:
        yield from chunks
        return
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= HEAD:
            break
    ending = ending_of(path)
    if not agrees(ending, head[:HEAD]):
        raise WrongType(f"The content is not what a .{ending} file begins with. Nothing of it was kept.")
    yield head
    yield from chunks
