"""What is written past the application on watched tables leaves an event; an act leaves its own and no other."""

from typing import Any

import pytest
from django.db import connection, transaction

from audit.models import AuditEvent
from audit.tags import Tag
from audit.tasks import sweep_logs
from audit.verify import walk
from audit.watch_models import Change
from evidence.actions.mailing import ANSWER_WITHIN, add_witness
from evidence.models import MailWitness
from evidence.tasks import sweep_mail
from hq.authz.permissions import SCOPES
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.embedded.postgres import SUPERUSER
from hq.lib.clock import now
from hq.lib.ids import new_id
from tenants.actions import create_group, revoke_api_key
from tenants.models import ApiKey, Group, Membership, Organization
from tests.database import as_superuser
from tests.factories import Place, make_place, run_jobs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place() -> Place:
    return make_place()


def told(place: Place) -> list[dict[str, Any]]:
    """What the trail tells of writes past the application, less when; and the chain holds."""
    sweep_logs()
    run_jobs()
    with tenant(place.id):
        assert walk(place.id, place.live_id).ok
        events = AuditEvent.objects.filter(organization_id=place.id, tag=Tag.DATABASE_CHANGED).order_by("index")
        return [
            {key: event.detail["after"][key] for key in ("table", "operation", "rows", "columns", "role")}
            for event in events
        ]


def tags(place: Place) -> list[str]:
    with tenant(place.id):
        return list(
            AuditEvent.objects.filter(organization_id=place.id)
            .order_by("environment_id", "index")
            .values_list("tag", flat=True)
        )


def written(table: str, operation: str, rows: int = 1, columns: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"table": table, "operation": operation, "rows": rows, "columns": list(columns), "role": "hq_app"}


def test_nothing_is_noted_of_how_an_organization_is_made(place: Place) -> None:
    assert told(place) == []
    with tenant(place.id):
        assert not Change.objects.exists()


def test_a_bulk_update_leaves_an_event(place: Place) -> None:
    with tenant(place.id):
        Membership.objects.filter(organization_id=place.id).update(role=Role.ADMIN)
    assert told(place) == [written("tenants_membership", "UPDATE", columns=("role",))]


def test_rows_added_in_bulk_leave_one_event(place: Place) -> None:
    with tenant(place.id):
        Group.objects.bulk_create(Group(organization_id=place.id, name=f"g{number}") for number in range(30))
    assert told(place) == [written("tenants_group", "INSERT", 30)]
    with tenant(place.id):
        event = AuditEvent.objects.get(organization_id=place.id, tag=Tag.DATABASE_CHANGED)
        assert len(event.detail["after"]["ids"]) == 20
        assert set(event.detail["after"]["ids"]) <= {str(group.id) for group in Group.objects.all()}
        assert (event.actor_kind, event.target_kind) == ("system", "tenants_group")


def test_sql_of_the_running_role_leaves_an_event_for_each_kind(place: Place) -> None:
    with tenant(place.id), connection.cursor() as cursor:
        group = new_id()
        cursor.execute(
            "INSERT INTO tenants_group (id, organization_id, name, source, created_at)"
            " VALUES (%s, %s, 'x', 'here', now())",
            [group, place.id],
        )
    with tenant(place.id), connection.cursor() as cursor:
        cursor.execute("UPDATE tenants_organization SET mfa_required = true, reach = 'rules'")
        cursor.execute("DELETE FROM tenants_group WHERE id = %s", [group])
    assert told(place) == [
        written("tenants_group", "INSERT"),
        written("tenants_group", "DELETE"),
        written("tenants_organization", "UPDATE", columns=("mfa_required", "reach")),
    ]


def test_sql_of_whoever_stands_above_leaves_an_event_that_says_who(place: Place) -> None:
    with as_superuser() as database:
        database.execute("UPDATE tenants_membership SET role = 'admin' WHERE organization_id = %s", [place.id])
    (event,) = told(place)
    assert (event["table"], event["role"]) == ("tenants_membership", SUPERUSER)


def test_a_witness_by_mail_that_is_taken_away_leaves_an_event_and_one_who_never_answered_none(place: Place) -> None:
    with tenant(place.id):
        add_witness(actor=place.actor(), address=f"auditor-{place.id.hex[-12:]}@audit.example")
    assert told(place) == []
    with as_superuser() as database:
        database.execute("UPDATE evidence_mailwitness SET created_at = %s", [now() - ANSWER_WITHIN * 2])
    sweep_mail()
    assert told(place) == []
    with tenant(place.id):
        assert not MailWitness.objects.exists()
        other = add_witness(actor=place.actor(), address=f"other-{place.id.hex[-12:]}@audit.example")
        MailWitness.objects.filter(pk=other.pk).update(state="CONFIRMED", confirmed_at=now())
    with tenant(place.id):
        MailWitness.objects.filter(pk=other.pk).delete()
    assert told(place) == [written("evidence_mailwitness", "DELETE")]


def test_an_act_leaves_its_own_event_and_no_other(place: Place) -> None:
    before = tags(place)
    with tenant(place.id):
        create_group(actor=place.actor(), name="Claims")
    assert told(place) == []
    assert [*before, Tag.GROUP_CREATED] == tags(place)


def test_what_hq_keeps_up_to_date_by_itself_is_no_act(place: Place) -> None:
    key = make_key(place)
    with tenant(place.id):
        ApiKey.objects.filter(pk=key).update(warned_days=7)
        Organization.objects.filter(pk=place.id).update(name=place.organization.name)  # the same again
    assert told(place) == [written("tenants_apikey", "INSERT")]
    with tenant(place.id):
        revoke_api_key(actor=place.actor(), key_id=key)
    assert told(place) == [written("tenants_apikey", "INSERT")]


def test_what_is_rolled_back_leaves_nothing(place: Place) -> None:
    with tenant(place.id):
        Group.objects.create(organization_id=place.id, name="gone")
        transaction.set_rollback(True)
    assert told(place) == []


def test_an_event_that_was_rolled_back_hides_no_write(place: Place) -> None:
    with tenant(place.id):
        with transaction.atomic():
            create_group(actor=place.actor(), name="Claims")
            transaction.set_rollback(True)
        Group.objects.create(organization_id=place.id, name="Other")
    assert told(place) == [written("tenants_group", "INSERT")]


def test_an_event_of_another_organization_hides_no_write_and_sees_none(place: Place) -> None:
    other = make_place()
    with transaction.atomic():
        with tenant(other.id):
            create_group(actor=other.actor(), name="Claims")
        with tenant(place.id):
            Group.objects.create(organization_id=place.id, name="Other")
    assert told(other) == []
    with tenant(other.id):
        assert not Change.objects.exists()
    assert told(place) == [written("tenants_group", "INSERT")]


def test_telling_twice_tells_once_and_notes_stay(place: Place) -> None:
    with tenant(place.id):
        Group.objects.create(organization_id=place.id, name="x")
    assert told(place) == told(place) == [written("tenants_group", "INSERT")]
    with tenant(place.id), pytest.raises(Exception, match="permission denied"):
        Change.objects.all().delete()


def make_key(place: Place) -> Any:
    key_id = new_id()
    with tenant(place.id):
        ApiKey.objects.create(
            id=key_id,
            organization_id=place.id,
            environment_id=place.live_id,
            name="x",
            lookup=key_id.bytes,
            hash="$argon2id$none",
            hint="0000",
            scopes=sorted(SCOPES)[:1],
            created_by_id=place.owner.pk,
        )
    return key_id
