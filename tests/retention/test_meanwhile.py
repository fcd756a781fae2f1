"""What happens at the same time: holds placed while something goes, keys that are made, members who were to go."""

import importlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.ids import new_id
from jobs import actions as jobs
from jobs.models import Job
from keys import actions as keys
from keys.actions import shredding
from keys.models import Cmk, DataKey, Destruction
from retention import actions, selectors
from retention.models import Erasure, Hold, PersonErasure
from tenants.models import Membership
from tests.factories import make_member, make_place, run_jobs
from tests.keys.test_destroy_key import in_use, newest, scheduled
from tests.keys.test_destruction_faults import destroy_now
from tests.retention.support import age, ask, erasure_of, make_due, make_people_due, person_erasure_of, work
from vault import actions as vault
from vault.models import StoredObject

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 20


@pytest.fixture
def place():
    return make_place()


def hold(place):
    return actions.place_hold(actor=place.actor(), name="Case 7", reason="Court order")


def until_it_waits(pool, act):
    """Begin it in a thread of its own, until it waits for a lock or is over."""

    def acted():
        try:
            return act()
        finally:
            connection.close()

    task = pool.submit(acted)
    while not task.done():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                break
    return task


@pytest.fixture
def deleted(place):
    vault.put_object(actor=place.actor(), path="a/old", chunks=[b"text"])
    vault.delete_object(actor=place.actor(), path="a/old")
    with tenant(place.id):
        StoredObject.objects.update(deleted_at=now() - timedelta(days=31))


def test_what_is_past_its_retention_stays_once_a_hold_is_being_placed(place, deleted):
    with ThreadPoolExecutor(1) as pool:
        with tenant(place.id):
            hold(place)
            looking = until_it_waits(pool, work)
        looking.result(timeout=PATIENCE)
    with tenant(place.id):
        assert StoredObject.objects.filter(path="a/old").exists()


def test_an_organization_stays_once_a_hold_is_being_placed(place):
    ask(place)
    make_due(place.id)
    with ThreadPoolExecutor(1) as pool:
        with tenant(place.id):
            hold(place)
            erasing = until_it_waits(pool, work)
        erasing.result(timeout=PATIENCE)
    assert erasure_of(place.id).state == Erasure.State.WAITING


def test_a_key_that_a_hold_needs_is_neither_asked_nor_agreed_to_be_destroyed(place):
    other = make_member(place, Role.OWNER)
    with tenant(place.id):
        key = Cmk.objects.get(organization_id=place.id)
    wanted: dict[str, Any] = {"key_id": key.id, "days": 7, "reason": "Out of hand", "erase": True}
    wish = keys.request_destruction(actor=place.actor(), **wanted)
    with tenant(place.id):
        placed = hold(place)
    with pytest.raises(keys.Held):
        keys.approve_destruction(actor=place.actor(person=other), destruction_id=wish.id)
    keys.cancel_destruction(actor=place.actor(), destruction_id=wish.id)
    with pytest.raises(keys.Held):
        keys.request_destruction(actor=place.actor(), **wanted)
    with tenant(place.id):
        actions.lift_hold(actor=place.actor(), hold_id=placed.id, reason="Settled")
    assert keys.request_destruction(actor=place.actor(), **wanted).state == "REQUESTED"


def test_a_hold_comes_too_late_for_what_has_begun(place):
    ask(place)
    make_due(place.id)
    actions.find_work()
    with tenant(place.id):
        Erasure.objects.update(state=Erasure.State.ERASING, began_at=now())
    with pytest.raises(actions.TooLate), tenant(place.id):
        hold(place)


def test_a_member_who_was_to_go_goes_with_the_organization_and_leaves_no_address(place):
    member = make_member(place, Role.ANALYST)
    with tenant(place.id):
        membership = Membership.objects.get(user=member)
        actions.request_member_erasure(actor=place.actor(), member_id=membership.id, reason="Asked us")
    ask(place)
    make_due(place.id)
    work()
    wish = person_erasure_of(place.id)
    assert (wish.state, wish.address) == (PersonErasure.State.CANCELLED, None)
    make_people_due(place.id)
    work()
    with tenant(place.id):
        assert not Job.objects.filter(kind="retention.erase_person").exists()


