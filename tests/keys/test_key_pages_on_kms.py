"""The pages of keys while a key of the customer's own in AWS KMS is brought, in use, taken away and given back."""

import pytest

from hq.db.context import tenant
from keys import rings
from keys.models import Rotation
from tests.aws.fixtures import kms, ministack
from tests.keys.pages import World, has, text_of
from tests.keys.support import settle
from tests.keys.test_bring_key import make_key

__all__ = ["kms", "ministack"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def admin(kms):
    """The customer, at work in their own account."""
    return kms.client()


@pytest.fixture
def arn(admin, world) -> str:
    return make_key(admin, world.place.id)


def brought(world, arn) -> None:
    assert world.post("bring", ref=arn, action="move").status_code == 302
    assert settle(world.place.id).state == Rotation.State.DONE
    rings.forget()


def test_a_look_at_the_key_changes_nothing_and_offers_the_move(world, arn):
    answer = world.post("bring", ref=f" {arn} ", action="check")
    assert answer.status_code == 200
    has(text_of(answer), "names this organization", "no other context opens it", "This key is fit.", "Move to this key")
    assert world.cmk.provider == "embedded"
    with tenant(world.place.id):
        assert not Rotation.objects.exists()


def test_a_key_meant_for_nobody_is_refused_with_what_to_put_right(world, admin):
    bare = admin.create_key()["KeyMetadata"]["Arn"]
    answer = world.post("bring", ref=bare, action="move")
    assert answer.status_code == 400
    has(text_of(answer), f"Tag it hq:organization = {world.place.id}", "HQ cannot use this key as it is.")
    assert world.cmk.provider == "embedded"


def test_the_move_is_followed_to_its_end(world, arn):
    world.post("bring", ref=arn, action="move")
    has(world.page(), "Moving to AWS KMS", "Move in progress", "Former key retired")
    assert settle(world.place.id).state == Rotation.State.DONE
    page = world.page()
    has(page, "your account 0000…0000", arn, "Your organization", "left on its former key", "Wraps nothing")
    has(page, "Return to HQ’s key store", "Former keys")


def test_a_key_that_the_customer_disables_shuts_everything_and_its_return_opens_it(world, admin, arn):
    brought(world, arn)
    admin.disable_key(KeyId=arn)
    sentence = "This organization's key is disabled in AWS KMS, so nothing under it can be read."
    has(world.page(), "Disabled in AWS KMS", sentence, "When whoever owns it in AWS enables it, HQ goes on by itself.")
    files = world.place.slug
    locked = world.client.get(f"/o/{files}/live/files/objects/a/b")
    assert locked.status_code == 503
    has(text_of(locked), sentence, "Go to the encryption keys")
    admin.enable_key(KeyId=arn)
    assert world.client.get(f"/o/{files}/live/files/objects/a/b").status_code == 200
    has(world.page(), "In use", "Answers, and may be used")


def test_a_key_that_the_customer_schedules_for_deletion_is_said_as_such(world, admin, arn):
    brought(world, arn)
    admin.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    has(world.page(), "is scheduled for deletion in AWS KMS", "Until it is due, whoever owns it in AWS can cancel that")


def test_the_way_back_is_followed_too_and_the_former_key_of_hq_can_be_destroyed(world, arn):
    former = world.cmk
    brought(world, arn)
    has(world.page("give-back"), "under your key in AWS KMS", "Keep your key enabled until the statement is signed")
    assert world.post("give-back").status_code == 302
    has(world.page(), "Moving to HQ’s own key store")
    settle(world.place.id)
    page = world.page()
    has(page, "HQ’s own key store", "AWS KMS, yours")
    assert page.count("Wraps nothing") == 2
    has(world.page(f"{former.id}/destroy"), "Nothing in use needs this key", "Ask to destroy it")
    form = {"days": "7", "reason": "Moved away", "confirm": world.place.slug}
    assert world.post(f"{former.id}/destroy", **form).status_code == 302
    has(world.page(), "asks to destroy a former key", "In use")
    has(world.page(f"destructions/{world.wish().id}"), "Destroying a former key", "Nothing in use.", "Moved away")


def test_the_customers_former_key_is_theirs_to_delete(world, arn):
    brought(world, arn)
    own = world.cmk
    world.post("give-back")
    settle(world.place.id)
    answer = world.post(f"{own.id}/destroy", days="7", reason="x", confirm=world.place.slug)
    assert answer.status_code == 400
    has(text_of(answer), "schedule its deletion in AWS KMS")
