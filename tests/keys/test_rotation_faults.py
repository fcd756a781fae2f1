"""Rotations while somebody or something else stands in the way."""

import json
import threading

import pytest
from django.db import connection

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.db.sealing import header
from hq.lib.clock import now
from jobs.models import Job
from keys import actions
from keys.models import Cmk, DataKey, Rotation
from tenants import actions as tenants
from tenants.models import Invitation
from tests.factories import make_place, run_jobs
from tests.keys.support import plant, rotate, sealed_email, settle, statement_of
from tests.keys.test_destroy_key import in_use, pass_days
from vault import actions as vault

__all__ = ["pass_days"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    return make_place()


def again(place) -> None:
    with tenant(place.id):
        Job.objects.filter(organization_id=place.id, state="QUEUED").update(run_at=now())
    run_jobs()


@pytest.fixture
def slow_upload(place):
    """Begun under the first key, and not at its end until the test is."""
    begun, end = threading.Event(), threading.Event()

    def chunks():
        yield b"x" * 70_000
        begun.set()
        end.wait(60)

    def put():
        vault.put_object(actor=place.actor(), path="slow", chunks=chunks())
        connection.close()

    thread = threading.Thread(target=put)
    thread.start()
    assert begun.wait(10)

    def finish():
        end.set()
        thread.join()

    yield finish
    finish()


def test_a_slow_upload_keeps_nothing_else_under_the_old_key(place, slow_upload):
    with tenant(place.id):
        tenants.invite_member(actor=place.actor(), email="new@example.com", role=Role.ANALYST)
        actions.rotate_key(actor=place.actor(), key_id=in_use(place).id)
    for _ in range(2):
        again(place)
    with tenant(place.id):
        invitation = Invitation.objects.values_list("id", flat=True).get()
        assert Rotation.objects.get().state == Rotation.State.REENCRYPTING
    assert sealed_email(invitation, place.id).startswith(header(2))
    slow_upload()
    assert settle(place.id).state == Rotation.State.DONE


def test_of_a_customers_key_hq_does_not_say_what_only_aws_knows(place):
    plant(place.id, "keys_cmk", customer_owned=True)
    rotation = rotate(place)
    body = json.loads(statement_of(rotation).file)["statement"]
    assert not any("older version" in sentence for sentence in body["covers"])
    assert any("HQ makes no versions of it" in sentence for sentence in body["does_not_cover"])


def test_what_has_changed_nothing_yet_can_be_given_up(place):
    with tenant(place.id):
        rotation = actions.rotate_key(actor=place.actor(), key_id=Cmk.objects.get().id)
        actions.abandon_rotation(actor=place.actor(), rotation_id=rotation.id)
    run_jobs()
    with tenant(place.id):
        assert Rotation.objects.get().state == Rotation.State.ABANDONED
        assert Cmk.objects.get().version == 1
    assert rotate(place).state == Rotation.State.DONE


def test_what_is_in_use_already_cannot(place):
    with tenant(place.id):
        rotation = actions.rotate_key(actor=place.actor(), key_id=Cmk.objects.get().id)
    run_jobs()
    with tenant(place.id), pytest.raises(actions.TooFarAlready):
        actions.abandon_rotation(actor=place.actor(), rotation_id=rotation.id)


def test_a_retired_data_key_that_is_lost_does_not_keep_the_others(place):
    rotate(place)
    with tenant(place.id):
        DataKey.objects.filter(purpose="metadata", version=1).update(wrapped=b"damaged" * 20)
    assert rotate(place).state == Rotation.State.DONE
    with tenant(place.id):
        assert DataKey.objects.get(purpose="metadata", version=1).cmk_version == 2


def test_pausing_is_told_to_those_who_keep_the_keys(place, mailoutbox):
    with tenant(place.id):
        rotation = actions.rotate_key(actor=place.actor(), key_id=Cmk.objects.get().id)
        actions.pause_rotation(actor=place.actor(), rotation_id=rotation.id)
    assert [message.subject.partition(" (")[0] for message in mailoutbox] == [
        "HQ: The rotation of your organization key is paused"
    ]
