"""What a signer is shown and what is sealed are read by two programs: nothing is taken that can be read in two ways."""

import pytest

from signing.paper.judge import answer
from tests.signing.paper import written
from tests.signing.paper.pdfs import pdf, revised
from tests.signing.paper.written import MANY, PAGES, WHOLE, counted, in_streams, page, plain, says, twice

TRAILER = b"trailer\n<< /Size 5 /R#6fot 4 0 R >>\n"
ABOVE = b"<< /Type /Pages /Kids [3 0 R] /Count 1 /Resources << /XObject << /X 5 0 R >> >> >>"
LINEARIZED = written.linearized(another_root=False)


def former_of_itself() -> bytes:
    file = written.File().add(*WHOLE)
    return file.end(file.table(file.at, Prev=len(file.content)))


def other_generation() -> bytes:
    file = written.File().add(*WHOLE[:3])
    file.content += b"4 1 obj\n(x)\nendobj\n"
    file.add(WHOLE[3])
    return file.end(file.table(file.at))


AMBIGUOUS = {
    "an object twice, the former named": twice(),
    "and a beginning of nothing behind the end": twice(b"%startxref x\n"),
    "and a table whose first place is taken": twice(first=b"0000000015 00000 n \n"),
    "a beginning of nothing behind the end": plain(*WHOLE, behind=b"%startxref x\n"),
    "another file behind the end": plain(*WHOLE, behind=b"PK\x05\x06" + bytes(18)),
    "a page of the web behind the end": plain(*WHOLE, behind=b"<html><script>alert(1)</script></html>"),
    "an object that no table names": plain(*WHOLE).replace(b"startxref", b"5 0 obj\n(x)\nendobj\nstartxref"),
    "an object of another generation before it": other_generation(),
    "a number that is divided by a comment": plain(*WHOLE).replace(b"4 0 obj\n<<", b"4%\n0 obj<<", 1),
    "another root": plain(*WHOLE, (5, says(b"trailer << /Root 4 0 R >>"))),
    "another root that is spelled otherwise": plain(*WHOLE, (5, says(TRAILER))),
    "a root behind a comment": plain(*WHOLE, (5, says(b"/Root%x\n1 0 R"))),
    "another table at the beginning": LINEARIZED,
    "another table, spelled otherwise": LINEARIZED.replace(b"/Linearized 1 ", b"/Linearize#64 1").replace(
        b" /E", b"/E", 1
    ),
    "another table and another root": written.linearized(another_root=True),
    "a page in a stream and beside it": in_streams([(3, page(4))], 0, (3, page(5))),
    "a page twice in a stream": in_streams([(3, page(4)), (3, page(5))], 0),
    "a page at another place of a stream": in_streams([(3, page(4))], 5),
    "fewer pages than there are": counted(1),
    "more pages than there are": counted(5),
    "a node without pages that has one": counted(1, inner=0),
    "pages that are counted in parts": counted(2, inner=0),
    "what nodes above bring, and a page too": plain(WHOLE[0], (2, ABOVE), *WHOLE[2:], (5, says(MANY))),
}
MALFORMED = {
    "a page twice": plain(
        WHOLE[0], (2, PAGES.replace(b"[3 0 R]", b"[3 0 R 3 0 R]").replace(b"1 >", b"2 >")), *WHOLE[2:]
    ),
    "nothing among pages": plain(WHOLE[0], (2, PAGES.replace(b"[", b"[null ")), *WHOLE[2:]),
    "a page that is no object": plain(WHOLE[0], (2, PAGES.replace(b"3 0 R", page())), WHOLE[3]),
    "a page below two nodes": counted(3, inner=2).replace(
        b"/Parent 2 0 R /Kids [3 0 R]", b"/Parent 2 0 R /Kids [3 0 R 5 0 R]"
    ),
    "1,000 nodes above a page": written.nested(1_000),
    "no box": written.boxed(b"null"),
    "a box of words": written.boxed(b"[(a) 0 0 0]"),
    "a box without end": written.boxed(b"[0 0 1e9 nan]"),
    "a box of three": written.boxed(b"[0 0 595]"),
    "a stream that ends elsewhere": plain(*WHOLE).replace(b"/Length 40", b"/Length 39"),
    "a table that is its own former": former_of_itself(),
}
TAKEN = {
    "an object twice, the latter named": plain(*WHOLE[:3], (4, says(MANY)), WHOLE[3]),
    "zeros behind the end": plain(*WHOLE, behind=bytes(512)),
    "a page in a stream": in_streams([(3, page(4))], 0),
    "as many pages as there are": counted(2, inner=1),
    "nodes above a page": written.nested(9),
    "a box from its other corner": written.boxed(b"[595 842 0 0]"),
    "a box that begins elsewhere": written.boxed(b"[-100 -200 495 642]"),
}


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_what_can_be_read_in_two_ways_is_refused(what):
    assert answer(AMBIGUOUS[what]) == {"reason": "ambiguous"}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_readers_put_right_each_in_its_own_way_is_refused(what):
    assert answer(MALFORMED[what]) == {"reason": "malformed"}


@pytest.mark.parametrize("what", TAKEN)
def test_what_is_read_in_one_way_alone_is_no_fault(what):
    assert answer(TAKEN[what]) in ({"pages": [(595.0, 842.0)]}, {"pages": [(595.0, 842.0)] * 2})


def test_a_linearized_file_is_no_fault_nor_one_that_was_added_to():
    whole = pdf(linearize=True)
    assert b"/Linearized" in whole
    assert answer(whole) == answer(revised(whole)) == {"pages": [(595.0, 842.0)]}
