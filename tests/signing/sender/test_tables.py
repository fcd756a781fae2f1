"""A table of people is read whole or refused, and each row says what is wrong with it."""

import pytest

from signing.actions.tables import BYTES_MOST, BadTable, Shape, read_table
from signing.models.batches import ROWS_MOST

ONE = Shape(roles=1, variables=["company"], title="Secrecy")
HEAD = "name,email,company\n"


def read(text, shape=ONE):
    return read_table(text.encode() if isinstance(text, str) else text, shape)


def test_it_reads_a_row_for_each_line():
    [row] = read(HEAD + "Ada, ADA@Example.com ,Engines Ltd\n")
    assert (row.line, row.title, row.people, row.values, row.problem) == (
        2,
        "Secrecy",
        [("Ada", "ADA@Example.com")],
        {"company": "Engines Ltd"},
        "",
    )


def test_columns_come_in_any_order_with_semicolons_and_a_mark_at_the_beginning():
    [row] = read("\ufeffCompany;Email;Title;Name\r\nEngines;ada@example.com;Of Ada;Ada\r\n".encode())
    assert (row.title, row.people, row.problem) == ("Of Ada", [("Ada", "ada@example.com")], "")


def test_several_roles_have_numbered_columns():
    two = Shape(roles=2, variables=[], title="T")
    assert two.columns == ["name_1", "email_1", "name_2", "email_2"]
    [row] = read("name_1,email_1,name_2,email_2\nA,a@example.com,B,b@example.com\n", two)
    assert row.people == [("A", "a@example.com"), ("B", "b@example.com")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"name,email,company\nA\0,a@example.com,C\n", "not a table of text"),
        (b"", "needs a first line"),
        (HEAD, "needs a first line"),
        ("name,email\nA,a@example.com\n", "lacks 1 column: company"),
        ("name,email,company,phone\nA,a@example.com,C,1\n", "knows no column phone"),
        ("name,name,email,company\nA,B,a@example.com,C\n", "two columns called name"),
        (HEAD + '"A,a@example.com,C\n', "cannot be read"),
        (HEAD + "A,a@example.com,C\n" * (ROWS_MOST + 1), "at most 500 rows"),
        (b"x" * (BYTES_MOST + 1), "at most 1 MB"),
    ],
)
def test_a_table_that_is_none_is_refused_as_a_whole(content, words):
    with pytest.raises(BadTable, match=words):
        read(content)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (",a@example.com,C", "A name is missing"),
        ("A,,C", "An address is missing"),
        ("A,nobody,C", "This is not an e-mail address"),
        ("A,a@example.com,", "company is not filled in"),
        ("A,a@example.com", "other columns than the first line"),
        ("A,a@example.com,C,D", "other columns than the first line"),
        ("=1+1,a@example.com,C", "name begins as a formula does"),
        ("+A,a@example.com,C", "A name begins as a formula does"),
        ("A,a@example.com,@SUM(A1)", "company begins as a formula does"),
        ("-A,a@example.com,C", "A name begins as a formula does"),
        ("A,a@example.com,[[signature:1]]", "cannot hold"),
        ("A,a@example.com,[", "cannot hold"),
        ("A,a@example.com,]", "cannot hold"),
        (f"{'A' * 121},a@example.com,C", "at most 120"),
        (f"A,a@example.com,{'C' * 501}", "more than 500"),
        ("A\u202eB,a@example.com,C", "one line of text"),
    ],
)
def test_a_row_that_cannot_be_sent_says_why(line, words):
    [row] = read(HEAD + line + "\n")
    assert words in row.problem


def test_a_title_has_some_length_and_no_more():
    long, longer = read("name,email,company,title\n" + "".join(f"A,a@example.com,C,{'T' * n}\n" for n in (200, 201)))
    assert (long.problem, longer.problem) == ("", "A title has at most 200 characters.")


def test_a_table_of_the_most_rows_is_read():
    assert len(read(HEAD + "".join(f"A,a{number}@example.com,C\n" for number in range(ROWS_MOST)))) == ROWS_MOST


def test_numbers_and_telephones_may_begin_with_a_sign():
    assert [row.problem for row in read(HEAD + "A,a@example.com,+47 22 00\nB,b@example.com,-5\n")] == ["", ""]


def test_the_same_row_twice_is_sent_once():
    rows = read(HEAD + "A,a@example.com,C\nA,a@example.com,C\nA,a@example.com,D\n")
    assert [row.problem for row in rows] == ["", "The same as line 2.", ""]


def test_the_same_address_in_two_roles_is_refused():
    two = Shape(roles=2, variables=[], title="T")
    [row] = read("name_1,email_1,name_2,email_2\nA,a@example.com,B,A@example.com\n", two)
    assert row.problem == "The same address stands in two roles."
