"""hq.db.context: whose rows are visible (ISO-1)."""

import pytest
from django.db import DatabaseError, connection, transaction

from hq.db.context import current_tenant, tenant
from tenants.models import Environment, Membership, Organization
from tests.factories import make_place

pytestmark = pytest.mark.django_db


def test_without_a_context_there_are_no_rows():
    make_place()
    assert current_tenant() is None
    assert Organization.objects.count() == Membership.objects.count() == Environment.objects.count() == 0


def test_it_shows_one_organization_only():
    place, other = make_place(), make_place()
    with tenant(place.id):
        assert [o.pk for o in Organization.objects.all()] == [place.id]
        assert not Environment.objects.filter(organization_id=other.id).exists()
        assert Membership.objects.filter(organization_id=other.id).update(role="analyst") == 0
        assert Membership.objects.filter(organization_id=other.id).delete() == (0, {})


def test_it_writes_into_no_other_organization():
    place, other = make_place(), make_place()
    with tenant(place.id), pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
        Membership.objects.create(organization_id=other.id, user=place.owner, role="owner")


def test_nested_it_puts_the_former_context_back():
    place, other = make_place(), make_place()
    with tenant(place.id):
        with tenant(other.id):
            assert current_tenant() == other.id
        assert current_tenant() == place.id
    assert current_tenant() is None


def test_it_puts_the_former_context_back_after_a_failure():
    place, other = make_place(), make_place()
    with tenant(place.id):
        with pytest.raises(ZeroDivisionError), tenant(other.id):
            1 / 0  # noqa: B018
        assert current_tenant() == place.id


@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_of_it_on_the_connection():
    place = make_place()
    with tenant(place.id):
        pass
    assert current_tenant() is None
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tenants_organization")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE hq_lookup",
        "SET ROLE hq_owner",
        "SET row_security = off; SELECT * FROM tenants_organization",
        "ALTER TABLE tenants_organization DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE x (y int)",
        "DROP POLICY tenant ON tenants_organization",
    ],
)
def test_the_running_role_cannot_step_around_it(statement):
    make_place()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
