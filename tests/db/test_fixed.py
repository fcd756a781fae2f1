"""Statements that say what kind each value is: written as psycopg would write them, seen by Django."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import DataError, ProgrammingError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from hq.db.fixed import Fixed, ask

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


def row(fixed, *values):
    return fixed.row(ask(connection, fixed.bound(values)))


@pytest.mark.parametrize(("name", "value"), VALUES)
def test_a_value_arrives_as_psycopg_would_have_brought_it(name, value):
    asking = f"SELECT coalesce(%s::{name}::text, 'nothing')"
    with connection.cursor() as cursor:
        cursor.execute(asking, [value])
        [expected] = cursor.fetchone()
    assert row(Fixed(asking, [KINDS[name]], gives=[bytes]), value) == [expected.encode()]


@pytest.mark.parametrize(
    ("name", "value"), [each for each in VALUES if each[0] in {"bytea", "timestamptz"} and each[1] is not None]
)
def test_a_first_row_is_read_by_its_kinds(name, value):
    fixed = Fixed(f"SELECT %s::{name}, (-7)::bigint, true, false", [KINDS[name]], gives=[KINDS[name], int, bool, bool])
    assert row(fixed, value) == [value, -7, True, False]


def test_an_answer_without_rows_is_none():
    assert row(Fixed("SELECT 1::bigint WHERE false", [], gives=[int])) is None


def test_text_that_the_server_would_cut_is_refused():
    with pytest.raises(DataError), connection.wrap_database_errors:
        Fixed("SELECT %s", [str], gives=[bytes]).bound(["cut\0here"])


def test_django_sees_it_and_its_faults():
    fixed = Fixed("SELECT 1 / length(%s)::bigint", [str], gives=[int])
    with CaptureQueriesContext(connection) as seen:
        assert row(fixed, "a") == [1]
    assert [query["sql"] for query in seen.captured_queries] == ["SELECT 1 / length($1)::bigint"]
    with pytest.raises(DataError), transaction.atomic():
        row(fixed, "")
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            row(fixed, "a")


def test_what_the_server_no_longer_keeps_is_planned_anew_by_the_next_transaction():
    fixed, other = (Fixed(f"SELECT {number}::bigint", [], gives=[int]) for number in (13, 14))
    assert (row(fixed), row(other)) == ([13], [14])
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    with pytest.raises(ProgrammingError), transaction.atomic():
        row(fixed)
    assert (row(fixed), row(other)) == ([13], [14])
