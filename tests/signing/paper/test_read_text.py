"""Documents that are written in HQ: what people read is what they wrote, and nothing of it is markup of the page."""

import pytest
from django.utils.html import format_html

from signing.paper.text import BadText, html_of, read_text


def html(markdown: str) -> str:
    return html_of(read_text(markdown), lambda marker: format_html("<i>{}</i>", marker.number))


def test_it_reads_markers_in_order_with_whose_they_are():
    found = read_text("[[name:1 Landlord]], [[ date : 2 Start ? ]]\n\n- [[signature:1]]\n\n| a |\n|-|\n| [[text:3]] |")
    assert [(one.number, one.kind, one.signer, one.label, one.required) for one in found.markers] == [
        (1, "name", 1, "Landlord", True),
        (2, "date", 2, "Start", False),
        (3, "signature", 1, "", True),
        (4, "text", 3, "", True),
    ]


def test_its_title_is_its_first_heading():
    assert read_text("Words\n\n## The *lease*\n\n# Other").title == "The lease"
    assert read_text("Words").title == ""


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        ("", "no text yet"),
        ("ok\n\n[[sign:1]]", "Line 3: 'sign' is no kind"),
        ("ok\n\n\n[[signature:0]]", "Line 4: signers are counted from 1"),
        ("- a\n- [[signature", "Line 2: “[[signature” is no whole marker"),
        ("[[signature]]", "Line 1"),
        ("a\nb  \nc [[sign:1]]", "Line 3: 'sign' is no kind"),
        ("| a |\n|-|\n| b |\n| [[sign:1]] |", "Line 4: 'sign' is no kind"),
        ("ok\n\na\u202eb", "Line 3 holds a control character"),
        ("a\x85b", "Line 1 holds a control character"),
        ("\n".join("  " * deep + "- x" for deep in range(30)), "Line 10 stands in too many lists or quotes"),
        ("> " * 60 + "x", "Line 1 stands in too many lists or quotes"),
        ("a\x00b", "Line 1 holds a control character"),
        ("x" * 200_001, "at most 200000 characters"),
        ("_a_ " * 5_001, "at most 20000 paragraphs, lines and marked words"),
        ("[[date:1]] " * 501, "at most 500 markers"),
    ],
)
def test_what_cannot_be_part_of_an_agreement_is_refused_with_its_line(markdown, words):
    with pytest.raises(BadText) as refused:
        read_text(markdown)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,hi)",
        '[x](https://a.example/"onmouseover="x)',
        "`<b>`",
        "```\n</code><script>\n```",
        "![x](https://a.example/x.png)",
        "[[text:1 <script>]]",
        "| <script> |\n|-|\n| <script> |",
    ],
)
def test_nothing_that_is_written_becomes_markup_of_the_page(hostile):
    page = html(hostile)
    for bad in ("<script", "<img", "<b>", 'href="java', 'href="data', '"onmouse'):
        assert bad not in page.lower()


def test_it_shows_what_markdown_means_below_the_one_heading_of_the_page():
    page = html("# A\n\nx *y* **z** `k`  \n[w](https://w.example)\n\n> q\n\n3. c\n\n---\n\n| h |\n|-|\n| [[date:1]] |")
    for part in (
        "<h2>A</h2>",
        "<em>y</em>",
        "<strong>z</strong>",
        "<code>k</code>",
        "<br>",
        '<a href="https://w.example" rel="noopener nofollow">w</a>',
        "<blockquote><p>q</p></blockquote>",
        '<ol start="3"><li><p>c</p></li></ol>',
        "<hr>",
        '<th scope="col">h</th>',
        "<td><i>1</i></td>",
    ):
        assert part in page


def test_a_text_runs_to_the_side_that_its_first_letter_says():
    assert html("1 — שלום to all").startswith('<div dir="rtl">')
    assert "dir=" not in html("Peace — שלום")
