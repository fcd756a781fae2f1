"""Tables of people are full of names that nobody has written to: they go by themselves, and with whoever made them."""

from datetime import timedelta

import pytest

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from signing.actions import bulk
from signing.actions.templates import keep_as_template
from signing.actions.upkeep import ERASED, forget_maker
from signing.models import Agreement, Batch
from signing.models.batches import TABLES_KEPT
from signing.tasks import sweep
from tenants.models import Membership
from tests.factories import make_member, make_place, run_jobs
from tests.signing import support

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = b"name,email\nAda Canary,ada.canary@holm.example\nBo Canary,bo.canary at nowhere\n"


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def checked(place):
    """By a developer, who is returned too."""
    member = make_member(place, Role.DEVELOPER)
    actor = place.actor(Role.DEVELOPER, member)
    made = support.make_agreement(place, actor=actor)
    with tenant(place.id):
        template = keep_as_template(actor=actor, agreement_id=made.id, name="NDA", text=support.text_for([]))
        return bulk.check_table(actor=actor, template_id=template.id, content=TABLE), actor


def batches(place):
    with tenant(place.id):
        return list(Batch.objects.all())


def older(place, time):
    with tenant(place.id):
        Batch.objects.update(created_at=now() - time)
    sweep()
    run_jobs()
    return len(batches(place))


def test_a_table_that_nobody_sends_is_forgotten_in_time(place, checked):
    assert older(place, TABLES_KEPT - timedelta(hours=1)) == 1
    assert older(place, TABLES_KEPT + timedelta(hours=1)) == 0


def test_one_that_was_sent_stays_without_anybodys_name(place, checked):
    batch, actor = checked
    with tenant(place.id):
        bulk.send_batch(actor=actor, batch_id=batch.id)
    run_jobs()
    assert older(place, 2 * TABLES_KEPT) == 1
    (after,) = batches(place)
    assert (after.state, after.sent) == ("done", 1)
    assert "anary" not in str(after.rows)
    assert after.rows[1]["problem"].startswith("This is not an e-mail address")


def test_whose_name_a_problem_begins_with_is_not_kept(place, checked):
    batch, actor = checked
    with tenant(place.id):
        batch.template.plan |= {"fields": []}
        batch.template.source = "pdf"  # as one whose signature was never placed
        batch.template.save()
        bulk.send_batch(actor=actor, batch_id=batch.id)
    run_jobs()
    (after,) = batches(place)
    assert (after.sent, after.rows[0]["problem"]) == (0, bulk.UNSENT)


def test_an_erased_member_leaves_no_table_and_no_name(place, checked):
    _, actor = checked
    with tenant(place.id):
        membership = Membership.objects.get(user_id=actor.id)
        forget_maker(place.id, actor.id, membership.id)
        assert {one.created_by_label for one in Agreement.objects.all()} == {ERASED}
    assert batches(place) == []


def test_nobody_sends_what_a_removed_member_left(place, checked):
    batch, actor = checked
    with tenant(place.id):
        Membership.objects.filter(user_id=actor.id).delete()
        assert Batch.objects.get().membership_id is None
        with pytest.raises(bulk.NotYours):
            bulk.send_batch(actor=place.actor(), batch_id=batch.id)
        with pytest.raises(bulk.NoMember):
            bulk.send_batch(actor=actor, batch_id=batch.id)
