"""Statements that say what kind each value is: written as psycopg would write them, several at once, seen by Django."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import DataError, ProgrammingError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from hq.db.fixed import Fixed, ask, rows

pytestmark = pytest.mark.django_db
KINDS = {"uuid": UUID, "bytea": bytes, "timestamptz": datetime, "text": str}
VALUES = [
    ("uuid", UUID(int=0)),
    ("uuid", UUID("ffffffff-ffff-7fff-bfff-fffffffffffe")),
    ("bytea", b""),
    ("bytea", b"\0\\x41'%s\xff"),
    ("timestamptz", datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)),
    ("timestamptz", datetime(2000, 1, 1, tzinfo=UTC)),
    ("timestamptz", datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)),
    ("text", ""),
    ("text", "$1 %s \\ ' \u2028 \U0001f9fe"),
    *((name, None) for name in KINDS),
]


def asked(fixed, *values):
    return ask(connection, [fixed.bound(values)])[0]


@pytest.mark.parametrize(("name", "value"), VALUES)
def test_a_value_arrives_as_psycopg_would_have_brought_it(name, value):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{name}::text, %s::{name}", [value, value])
        expected = cursor.fetchall()
    fixed = Fixed(f"SELECT %s::{name}::text, %s::{name}", [KINDS[name]] * 2)
    assert rows(connection, asked(fixed, value, value)) == expected


@pytest.mark.parametrize(
    ("name", "value"), [each for each in VALUES if each[0] in {"bytea", "timestamptz"} and each[1] is not None]
)
def test_a_first_row_is_read_by_its_kinds(name, value):
    fixed = Fixed(f"SELECT %s::{name}, (-7)::bigint", [KINDS[name]], gives=[KINDS[name], int])
    assert fixed.row(asked(fixed, value)) == [value, -7]


def test_an_answer_without_rows_is_none():
    fixed = Fixed("SELECT 1::bigint WHERE false", [], gives=[int])
    assert fixed.row(asked(fixed)) is None
    assert rows(connection, asked(fixed)) == []


def test_text_that_the_server_would_cut_is_refused():
    with pytest.raises(DataError), connection.wrap_database_errors:
        Fixed("SELECT %s", [str]).bound(["cut\0here"])


def test_several_are_one_for_django_and_if_one_fails_all_do():
    first, failing = Fixed("SELECT 1::bigint", [], gives=[int]), Fixed("SELECT 1 / length(%s)", [str])
    with CaptureQueriesContext(connection) as seen:
        both = ask(connection, [first.bound([]), failing.bound(["a"])])
    assert [query["sql"] for query in seen.captured_queries] == ["SELECT 1::bigint"]
    assert (first.row(both[0]), rows(connection, both[1])) == ([1], [(1,)])
    with pytest.raises(DataError), transaction.atomic():
        ask(connection, [first.bound([]), failing.bound([""])])
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            asked(first)


def test_what_the_server_no_longer_keeps_is_planned_anew_by_the_next_transaction():
    fixed, other = (Fixed(f"SELECT {number}::bigint", [], gives=[int]) for number in (13, 14))
    assert (fixed.row(asked(fixed)), other.row(asked(other))) == ([13], [14])
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    with pytest.raises(ProgrammingError), transaction.atomic():
        asked(fixed)
    assert (fixed.row(asked(fixed)), other.row(asked(other))) == ([13], [14])
