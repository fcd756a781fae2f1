"""What the people of a key are told (ACC-3): before its end, of its age, of a new network; each once."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from django.core import mail
from django.db import transaction
from django.db.models import F

from audit.models import AuditEvent
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from keys import rings
from keys.models import DataKey
from tenants import actions
from tenants.models import ApiKey, ApiKeyDay, ApiKeyNetwork, Membership, Organization
from tenants.tasks import sweep
from tests.factories import ORIGIN, make_member, make_place, run_jobs
from tests.tenants.support import at_once

pytestmark = pytest.mark.django_db
READ = frozenset({Permission.OBJECTS_READ})
ALERTS = ("api_key:expiring", "api_key:aged", "api_key:new_network")


def create(place, actor=None, **more):
    with tenant(place.id):
        return actions.create_api_key(actor=actor or place.actor(), name="backup", scopes=READ, **more)


def later(place, days):
    """As if everything about the keys had been so many days before."""
    back = timedelta(days=days)
    with tenant(place.id):
        ApiKey.objects.update(
            created_at=F("created_at") - back, expires_at=F("expires_at") - back, aged_at=F("aged_at") - back
        )


def look(place):
    """What is said now: the events and the mails."""
    mail.outbox.clear()
    with tenant(place.id):
        before = AuditEvent.objects.filter(tag__in=ALERTS).count()
    sweep()
    run_jobs()
    with tenant(place.id):
        events = list(AuditEvent.objects.filter(tag__in=ALERTS).order_by("index")[before:])
        return [(event.tag, event.detail["after"]) for event in events], mail.outbox[:]


def said(place):
    events, mails = look(place)
    return [(tag, after.get("days", after.get("years"))) for tag, after in events], len(mails)


def test_it_tells_thirty_seven_and_one_days_before_the_end_and_each_once():
    place = make_place()
    create(place, expires_at=now() + timedelta(days=90))
    assert said(place) == ([], 0)
    told = []
    for days in (59, 2, 21, 2, 5, 0.5):
        later(place, days)
        told.append(said(place))
        assert said(place) == ([], 0)
    nothing = (list[tuple[str, int]](), 0)
    assert told == [
        nothing,
        ([("api_key:expiring", 30)], 1),
        nothing,
        ([("api_key:expiring", 7)], 1),
        ([("api_key:expiring", 1)], 1),
        nothing,
    ]


def test_of_warnings_that_were_missed_the_nearest_is_given():
    place = make_place()
    create(place, expires_at=now() + timedelta(days=90))
    later(place, 85)
    assert said(place) == ([("api_key:expiring", 7)], 1)


@pytest.mark.parametrize(("days", "next_one"), [(20, 7), (5, 1)])
def test_of_a_short_life_the_warnings_that_were_past_from_the_beginning_are_not_given(days, next_one):
    place = make_place()
    create(place, expires_at=now() + timedelta(days=days))
    assert said(place) == ([], 0)
    later(place, days - next_one + 0.5)
    assert said(place) == ([("api_key:expiring", next_one)], 1)


def test_it_tells_of_each_year_of_age_once():
    place = make_place()
    create(place)
    told = []
    for days in (364, 2, 300, 70):
        later(place, days)
        told.append(said(place))
        assert said(place) == ([], 0)
    nothing = (list[tuple[str, int]](), 0)
    assert told == [nothing, ([("api_key:aged", 1)], 1), nothing, ([("api_key:aged", 2)], 1)]


def test_of_keys_that_ended_or_were_replaced_nobody_is_told():
    place = make_place()
    ends = now() + timedelta(days=60)
    revoked, rotated, expired = (create(place, expires_at=ends) for _ in range(3))
    with tenant(place.id):
        actions.revoke_api_key(actor=place.actor(), key_id=revoked.key.id)
        actions.rotate_api_key(actor=place.actor(), key_id=rotated.key.id, grace_hours=168)
        ApiKey.objects.filter(pk=expired.key.pk).update(expires_at=now())
        successor = ApiKey.objects.exclude(pk__in=[revoked.key.pk, rotated.key.pk, expired.key.pk])
        ApiKey.objects.exclude(pk__in=successor).update(created_at=now() - timedelta(days=800))
    assert said(place) == ([], 0)


def test_the_maker_is_mailed_with_the_name_the_hint_and_the_way_there_and_never_the_key():
    place = make_place()
    developer = make_member(place, Role.DEVELOPER)
    made = create(place, place.actor(Role.DEVELOPER, developer), expires_at=now() + timedelta(days=40))
    later(place, 15)
    [letter] = look(place)[1]
    assert letter.to == [developer.email]
    assert letter.subject == f"HQ: API key backup ends within 30 days ({place.organization.name})"
    assert f"hd_live_…{made.secret[-4:]}" in letter.body
    assert f"/o/{place.slug}/live/api-keys/{made.key.id}/rotate" in letter.body
    assert made.secret not in letter.body
    assert made.secret[8:12] not in letter.body


@pytest.mark.parametrize("gone", [False, True])
def test_of_keys_of_machines_and_of_people_who_left_owners_and_admins_are_told(gone):
    place = make_place()
    admin, developer = make_member(place, Role.ADMIN), make_member(place, Role.DEVELOPER)
    with tenant(place.id):
        account = None if gone else actions.create_service_account(actor=place.actor(), name="machine").id
    create(place, place.actor(), expires_at=now() + timedelta(days=40), service_account_id=account)
    if gone:
        with tenant(place.id):
            ApiKey.objects.update(created_by=developer)
            Membership.objects.filter(user=developer).delete()
    later(place, 15)
    assert sorted(letter.to[0] for letter in look(place)[1]) == sorted([admin.email, place.owner.email])


def test_of_an_organization_that_is_shut_nobody_is_told():
    place = make_place()
    create(place, expires_at=now() + timedelta(days=40))
    later(place, 15)
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(state=Organization.State.SUSPENDED)
    assert said(place) == ([], 0)


def test_without_the_organization_s_key_it_is_told_once_that_is_back():
    """Nothing can be recorded meanwhile; and no look leaves a job that gave up."""
    place = make_place()
    create(place, expires_at=now() + timedelta(days=40))
    later(place, 15)
    with tenant(place.id):
        rows = DataKey.objects.filter(organization_id=place.id, purpose="audit")
        wrapped = {row.pk: bytes(row.wrapped or b"") for row in rows}
        for key, was in wrapped.items():
            DataKey.objects.filter(pk=key).update(wrapped=was[::-1])
    rings.forget(place.id)
    assert said(place) == ([], 0)
    with tenant(place.id):
        job = Job.objects.get(kind="tenants.tell_of_keys")
        assert (job.state, job.attempts, job.run_at > now() + timedelta(minutes=50)) == ("QUEUED", 0, True)
        for key, was in wrapped.items():
            DataKey.objects.filter(pk=key).update(wrapped=was)
        Job.objects.filter(pk=job.pk).update(run_at=now())
    rings.forget(place.id)
    assert said(place) == ([("api_key:expiring", 30)], 1)


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_at_once_one_tells():
    place = make_place()
    for _ in range(3):
        made = create(place, expires_at=now() + timedelta(days=40))
        later(place, 15)
        run_jobs()
        mail.outbox.clear()
        with tenant(place.id):
            before = AuditEvent.objects.filter(tag="api_key:expiring").count()

        def tell(key_id):
            with tenant(place.id):
                actions.tell_of_key(place.id, key_id)

        at_once(partial(tell, made.key.id), partial(tell, made.key.id))
        run_jobs()
        with tenant(place.id):
            assert AuditEvent.objects.filter(tag="api_key:expiring").count() == before + 1
            ApiKey.objects.all().delete()
        assert len(mail.outbox) == 1


# ---- a new network


def come_from(place, made, network):
    with tenant(place.id):
        ApiKeyNetwork.objects.create(organization_id=place.id, key_id=made.key.id, network=network)
        actions.note_new_network(replace(place.actor(), kind="api_key", id=made.key.id), network)


def new_networks(place):
    with tenant(place.id):
        rows = AuditEvent.objects.filter(tag="api_key:new_network").order_by("index")
        return [event.detail["after"]["network"] for event in rows]


def test_the_first_network_of_all_is_nothing_to_tell_of():
    place = make_place()
    made = create(place)
    come_from(place, made, "192.0.2.0/24")
    run_jobs()
    assert (new_networks(place), len(mail.outbox)) == ([], 0)


def test_each_further_one_is_recorded_as_hq_with_where_from_and_mailed_once_a_day():
    place = make_place()
    made = create(place)
    for network in ("192.0.2.0/24", "198.51.100.0/24", "2001:db8::/48"):
        come_from(place, made, network)
    run_jobs()
    assert new_networks(place) == ["198.51.100.0/24", "2001:db8::/48"]
    with tenant(place.id):
        event = AuditEvent.objects.filter(tag="api_key:new_network")[0]
        assert (event.actor_kind, event.ip, event.target_id) == ("system", ORIGIN.ip, str(made.key.id))
    [letter] = mail.outbox
    assert "198.51.100.0/24" in letter.body
    assert letter.to == [place.owner.email]
    mail.outbox.clear()
    with tenant(place.id):
        ApiKeyNetwork.objects.update(first_at=now() - timedelta(days=2))
        ApiKeyNetwork.objects.filter(network="192.0.2.0/24").update(first_at=now() - timedelta(days=3))
    come_from(place, made, "203.0.112.0/24")
    run_jobs()
    assert len(mail.outbox) == 1


def test_nothing_is_mailed_if_what_it_would_tell_of_is_undone():
    place = make_place()
    made = create(place)
    come_from(place, made, "192.0.2.0/24")
    with tenant(place.id):
        come_from(place, made, "198.51.100.0/24")
        transaction.set_rollback(True)
    run_jobs()
    assert (new_networks(place), mail.outbox) == ([], [])


# ---- what is kept


def test_what_was_counted_is_forgotten_after_four_hundred_days():
    place = make_place()
    made = create(place)
    with tenant(place.id):
        for days in (0, 399, 401):
            on = (now() - timedelta(days=days)).date()
            ApiKeyDay.objects.create(organization_id=place.id, key_id=made.key.id, on=on, requests=1)
    sweep()
    run_jobs()
    with tenant(place.id):
        kept = sorted((now().date() - row.on).days for row in ApiKeyDay.objects.all())
    assert kept == [0, 399]
