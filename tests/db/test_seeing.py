"""One statement that sees one organization's rows, with its setting in one round trip."""

import pytest
from django.db import DataError, OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext

from hq.db.context import current_tenant, seeing, tenant
from hq.embedded.postgres import SUPERUSER
from tests.factories import make_api_key, make_place
from tests.operators import as_owner

pytestmark = pytest.mark.django_db(transaction=True)
WHOSE = "SELECT organization_id FROM tenants_apikey"


@pytest.fixture
def place():
    """With a key, as another that stands beside it."""
    place, other = make_place(), make_place()
    make_api_key(place)
    make_api_key(other)
    return place


def seen_by(organization_id, text=WHOSE, values=None):
    with seeing(organization_id) as cursor:
        cursor.execute(text, values)
        return [value for (value,) in cursor.fetchall()]


def test_it_sees_that_organization_alone_and_leaves_no_setting(place):
    other = make_place()
    with CaptureQueriesContext(connection) as seen:
        assert seen_by(place.id) == [place.id]
    assert len(seen) == 1
    assert current_tenant() is None
    assert seen_by(other.id) == []


def test_without_it_there_are_no_rows(place):
    with connection.cursor() as cursor:
        cursor.execute(WHOSE)
        assert cursor.fetchall() == []


def test_in_a_transaction_it_sees_what_that_does(place):
    other = make_place()
    with tenant(other.id):
        assert seen_by(place.id) == []
        assert current_tenant() == other.id


def test_what_fails_leaves_no_setting_and_the_next_goes_on(place):
    text = "SELECT 1 / %s::int"
    assert seen_by(place.id, text, [1]) == [1]
    with pytest.raises(DataError, match="division by zero"):
        seen_by(place.id, text, [0])
    assert current_tenant() is None
    assert seen_by(place.id) == [place.id]


def test_what_it_writes_is_undone_if_it_fails_and_kept_if_not(place):
    text = "UPDATE tenants_apikey SET name = name, last_used_agent = NULL RETURNING 1 / %s::int"
    assert seen_by(place.id, text, [1]) == [1]
    with pytest.raises(DataError):
        seen_by(place.id, text, [0])


@pytest.mark.parametrize("forget", ["DEALLOCATE ALL", "DISCARD ALL"])
def test_what_the_server_no_longer_keeps_is_planned_anew(place, forget):
    assert seen_by(place.id) == [place.id]
    with connection.cursor() as cursor:
        cursor.execute(forget)
    assert seen_by(place.id) == [place.id]


def test_a_statement_that_was_planned_for_another_role_shows_that_one_nothing_more(place, monkeypatch):
    administrator = connection.copy()
    administrator.settings_dict = {**connection.settings_dict, "USER": SUPERUSER}
    monkeypatch.setattr(connections._connections, "default", administrator)  # type: ignore[attr-defined]  # Django's own
    try:
        for role, seen in (("NONE", 2), ("hq_app", 1), ("NONE", 2), ("hq_app", 1)):
            with administrator.cursor() as cursor:
                cursor.execute(f"SET ROLE {role}")
            assert len(seen_by(place.id)) == seen
    finally:
        administrator.close()


def test_a_column_that_is_another_since_is_planned_anew(place):
    text = "SELECT one FROM public.changing_table"

    def migrate(*statements):
        with as_owner(), connections["default"].cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    drop = "DROP TABLE IF EXISTS public.changing_table"
    migrate(
        drop, "CREATE TABLE public.changing_table AS SELECT 1 AS one", "GRANT SELECT ON public.changing_table TO hq_app"
    )
    try:
        assert seen_by(place.id, text) == [1]
        migrate("ALTER TABLE public.changing_table ALTER one TYPE text")
        assert seen_by(place.id, text) == ["1"]
    finally:
        migrate(drop)


def test_a_server_that_went_away_is_told_as_such_and_the_next_connection_serves(place):
    assert seen_by(place.id) == [place.id]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [process])
        with pytest.raises(OperationalError):
            seen_by(place.id)
    finally:
        other.close()
        connection.close()
    assert seen_by(place.id) == [place.id]
