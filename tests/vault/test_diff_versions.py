"""Two versions of a text stand beside each other, line by line; what cannot be compared says why."""

import sys
from time import thread_time

import pytest

from hq.authz.roles import Role
from tests.factories import make_member, sign_in
from tests.vault.limited import let_rules_decide
from vault import actions
from vault.views.diff import MOST_LINES, NotCompared, compare


def shown(old, new):
    """Rows as `(old, new)`, a changed line marked; a gap as its length."""

    def told(number, line, mark):
        return "" if number is None else f"{number}{mark}{line}"

    shown = []
    for row in compare(old, new):
        gone, came = ("-", "+") if row.changed else (" ", " ")
        shown.append(row.gap or (told(row.old_number, row.old, gone), told(row.new_number, row.new, came)))
    return shown


def test_changed_lines_stand_beside_each_other_with_three_around():
    old = [str(number) for number in range(1, 21)]
    new = [*old[:9], "ten", *old[10:]]
    assert shown(old, new) == [
        6,
        *((f"{n} {n}", f"{n} {n}") for n in (7, 8, 9)),
        ("10-10", "10+ten"),
        *((f"{n} {n}", f"{n} {n}") for n in (11, 12, 13)),
        7,
    ]


@pytest.mark.parametrize(
    ("old", "new", "rows"),
    [
        (["a", "b"], ["a"], [("1 a", "1 a"), ("2-b", "")]),
        (["a"], ["b", "a"], [("", "1+b"), ("1 a", "2 a")]),
        (["a", "b"], ["c"], [("1-a", "1+c"), ("2-b", "")]),
        (["a"], ["a"], [("1 a", "1 a")]),
    ],
)
def test_lines_that_came_and_went(old, new, rows):
    assert shown(old, new) == rows


def test_what_would_take_too_long_is_refused():
    with pytest.raises(NotCompared, match="Too much"):
        list(compare([str(n) for n in range(MOST_LINES + 1)], [str(-n - 1) for n in range(MOST_LINES + 1)]))
    with pytest.raises(NotCompared, match="the same"):
        list(compare(["a", *["x"] * 400], [*["x"] * 400, "b"]))


def test_lines_made_to_keep_the_search_busy_are_given_up_in_time(monkeypatch):
    monkeypatch.setattr(sys.modules[compare.__module__], "LONGEST", 0.2)
    old, new = ([line for n in range(2180) for line in (f"{side}{n}", f"both{n}")] for side in "ab")
    for lines, side in ((old, "y"), (new, "z")):
        lines += [line for n in range(300) for line in (f"{side}{n}", "x")]
    began = thread_time()
    with pytest.raises(NotCompared, match="too long"):
        list(compare(old, new))
    assert thread_time() - began < 2


@pytest.fixture
def versions(committed_place):
    def put(path, *contents, content_type="text/plain"):
        for content in contents:
            actions.put_object(actor=committed_place.actor(), path=path, chunks=[content], content_type=content_type)

    return put


@pytest.fixture
def page(committed_place):
    client = sign_in(committed_place.owner)

    def page(path, **query):
        return client.get(f"/o/{committed_place.slug}/live/files/diff", {"path": path, **query})

    return page


def test_the_page_compares_with_the_version_before_or_any_other(versions, page):
    versions("a.txt", b"one\ntwo\n", b"one\n<b>2</b>\n", b"one\nthree\n")
    newest = page("a.txt").content.decode()
    assert "Version 2 and version 3" in newest
    assert "&lt;b&gt;2&lt;/b&gt;" in newest
    assert "<b>2</b>" not in newest
    chosen = page("a.txt", **{"from": "1", "to": "3"}).content.decode()
    assert "two" in chosen
    assert "three" in chosen
    assert page("a.txt", **{"from": "3", "to": "3"}).content.decode().count("Nothing changed") == 1


def test_what_is_no_text_or_too_large_says_so(versions, page):
    versions("a.png", b"1", b"2", content_type="image/png")
    assert "Only text is compared" in page("a.png").content.decode()
    versions("b.txt", b"\xff\xfe", b"text")
    assert "no text in UTF-8" in page("b.txt").content.decode()
    versions("c.txt", b"x", b"x" * (1024 * 1024 + 1))
    assert "up to 1 MiB" in page("c.txt").content.decode()


def test_versions_that_are_not_there_look_like_nothing(versions, page):
    versions("a.txt", b"one", b"two")
    for query in ({"to": "1"}, {"to": "9"}, {"from": "9"}):
        assert page("a.txt", **query).status_code == 404, query
    assert page("nothing").status_code == 404
    assert page("a.txt", to="x").status_code == 400


def test_who_may_not_read_the_file_sees_no_line_of_it(versions, committed_place):
    versions("a.txt", b"secret one", b"secret two")
    let_rules_decide(committed_place)
    client = sign_in(make_member(committed_place, Role.ANALYST))
    answer = client.get(f"/o/{committed_place.slug}/live/files/diff", {"path": "a.txt"})
    assert answer.status_code == 403
    assert b"secret" not in answer.content
