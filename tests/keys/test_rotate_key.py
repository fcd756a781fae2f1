"""keys.actions.rotate_key and what follows it (KEY-2)."""

import json

import pytest

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.crypto import statements
from hq.db.context import tenant
from hq.db.sealing import Purpose, header
from hq.lib.errors import Denied, NotFound
from jobs.models import Job
from keys import actions, rings, selectors
from keys.models import Cmk, DataKey, Rotation, SigningKey
from keys.providers.embedded import EmbeddedProvider
from keys.registry import KEPT, holders
from tenants import actions as tenants
from tenants.models import Invitation
from tests.factories import make_place, run_jobs
from tests.keys.support import rotate, sealed_email, settle, statement_of, wrappings

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def invitation(place) -> Invitation:
    with tenant(place.id):
        made = tenants.invite_member(actor=place.actor(), email="new@example.com", role=Role.ANALYST)
    return made.invitation


def cmk_of(place) -> Cmk:
    with tenant(place.id):
        return Cmk.objects.get(organization_id=place.id, retired_at=None)


def sealed_bytes(place, invitation) -> bytes:
    return sealed_email(invitation.id, place.id)


def test_it_ends_with_nothing_on_the_old_version_and_says_so_signed(place, invitation):
    rotation = rotate(place)
    assert rotation.state == Rotation.State.DONE
    assert (rotation.from_version, rotation.to_version, rotation.unopened) == (1, 2, 0)
    with tenant(place.id):
        versions = set(DataKey.objects.filter(organization_id=place.id).values_list("cmk_version", flat=True))
        assert versions == {2}
        for holder in holders(place.id):
            if holder.purpose not in KEPT:
                assert holder.left(place.id, 2) == 0
    statement = statement_of(rotation)
    opened = statements.open_file(statement.file.encode(), bytes(SigningKey.objects.get(kid=statement.kid).public))
    assert (opened["type"], opened["rows_left"]) == ("hq/key-rotation", 0)
    assert opened["key"] == {
        "cmk": rotation.cmk.ref,
        "provider": "embedded",
        "customer_owned": False,
        "from_version": 1,
        "to_version": 2,
    }
    assert opened["requested"]["name"] == place.owner.label
    assert opened["rewrapped"] == 6
    assert {(line["purpose"], line["rows"]) for line in opened["data"] if line["rows"]} == {("metadata", 1)}


def test_what_was_sealed_before_is_readable_and_stands_under_the_new_version(place, invitation):
    assert sealed_bytes(place, invitation).startswith(header(1))
    rotate(place)
    assert sealed_bytes(place, invitation).startswith(header(2))
    rings.forget()
    with tenant(place.id):
        assert Invitation.objects.get(id=invitation.id).email == "new@example.com"


def test_the_request_only_writes_down_that_it_is_wanted(place):
    cmk = cmk_of(place)
    with tenant(place.id):
        rotation = actions.rotate_key(actor=place.actor(), key_id=cmk.id)
    assert (rotation.state, cmk_of(place).version) == (Rotation.State.REQUESTED, 1)


def test_the_data_keys_are_wrapped_anew_before_any_row_is_touched(place, invitation, monkeypatch):
    from keys.actions import reencryption

    monkeypatch.setattr(reencryption, "_next_batch", lambda job: False)
    with tenant(place.id):
        actions.rotate_key(actor=place.actor(), key_id=cmk_of(place).id)
    run_jobs()
    with tenant(place.id):
        assert set(DataKey.objects.values_list("cmk_version", flat=True)) == {2}
    assert sealed_bytes(place, invitation).startswith(header(1))


def test_the_trail_tells_the_beginning_the_new_version_and_the_end(place):
    rotate(place, reason="A laptop was lost")
    with tenant(place.id):
        events = list(AuditEvent.objects.filter(tag__startswith="key:").order_by("index"))
        assert [event.tag for event in events] == ["key:rotation_requested", "key:rotated", "key:reencrypted"]
        assert events[0].detail["reason"] == "A laptop was lost"
        assert events[1].detail["after"]["version"] == 2
        assert events[2].detail["after"]["rows_left"] == 0


