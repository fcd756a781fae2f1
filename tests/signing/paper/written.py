"""PDFs written byte by byte, as no library writes them: about a hundred by one reading, about a million by another."""

from collections.abc import Mapping

FEW, MANY = b"A HUNDRED", b"A MILLION"
CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
FONTS = b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
TRAILER = b"trailer\n<< /Size %d /Root %d 0 R /ID [<00><00>] %s >>\n"
ROOMS = 12  # a table that has room for all


def page(content: int = 4, parent: int = 2, more: bytes = FONTS) -> bytes:
    box = b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] /Contents %d 0 R %s >>"
    return box % (parent, content, more)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(content), content)


def says(words: bytes) -> bytes:
    return stream(b"BT /F1 24 Tf 50 700 Td (%s) Tj ET" % words)


def packed(number: int, objects: list[tuple[int, bytes]]) -> tuple[int, bytes]:
    """A stream of objects."""
    head, body = b"", b""
    for each, content in objects:
        head, body = head + b"%d %d " % (each, len(body)), body + content + b" "
    entries = b"/Type /ObjStm /N %d /First %d" % (len(objects), len(head))
    return number, stream(head + body, entries)


class File:
    """Bytes that grow; `at` says where each object begins that was added, the last of a number."""

    def __init__(self) -> None:
        self.content = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        self.at: dict[int, int] = {}

    def add(self, *objects: tuple[int, bytes]) -> "File":
        for number, content in objects:
            self.at[number] = len(self.content)
            self.content += b"%d 0 obj\n%s\nendobj\n" % (number, content)
        return self

    def table(
        self, at: Mapping[int, int], *, root: int = 1, first: bytes = b"0000000000 65535 f \n", **more: int
    ) -> int:
        """A table of these objects and a trailer; where it begins."""
        begins = len(self.content)
        self.content += table(at, root=root, first=first, **more)
        return begins

    def end(self, table_at: int, behind: bytes = b"") -> bytes:
        return bytes(self.content + b"startxref\n%d\n%%%%EOF\n" % table_at + behind)


def table(at: Mapping[int, int], *, root: int, first: bytes = b"0000000000 65535 f \n", **more: int) -> bytes:
    size = max(at) + 1
    rows = b"".join(
        b"%010d 00000 n \n" % at[each] if each in at else b"0000000000 00000 f \n" for each in range(1, size)
    )
    said = b" ".join(b"/%s %d" % (name.encode(), value) for name, value in more.items())
    return b"xref\n0 %d\n%s%s" % (size, first, rows) + TRAILER % (size, root, said)


def plain(*objects: tuple[int, bytes], behind: bytes = b"", first: bytes = b"0000000000 65535 f \n") -> bytes:
    """A file of these objects, the last of a number in its table."""
    file = File().add(*objects)
    return file.end(file.table(file.at, first=first), behind)


WHOLE = [(1, CATALOG), (2, PAGES), (3, page()), (4, says(FEW))]


def twice(behind: bytes = b"", first: bytes = b"0000000000 65535 f \n") -> bytes:
    """The page's content twice; the table names the former, and whoever mends reads the latter."""
    file = File().add(*WHOLE[:3], (4, says(MANY)))
    at = dict(file.at)
    file.add((4, says(FEW)))
    return file.end(file.table(at, first=first), behind)


def linearized(*, another_root: bool) -> bytes:
    """The table behind the first object is about a hundred, the one that the end names about a million."""
    for length in range(1_000, 5_000):
        file = File().add((11, b"<< /Linearized 1 /L %d /O 3 /E 9 /N 1 /T 9 >>" % length))
        begins = len(file.content)
        room = len(table(dict.fromkeys(range(1, ROOMS), 0), root=1))
        file.content += b" " * room
        file.add(*WHOLE)
        few = dict(file.at)
        if another_root:
            pages = (6, PAGES.replace(b"3 0", b"7 0"))
            file.add((5, CATALOG.replace(b"2 0", b"6 0")), pages, (7, page(8, 6)), (8, says(MANY)))
        else:
            file.add((4, says(MANY)))
        file.content[begins : begins + room] = table(few, root=1).ljust(room)
        made = file.end(file.table(file.at, root=5 if another_root else 1))
        if len(made) == length:
            return made
    raise AssertionError("no length fits")


def in_streams(objects: list[tuple[int, bytes]], index: int, *more: tuple[int, bytes]) -> bytes:
    """With a page that lies in a stream of objects, at this place by the table."""
    file = File().add((1, CATALOG), (2, PAGES), (4, says(FEW)), (5, says(MANY)), packed(6, objects), *more)
    begins = len(file.content)
    kinds = {3: (2, 6, index), 7: (1, begins, 0)} | {each: (1, at, 0) for each, at in file.at.items()}
    rows = b"".join(
        kind.to_bytes(1) + place.to_bytes(4) + last.to_bytes(2)
        for kind, place, last in (kinds.get(each, (0, 0, 0)) for each in range(max(kinds) + 1))
    )
    entries = b"/Type /XRef /Size %d /W [1 4 2] /Root 1 0 R /ID [<00><00>]" % (max(kinds) + 1)
    file.add((7, stream(rows, entries)))
    return file.end(begins)


def counted(count: int, *, inner: int | None = None) -> bytes:
    """Two pages below a node that says how many; or the first of them below a node of its own, that says so too."""
    kids, above = (b"9 0 R", 9) if inner is not None else (b"3 0 R", 2)
    objects = [
        (1, CATALOG),
        (2, b"<< /Type /Pages /Kids [%s 5 0 R] /Count %d >>" % (kids, count)),
        (3, page(4, above)),
        (4, says(MANY)),
        (5, page(6)),
        (6, says(FEW)),
    ]
    if inner is not None:
        objects.append((9, b"<< /Type /Pages /Parent 2 0 R /Kids [3 0 R] /Count %d >>" % inner))
    return plain(*objects)


def boxed(box: bytes) -> bytes:
    return plain(*WHOLE[:2], (3, page().replace(b"[0 0 595 842]", box)), WHOLE[3])


def nested(depth: int) -> bytes:
    """A page below as many nodes."""
    nodes = [
        (number, b"<< /Type /Pages /Parent %d 0 R /Kids [%d 0 R] /Count 1 >>" % (number - 1, number + 1))
        for number in range(11, 10 + depth)
    ]
    top = (2, b"<< /Type /Pages /Kids [10 0 R] /Count 1 >>")
    first = (10, b"<< /Type /Pages /Parent 2 0 R /Kids [11 0 R] /Count 1 >>")
    return plain((1, CATALOG), top, first, *nodes, (10 + depth, page(4, 9 + depth)), WHOLE[3])
