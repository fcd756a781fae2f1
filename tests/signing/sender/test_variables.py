"""What is filled into a text stays text: it makes no field, no markup, and no other variable."""

from html import escape

import pytest

from signing.actions.faults import CannotBeSigned
from signing.actions.variables import check_values, fill_in, list_variables
from signing.paper.text import html_of, read_text


def test_a_text_names_its_variables_once_each_in_their_order():
    assert list_variables("{b} and {a}, {b} {} {A} {1a} {{c}} [[signature:1]]") == ["b", "a", "c"]


@pytest.mark.parametrize("hostile", ["*a* _b_ `c` # d", "<script>x</script>", "a|b", "1. a", "!", "\\", "&amp;"])
def test_what_is_filled_in_is_shown_as_it_was_typed(hostile):
    written = read_text(fill_in("Of {it}.", {"it": hostile}))
    drawn = html_of(written, lambda marker: pytest.fail("a field was made"))
    assert drawn == f"<p>Of {escape(hostile).replace('&#x27;', '&#39;')}.</p>"


def test_what_is_filled_in_is_not_looked_through_for_variables():
    assert fill_in("{a}", {"a": "{b}", "b": "no"}).replace("\\", "") == "{b}"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "not filled in"),
        ("  ", "not filled in"),
        ("x" * 501, "more than 500"),
        ("a\nb", "one line"),
        ("[[signature:2]]", "cannot hold"),
        ("[", "cannot hold"),
        ("]", "cannot hold"),
    ],
)
def test_what_cannot_be_filled_in_is_refused_by_name(value, words):
    with pytest.raises(CannotBeSigned, match=words) as refused:
        check_values(["start_date"], {"start_date": value})
    assert refused.value.errors[0]["pointer"] == "/values/start_date"
    assert refused.value.errors[0]["detail"].startswith("Start date")


def test_a_text_has_no_more_variables_than_a_form_can_ask():
    with pytest.raises(CannotBeSigned, match="at most 50"):
        list_variables("".join(f"{{a{number}}}" for number in range(51)))