def test_it_waits_until_no_process_can_write_under_the_old_version(place, invitation):
    with tenant(place.id):
        actions.rotate_key(actor=place.actor(), key_id=cmk_of(place).id)
    run_jobs()
    with tenant(place.id):
        assert Rotation.objects.get().state == Rotation.State.SETTLING
        stale = rings.load(place.id, Purpose.METADATA, None)
        field = Invitation._meta.get_field("email")
        aad = field.place + place.id.bytes + invitation.id.bytes
        former = stale.cipher(header(1))
        assert former is not None
        old = header(1) + former.seal(b"late@example.com", aad)
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("UPDATE tenants_invitation SET email = %s", [old])
    assert settle(place.id).state == Rotation.State.DONE
    assert sealed_bytes(place, invitation).startswith(header(2))
    with tenant(place.id):
        assert Invitation.objects.get(id=invitation.id).email == "late@example.com"


def test_a_value_that_does_not_open_is_left_as_it_is_and_nothing_is_signed(place, invitation):
    from django.db import connection

    broken = header(1) + bytes(40)
    with tenant(place.id), connection.cursor() as cursor:
        cursor.execute("UPDATE tenants_invitation SET email = %s", [broken])
    rotation = rotate(place)
    assert (rotation.state, rotation.unopened, rotation.statement_id) == (Rotation.State.INCOMPLETE, 1, None)
    assert sealed_bytes(place, invitation) == broken
    with tenant(place.id):
        assert AuditEvent.objects.filter(tag="key:rotation_incomplete").count() == 1


def test_one_at_a_time(place):
    with tenant(place.id):
        actions.rotate_key(actor=place.actor(), key_id=cmk_of(place).id)
        with pytest.raises(actions.RotationUnderWay):
            actions.rotate_key(actor=place.actor(), key_id=cmk_of(place).id)


def test_paused_it_stops_and_goes_on_when_told(place, invitation):
    with tenant(place.id):
        rotation = actions.rotate_key(actor=place.actor(), key_id=cmk_of(place).id)
        actions.pause_rotation(actor=place.actor(), rotation_id=rotation.id)
    run_jobs()
    assert cmk_of(place).version == 1
    with tenant(place.id):
        actions.resume_rotation(actor=place.actor(), rotation_id=rotation.id)
    run_jobs()
    assert settle(place.id).state == Rotation.State.DONE


@pytest.mark.parametrize("role", [Role.ANALYST, Role.AUDITOR, Role.DEVELOPER])
def test_only_owners_and_admins_may(place, role):
    cmk = cmk_of(place)
    with tenant(place.id), pytest.raises(Denied):
        actions.rotate_key(actor=place.actor(role), key_id=cmk.id)


def test_another_organizations_key_is_not_there(place):
    other = cmk_of(make_place())
    with tenant(place.id), pytest.raises(NotFound):
        actions.rotate_key(actor=place.actor(), key_id=other.id)


def test_links_and_the_trail_stay_readable_under_their_older_data_keys(place, invitation):
    rotate(place)
    rotate(place)
    rings.forget()
    with tenant(place.id):
        assert all(event.detail["actor"] for event in AuditEvent.objects.order_by("index"))
        assert DataKey.objects.filter(purpose=Purpose.BLIND_INDEX).count() == 1
        assert selectors.content_key(place.id).version == 3


def test_the_statement_names_no_key_material(place):
    rotation = rotate(place)
    file = statement_of(rotation).file
    wrapped = wrappings(place.id).values()
    assert json.loads(file)
    assert all(value.hex() not in file for value in wrapped)


def test_a_former_wrapping_is_kept_until_the_new_one_was_seen_to_open(place, invitation, monkeypatch):
    real = EmbeddedProvider.reencrypt

    def another(self, ref, wrapped, context):
        return real(self, ref, self.wrap(ref, bytes(32), context), context)

    before = wrappings(place.id)
    with tenant(place.id):
        actions.rotate_key(actor=place.actor(), key_id=cmk_of(place).id)
    with monkeypatch.context() as patch:
        patch.setattr(EmbeddedProvider, "reencrypt", another)
        run_jobs()
    assert wrappings(place.id) == before
    with tenant(place.id):
        assert "opens to another key" in Job.objects.get(kind="keys.reencrypt").error
    assert settle(place.id).state == Rotation.State.DONE
