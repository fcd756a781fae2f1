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
from keys.models import Cmk, Rotation, Statement
from tenants import actions as tenants
from tenants.models import Invitation
from tests.factories import make_member, make_place, run_jobs
from tests.keys.support import rotate, settle
from tests.keys.test_destroy_key import ask, in_use, newest, pass_days
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
        row = Invitation.objects.values_list("email", flat=True).get()
        assert Rotation.objects.get().state == Rotation.State.REENCRYPTING
    assert bytes(row.data).startswith(header(2))
    slow_upload()
    assert settle(place.id).state == Rotation.State.DONE


def test_of_a_customers_key_hq_does_not_say_what_only_aws_knows(place):
    with tenant(place.id):
        Cmk.objects.update(customer_owned=True)
    rotation = rotate(place)
    with tenant(place.id):
        body = json.loads(Statement.objects.get(id=rotation.statement_id).file)["statement"]
    assert not any("older version" in sentence for sentence in body["covers"])
    assert any("HQ makes no versions of it" in sentence for sentence in body["does_not_cover"])


def test_of_a_key_that_was_destroyed_meanwhile_nothing_is_tried_for_ever(place, pass_days):
    second = place.actor(Role.ADMIN, make_member(place, Role.ADMIN))
    wish = ask(place, days=7)
    with tenant(place.id):
        actions.rotate_key(actor=place.actor(), key_id=in_use(place).id)
    actions.approve_destruction(actor=second, destruction_id=wish.id)
    run_jobs()
    pass_days(place, 8)
    assert newest(place).state == "DONE"
    again(place)
    with tenant(place.id):
        assert not Job.objects.unfinished().filter(organization_id=place.id).exists()
