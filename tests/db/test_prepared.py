"""Statements of the hot path: kept by the server, seen by Django, and rows of them as the ORM makes them."""

from contextlib import suppress

import pytest
from django.db import (
    DataError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from hq.db import lookups
from hq.db.context import current_tenant, tenant
from hq.db.prepared import prepared
from hq.db.rows import Columns, Insert
from hq.lib.ids import new_id
from tenants.models import ApiKey
from tests.factories import make_api_key, make_place
from tests.operators import as_owner

pytestmark = pytest.mark.django_db


def kept(text):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement = %s", [text])
        return cursor.fetchone()[0]


def test_the_server_keeps_a_statement_and_binds_its_values():
    text = "SELECT %s::int + 1"
    for number in (1, 41):
        with prepared() as cursor:
            cursor.execute(text, [number])
            assert cursor.fetchone() == (number + 1,)
    assert kept("SELECT $1::int + 1") == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("forget", ["DEALLOCATE ALL", "DISCARD ALL"])
def test_what_the_server_no_longer_keeps_is_planned_anew(forget):
    def ask():
        with prepared() as cursor:
            cursor.execute("SELECT 11")
            return cursor.fetchone()[0]

    assert ask() == 11
    with connection.cursor() as cursor:
        cursor.execute(forget)
    assert ask() == 11
    with connection.cursor() as cursor:
        cursor.execute(forget)
    with pytest.raises(ProgrammingError), transaction.atomic():
        ask()
    with transaction.atomic():
        assert ask() == 11


def test_what_was_planned_is_kept_when_a_transaction_fails():
    text = "SELECT 12 / %s::int"
    for divisor in (1, 0, 1):
        with suppress(DataError), transaction.atomic(), prepared() as cursor:
            cursor.execute(text, [divisor])
            assert cursor.fetchone() == (12,)
    assert kept("SELECT 12 / $1::int") == 1


def test_django_counts_it_and_keeps_it_from_a_broken_transaction():
    with CaptureQueriesContext(connection) as seen, prepared() as cursor:
        cursor.execute("SELECT 7")
    assert [query["sql"] for query in seen.captured_queries] == ["SELECT 7"]
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError), prepared() as cursor:
            cursor.execute("SELECT 7")


def test_a_row_is_what_the_orm_would_have_loaded():
    place = make_place()
    make_api_key(place)
    columns = Columns(ApiKey)
    with tenant(place.id):
        expected = ApiKey.objects.get()
        expected.last_used_agent = "curl/8"
        expected.save()
        with prepared() as cursor:
            cursor.execute(f"SELECT {columns.of('k')} FROM tenants_apikey AS k")
            found = columns.row(cursor.fetchone())
        names = [field.attname for field in ApiKey._meta.concrete_fields]
        assert {name: getattr(found, name) for name in names} == {name: getattr(expected, name) for name in names}
        assert (found.last_used_agent, len(columns)) == ("curl/8", len(names))
        found.name = "renamed"
        found.save()  # an update: it knows that it is there already
        assert ApiKey.objects.get().name == "renamed"


def key_of(place):
    with tenant(place.id):
        key = ApiKey.objects.get()
    key.id, key.lookup = new_id(), b"other"
    return key


@pytest.mark.django_db(transaction=True)
def test_a_row_is_added_in_one_round_trip_and_the_setting_is_gone_with_it():
    place = make_place()
    make_api_key(place)
    add, key = Insert(ApiKey), key_of(place)
    with CaptureQueriesContext(connection) as seen:
        add(key)
    assert len(seen) == 1
    assert current_tenant() is None
    assert not ApiKey.objects.exists()
    with tenant(place.id):
        assert ApiKey.objects.get(id=key.id).scopes == key.scopes


def test_in_a_transaction_the_setting_is_what_it_was():
    place, other = make_place(), make_place()
    make_api_key(place)
    key = key_of(place)
    with tenant(other.id):
        Insert(ApiKey)(key)
        assert current_tenant() == other.id
        assert not ApiKey.objects.exists()
    with tenant(place.id):
        assert ApiKey.objects.filter(id=key.id).exists()


def test_what_the_database_refuses_leaves_no_row_and_no_setting():
    place = make_place()
    make_api_key(place)
    key = key_of(place)
    key.name = None
    with pytest.raises(IntegrityError), transaction.atomic():
        Insert(ApiKey)(key)
    assert current_tenant() is None


def migrate(*statements):
    with as_owner(), connections["default"].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def looked_up():
    """Makes a function whose answer has another column from then on."""
    drop = "DROP FUNCTION IF EXISTS public.changing()"

    def make(kind, name="one"):
        migrate(
            drop, f"CREATE FUNCTION public.changing() RETURNS TABLE ({name} {kind}) LANGUAGE sql AS 'SELECT 1::{kind}'"
        )

    yield make
    migrate(drop)


@pytest.mark.django_db(transaction=True)
def test_what_a_migration_changed_is_planned_anew(looked_up):
    looked_up("int")
    assert lookups.call("changing") == [{"one": 1}]
    looked_up("text")
    assert lookups.call("changing") == [{"one": "1"}]
    looked_up("text", name="two")
    assert lookups.call("changing") == [{"two": "1"}]
    looked_up("int")
    with pytest.raises(NotSupportedError), transaction.atomic():
        lookups.call("changing")
    with transaction.atomic():
        assert lookups.call("changing") == [{"one": 1}]