def test_tombstones_say_by_ids_only_who_asked_and_who_agreed(place):
    other = make_member(place, Role.OWNER)
    wish = ask(place)
    with tenant(place.id):
        actions.approve_erasure(actor=place.actor(person=other), erasure_id=wish.id)
    make_due(place.id)
    work()
    wish = erasure_of(place.id)
    assert (wish.requested_by_label, wish.approved_by_label) == ("Erased member", "Erased member")
    assert (wish.requested_by_id, wish.approved_by_id) == (place.owner.pk, other.pk)


def test_the_tombstone_of_an_account_has_no_name(place):
    member = make_member(place, Role.ANALYST)
    actions.request_own_erasure(person=member)
    make_people_due()
    work()
    wish = person_erasure_of()
    assert (wish.state, wish.address) == (PersonErasure.State.ERASED, None)
    assert wish.requested_by_label == "Erased member"


def test_a_hold_in_an_organization_keeps_the_accounts_of_its_members(place):
    member = make_member(place, Role.ANALYST)
    actions.request_own_erasure(person=member)
    with tenant(place.id):
        placed = hold(place)
    make_people_due()
    work()
    assert person_erasure_of().state == PersonErasure.State.WAITING
    with tenant(place.id):
        assert Membership.objects.filter(user=member).exists()
        actions.lift_hold(actor=place.actor(), hold_id=placed.id, reason="Settled")
    work()
    assert person_erasure_of().state == PersonErasure.State.ERASED


def test_no_certificate_is_given_while_a_key_is_left_that_was_made_meanwhile(place, monkeypatch):
    """As by a rotation that was under way: it has its turn after the keys were thrown away."""
    with tenant(place.id):
        wrapped = DataKey.objects.filter(organization_id=place.id)[0].wrapped

    def shred_once(organization_id):
        said = shredding.shred_keys(organization_id)
        monkeypatch.undo()
        with tenant(organization_id):
            late = DataKey.objects.filter(organization_id=organization_id)[0]
            late.pk, late.version, late.wrapped = new_id(), late.version + 1, wrapped
            late.destroyed_at, late.retired_at = None, now()
            late.save(force_insert=True)
        return said

    monkeypatch.setattr(importlib.import_module("retention.actions.erase"), "shred_keys", shred_once)
    ask(place)
    make_due(place.id)
    work()
    assert erasure_of(place.id).state == Erasure.State.ERASING
    with tenant(place.id):
        Job.objects.filter(state=Job.State.QUEUED).update(run_at=now())
    run_jobs()
    assert erasure_of(place.id).state == Erasure.State.ERASED
    with tenant(place.id):
        assert not DataKey.objects.filter(organization_id=place.id, wrapped__isnull=False).exists()
        assert selectors.count_rows(place.id) == []


@pytest.mark.parametrize("gone", [False, True])
def test_a_hold_that_came_after_the_agreement_spares_the_keys(place, gone):
    """As by a process that had the keys in memory still. What the provider has destroyed, no hold brings back."""
    second = place.actor(Role.ADMIN, make_member(place, Role.ADMIN, email="second@example.com"))
    with tenant(place.id):
        placed = hold(place)
        actions.lift_hold(actor=place.actor(), hold_id=placed.id, reason="Settled")
    wish = scheduled(place, second, days=7)
    age("retention_hold", place.id, lifted_at=None, lifted_by_id=None)
    if gone:
        destroy_now(in_use(place))
    jobs.enqueue("keys.finish_destruction", organization_id=place.id, payload={})
    run_jobs()
    if gone:
        assert newest(place).state == Destruction.State.SCHEDULED
        return
    with tenant(place.id):
        assert newest(place).state == Destruction.State.CANCELLED
        assert in_use(place).state == "ENABLED"
        event = AuditEvent.objects.filter(tag="key:destruction_cancelled").latest("index")
        assert event.detail["after"] == {"because": "A legal hold stands"}
        assert Hold.objects.get(pk=placed.pk).name == "Case 7"
    assert newest(place).id == wish.id
