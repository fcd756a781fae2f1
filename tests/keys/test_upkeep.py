"""What happens to keys without anybody asking (KEY-2)."""

from datetime import timedelta

import pytest
from django.core import mail

from audit.models import AuditEvent
from hq.db import lookups, sealing
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.db.sealing import Purpose
from hq.lib.clock import now
from hq.lib.ids import new_id
from jobs.models import Job
from keys import actions, rings, selectors, tasks
from keys.actions import signing, upkeep
from keys.models import Cmk, DataKey, Holding, Rotation, SigningKey
from tenants.models import User
from tests.factories import make_place, run_jobs
from tests.keys.support import settle

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    return make_place()


def aged(place, days) -> None:
    with tenant(place.id):
        Cmk.objects.update(rotated_at=now() - timedelta(days=days))


def wanted(place) -> set[str]:
    rows = lookups.call("keys_attention", now(), upkeep.MOST_USES)
    return {row["what"] for row in rows if row["organization_id"] == place.id}


class TestYearlyRotation:
    def test_it_starts_by_itself_before_the_year_is_over(self, place):
        aged(place, 365)
        actions.find_work()
        run_jobs()
        rotation = settle(place.id)
        assert (rotation.state, rotation.scheduled, rotation.to_version) == ("DONE", True, 2)
        assert "rotate" not in wanted(place)

    def test_not_much_before(self, place):
        aged(place, 350)
        assert "rotate" not in wanted(place)

    def test_organizations_do_not_all_come_on_one_day(self):
        organizations = {new_id() for _ in range(40)}
        for each in organizations:
            with tenant(each):
                halfway = now() - timedelta(days=358)  # through the fortnight before a year is over
                Cmk.objects.create(organization_id=each, provider="embedded", ref=str(each), rotated_at=halfway)
        rows = lookups.call("keys_attention", now(), upkeep.MOST_USES)
        come = organizations & {row["organization_id"] for row in rows if row["what"] == "rotate"}
        assert 0 < len(come) < len(organizations)

    def test_one_that_is_under_way_is_enough(self, place):
        aged(place, 365)
        with tenant(place.id):
            actions.rotate_key(actor=place.actor(), key_id=Cmk.objects.get().id)
        actions.find_work()
        run_jobs()
        with tenant(place.id):
            assert Rotation.objects.count() == 1

    def test_the_deployments_own_key_rotates_too(self, place):
        name = place.owner.name
        with tenant(PLATFORM_ID):
            Cmk.objects.update(rotated_at=now() - timedelta(days=365))
        actions.find_work()
        run_jobs()
        assert settle(PLATFORM_ID).state == "DONE"
        rings.forget()
        assert User.objects.get(pk=place.owner.pk).name == name
        assert SigningKey.objects.get(retired_at=None).seed


class TestOverdue:
    def test_it_is_said_once_in_the_trail_and_by_mail(self, place, mailoutbox):
        aged(place, 367)
        for _ in range(2):
            with tenant(place.id):
                upkeep.say_overdue(place.id)
        with tenant(place.id):
            assert AuditEvent.objects.filter(tag="key:rotation_overdue").count() == 1
        assert [message.to for message in mail.outbox] == [[place.owner.email]]
        assert "overdue" not in wanted(place)

    def test_the_sweep_finds_it(self, place):
        aged(place, 367)
        assert "overdue" in wanted(place)
        aged(place, 365)
        assert "overdue" not in wanted(place)


class TestUses:
    def test_encryptions_are_counted_for_each_data_key(self, place):
        with tenant(place.id):
            before = DataKey.objects.get(purpose=Purpose.AUDIT).uses
        rings.cache.report()
        with tenant(place.id):
            key = DataKey.objects.get(purpose=Purpose.AUDIT)
        assert key.uses > before
        assert key.last_used_at is not None
        assert now() - key.last_used_at < timedelta(minutes=1)

    def test_files_and_tokens_count_too_and_opening_them_does_not(self, place):
        rings.cache.report()
        for _ in range(3):
            selectors.content_key(place.id)
            selectors.content_key(place.id, 1)
        selectors.capability_key(place.id, place.live_id)
        rings.cache.report()
        with tenant(place.id):
            uses = {(key.purpose, key.environment_id): key.uses for key in DataKey.objects.all()}
        assert (uses["content", None], uses["capability", place.live_id]) == (3, 1)

    def test_for_whom_it_was_is_known(self, place):
        rings.forget()
        rings.cache.report()
        who = new_id()
        with sealing.on_behalf_of("api_key", who):
            selectors.content_key(place.id)
        rings.cache.ring(place.id, Purpose.CONTENT)
        rings.cache.report()
        with tenant(place.id):
            key = DataKey.objects.get(purpose=Purpose.CONTENT)
        assert (key.last_used_by_kind, key.last_used_by_id) == ("api_key", who)

    def test_what_cannot_be_put_down_is_kept(self, place, monkeypatch):
        rings.cache.report()
        selectors.content_key(place.id)
        selectors.content_key(place.id)
        with monkeypatch.context() as patch:
            patch.setattr(rings.cache, "_report", lambda _uses: 1 / 0)
            rings.cache.report()
        rings.cache.report()
        with tenant(place.id):
            assert DataKey.objects.get(purpose=Purpose.CONTENT).last_used_at is not None

    def test_a_worn_data_key_gets_a_new_version_by_itself(self, place):
        with tenant(place.id):
            DataKey.objects.filter(purpose=Purpose.METADATA).update(uses=upkeep.MOST_USES)
        assert "renew" in wanted(place)
        actions.find_work()
        run_jobs()
        with tenant(place.id):
            current = DataKey.objects.get(purpose=Purpose.METADATA, retired_at=None)
            versions = DataKey.objects.filter(purpose=Purpose.METADATA).count()
        assert (current.version, current.uses, versions) == (2, 0, 2)
        assert "renew" not in wanted(place)
        assert rings.cache.ring(place.id, Purpose.METADATA).current == 2

    def test_the_bound_is_well_under_what_random_nonces_allow(self):
        assert upkeep.MOST_USES <= 2**32 / 16


class TestCounting:
    def test_what_is_held_is_counted_daily(self, place):
        assert "count" in wanted(place)
        actions.find_work()
        run_jobs()
        with tenant(place.id):
            held = {row.holder: row.rows for row in Holding.objects.all()}
        assert held["audit_auditevent.audit"] > 0
        assert "count" not in wanted(place)
        with tenant(place.id):
            Holding.objects.update(counted_at=now() - timedelta(days=2))
        assert "count" in wanted(place)


class TestSigningKey:
    def test_a_year_old_one_is_followed_by_another_and_its_seed_is_gone(self, place):
        first = actions.ensure_signing_key()
        assert actions.renew_signing_key() == first
        later = now() + timedelta(days=366)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(signing, "now", lambda: later)
            second = actions.renew_signing_key()
        old = SigningKey.objects.get(pk=first.pk)
        assert (old.seed, old.public is not None, second.kid == old.kid) == (None, True, False)
        assert actions.ensure_signing_key() == second


def test_the_sweep_puts_in_each_piece_of_work_once(place):
    aged(place, 400)
    tasks.sweep()
    tasks.sweep()
    with tenant(place.id):
        kinds = list(Job.objects.filter(state="QUEUED").values_list("kind", flat=True))
    assert sorted(kinds) == ["keys.count", "keys.rotate_yearly", "keys.say_overdue"]
