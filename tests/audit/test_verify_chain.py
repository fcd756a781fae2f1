"""verify_chain finds what was changed, at its place (AUD-2, AUD-3)."""

import pytest
from django.db import DatabaseError, connection, transaction

from audit import actions, recorder
from audit.models import AuditEvent, ChainHead
from audit.recorder import Target
from audit.tags import Tag
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied
from tests.database import as_superuser
from tests.factories import make_place

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    place = make_place()
    with tenant(place.id):
        for number in range(5):
            recorder.record(
                place.actor(),
                Tag.SHARE_CREATED,
                target=Target("share", place.id, f"link {number}"),
                after={"n": number},
            )
    return place


def verdict(place):
    with tenant(place.id):
        return actions.verify_chain(actor=place.actor())


def test_it_passes_a_whole_chain(place):
    assert verdict(place).ok
    assert verdict(place).length == 7


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE audit_auditevent SET tag = 'share:revoked' WHERE index = 4", "hash"),
        ("UPDATE audit_auditevent SET ip = '198.51.100.1' WHERE index = 4", "hash"),
        ("UPDATE audit_auditevent SET at = at + interval '1 microsecond' WHERE index = 4", "hash"),
        ("DELETE FROM audit_auditevent WHERE index = 4", "missing"),
        (
            "UPDATE audit_auditevent SET detail = set_byte(detail, 30, get_byte(detail, 30) # 1) WHERE index = 4",
            "detail",
        ),
        (
            "UPDATE audit_auditevent a SET detail = b.detail FROM audit_auditevent b WHERE a.index = 4 AND b.index = 5",
            "detail",
        ),
        (
            "UPDATE audit_auditevent SET previous = set_byte(previous, 0, get_byte(previous, 0) # 1) WHERE index = 4",
            "follow",
        ),
    ],
)
def test_it_names_the_event_that_a_superuser_changed(place, change, reason):
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute(change)
    found = verdict(place)
    assert found.first_bad == 4
    assert reason in found.reason


def test_it_finds_a_tail_that_was_cut_off_while_the_head_stayed(place):
    with as_superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute("DELETE FROM audit_auditevent WHERE index > 5")
    assert verdict(place).first_bad == 6


def test_it_needs_the_permission(place):
    with tenant(place.id), pytest.raises(Denied):
        actions.verify_chain(actor=place.actor(Role.DEVELOPER))


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_auditevent SET tag = 'x'", "DELETE FROM audit_auditevent", "TRUNCATE audit_auditevent"]
)
def test_events_cannot_be_changed_by_the_running_role(place, statement):
    with (
        tenant(place.id),
        pytest.raises(DatabaseError, match=r"permission denied|append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_it_keeps_one_chain_an_environment(place):
    with tenant(place.id):
        recorder.record(place.actor(environment_id=place.test_id), Tag.SHARE_CREATED, target=Target("share", place.id))
        assert AuditEvent.objects.get(environment_id=place.test_id).index == 1
        assert ChainHead.objects.get(environment_id=place.live_id).length == 7


def test_an_act_on_the_whole_organization_is_recorded_in_live_wherever_the_person_stood(place):
    with tenant(place.id):
        recorder.record(
            place.actor(environment_id=place.test_id), Tag.MEMBER_REMOVED, target=Target("member", place.id)
        )
        assert AuditEvent.objects.get(index=8).environment_id == place.live_id
