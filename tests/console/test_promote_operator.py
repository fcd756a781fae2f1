"""Operators are made on the server only; the role that serves the web can neither make nor unmake one (ACC-10)."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection

from audit.models import AuditEvent, PersonEvent
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.embedded.attach import OWNERS_COMMANDS
from hq.lib.errors import NotFound
from tenants import actions
from tenants.actions.operators import OnlyOnTheServer
from tenants.models import User
from tests.factories import make_person, make_place
from tests.operators import as_owner
from tests.tenants.support_access import approve, ask, at_the_desk, state, told

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)


def run(statement: str) -> None:
    with tenant(PLATFORM_ID), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_running_role_makes_no_operator_however_it_writes():
    person = make_person()
    made = "INSERT INTO tenants_user (id, email, password, is_active, is_operator, time_zone, theme, created_at)"
    again = f"INSERT INTO tenants_user SELECT * FROM tenants_user WHERE id = '{person.pk}'"
    for statement in (
        f"UPDATE tenants_user SET is_operator = true WHERE id = '{person.pk}'",
        "UPDATE tenants_user SET is_operator = NOT is_operator",
        f"{made} VALUES (gen_random_uuid(), 'x@example.com', '!', true, true, 'UTC', 'system', now())",
        f"{again} ON CONFLICT (id) DO UPDATE SET is_operator = true",
    ):
        with pytest.raises(ProgrammingError, match="by hq_owner only"):
            run(statement)
    person.is_operator = True
    with pytest.raises(ProgrammingError), tenant(PLATFORM_ID):
        person.save()
    person.refresh_from_db()
    assert not person.is_operator


@pytest.mark.parametrize("way", ["ALTER TABLE tenants_user DISABLE TRIGGER ALL", "SET ROLE hq_owner"])
def test_nor_does_it_get_around_the_refusal(way):
    with pytest.raises(ProgrammingError, match=r"must be owner|permission denied"):
        run(way)


def test_neither_does_the_action_in_that_role():
    person = make_person()
    with pytest.raises(OnlyOnTheServer):
        actions.promote_operator(email=person.email)
    with pytest.raises(CommandError, match="on the server only"):
        call_command("promote_operator", person.email)
    with pytest.raises(NotFound):
        actions.promote_operator(email="nobody@example.com")


def test_the_commands_run_as_the_owner():
    assert {"promote_operator", "demote_operator"} <= OWNERS_COMMANDS


def logged(person: User) -> list[str]:
    return list(PersonEvent.objects.filter(person_id=person.pk).order_by("id").values_list("tag", flat=True))


@committed
def test_on_the_server_one_is_made_and_unmade_and_both_stand_in_the_trail_and_in_their_own_log():
    person, said = make_person(name="Opal"), StringIO()
    with as_owner():
        for command in ("promote_operator", "promote_operator", "demote_operator"):
            call_command(command, person.email.upper(), stdout=said)
    assert said.getvalue().splitlines() == [
        *[f"{person.email} is a platform operator."] * 2,
        f"{person.email} is no platform operator.",
    ]
    with tenant(PLATFORM_ID):
        events = list(AuditEvent.objects.filter(target_id=str(person.pk)).order_by("index"))
    assert [(event.tag, event.method, event.target_label) for event in events] == [
        ("operator:promoted", "server", "Opal"),
        ("operator:demoted", "server", "Opal"),
    ]
    assert logged(person) == ["operator:promoted", "operator:demoted"]


@committed
def test_who_is_unmade_is_out_of_every_organization():
    first, second, person = make_place(), make_place(), make_person(name="Opal")
    with as_owner():
        actions.promote_operator(email=person.email)
    begun, waiting = approve(first, ask(first, person)), ask(second, person)
    actions.start_support(actor=at_the_desk(person), request_id=begun.id)
    with as_owner():
        actions.demote_operator(email=person.email)
    assert (state(first, begun.id), state(second, waiting.id)) == ("ended", "withdrawn")
    assert told(first.id)[-1] == ("support:ended", "The server")
    assert told(PLATFORM_ID).count(("support:ended", "The server")) == 2
