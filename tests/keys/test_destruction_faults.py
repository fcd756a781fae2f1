"""Destroying keys while something else goes wrong: what is true at the end, and what a person can still do."""

import json
from datetime import timedelta

import pytest

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.lib.clock import now
from hq.lib.ids import new_id
from jobs.models import Job
from keys import actions, rings, selectors
from keys.actions import upkeep
from keys.models import Cmk, DataKey, Destruction, Statement
from keys.providers import Gone, KeyState, provider
from keys.providers.embedded import EmbeddedProvider, _destroy
from tests.factories import make_member, make_place, run_jobs
from tests.keys.conftest import provisioner
from tests.keys.support import plant
from tests.keys.test_destroy_key import ask, in_use, newest, pass_days, scheduled

__all__ = ["pass_days"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def second(place):
    return place.actor(Role.ADMIN, make_member(place, Role.ADMIN, email="second@example.com"))


@pytest.fixture
def former(place) -> Cmk:
    """A CMK of before, which wraps nothing any more."""
    ref = provider("embedded").create_key({"hq:organization": str(place.id)})
    with tenant(place.id):
        return Cmk.objects.create(organization_id=place.id, provider="embedded", ref=ref, retired_at=now())


@pytest.fixture
def own(place) -> Cmk:
    """As if the CMK in use was the organization's own."""
    plant(place.id, "keys_cmk", customer_owned=True)
    return in_use(place)


def at_provider(cmk) -> KeyState:
    return provider("embedded").describe_key(cmk.ref).state


def file_of(cmk):
    return EmbeddedProvider.from_settings()._store._path(cmk.ref)


def destroy_now(cmk) -> None:
    keeper = EmbeddedProvider.from_settings()
    document = keeper._store.read(cmk.ref, keeper._root())
    _destroy(document)
    keeper._store.write(document | {"state": KeyState.DESTROYED}, keeper._root())


class TestCancelling:
    def test_when_one_key_is_gone_the_others_go_as_certified(self, place, second, former, pass_days):
        wish = scheduled(place, second, days=7)
        destroy_now(in_use(place))
        with pytest.raises(actions.TooLate):
            actions.cancel_destruction(actor=second, destruction_id=wish.id)
        assert at_provider(former) == KeyState.PENDING_DELETION
        pass_days(place, 8)
        assert newest(place).state == Destruction.State.DONE

    def test_a_mere_wish_enables_no_key_that_somebody_else_disabled(self, place):
        wish = ask(place)
        provider("embedded").disable_key(in_use(place).ref)
        actions.cancel_destruction(actor=place.actor(), destruction_id=wish.id)
        assert at_provider(in_use(place)) == KeyState.DISABLED

    def test_while_the_customer_has_disabled_their_key(self, place, second, own):
        wish = scheduled(place, second, days=7)
        provider("embedded").disable_key(own.ref)
        actions.cancel_destruction(actor=second, destruction_id=wish.id)
        with tenant(PLATFORM_ID):
            event = AuditEvent.objects.filter(tag="key:destruction_cancelled").latest("index")
            assert event.detail["after"]["organization"] == str(place.id)
        provider("embedded").enable_key(own.ref)
        assert selectors.content_key(place.id).version == 1


class TestAsking:
    def test_while_the_customers_key_cannot_be_used(self, place, second, own):
        provider("embedded").disable_key(own.ref)
        rings.forget()
        assert scheduled(place, second, days=7).state == Destruction.State.SCHEDULED

    @pytest.mark.parametrize("whole_first", [True, False])
    def test_not_for_one_key_and_for_all_at_once(self, place, former, whole_first):
        def of_all():
            ask(place)

        def of_one():
            actions.request_destruction(actor=place.actor(), key_id=former.id, days=7, reason="Moved")

        first, then = (of_all, of_one) if whole_first else (of_one, of_all)
        first()
        with pytest.raises(actions.Overlapping):
            then()

    def test_for_two_former_keys_at_once(self, place, former):
        ref = provider("embedded").create_key({"hq:organization": str(place.id)})
        with tenant(place.id):
            other = Cmk.objects.create(organization_id=place.id, provider="embedded", ref=ref, retired_at=now())
        for cmk in (former, other):
            actions.request_destruction(actor=place.actor(), key_id=cmk.id, days=7, reason="Moved")


class TestTheEnd:
    def test_a_key_that_is_only_out_of_sight_is_not_certified_as_destroyed(self, place, second, pass_days):
        scheduled(place, second, days=7)
        path = file_of(in_use(place))
        aside = path.with_suffix(".aside")
        path.rename(aside)
        pass_days(place, 8)
        with tenant(place.id):
            assert DataKey.objects.exclude(wrapped=None).exists()
        assert newest(place).state == Destruction.State.SCHEDULED
        aside.rename(path)
        pass_days(place, 8.1)
        assert newest(place).state == Destruction.State.DONE

    def test_a_damaged_file_of_another_does_not_keep_it(self, place, second, pass_days):
        scheduled(place, second, days=7)
        path = file_of(in_use(make_place()))
        whole = path.read_bytes()
        path.write_bytes(whole[:-5])
        try:
            pass_days(place, 8)
        finally:
            path.write_bytes(whole)
        assert newest(place).state == Destruction.State.DONE

    def test_without_the_key_store_the_rest_is_looked_after(self, place, settings, tmp_path):
        settings.ROOT_KEY_FILE = tmp_path / "absent"
        with tenant(place.id):
            Cmk.objects.update(rotated_at=now() - timedelta(days=367))
        upkeep.find_work()
        with tenant(place.id):
            assert Job.objects.filter(organization_id=place.id, kind="keys.say_overdue").exists()

    def test_the_certificate_says_when_it_was_due(self, place, second, pass_days):
        wish = scheduled(place, second, days=7)
        pass_days(place, 8)
        with tenant(place.id):
            body = json.loads(Statement.objects.get().file)["statement"]
        assert body["scheduled_at"][:19] == f"{wish.due_at:%Y-%m-%dT%H:%M:%S}"

    def test_an_agreement_that_was_cut_off_long_ago_is_certified_when_it_is_repeated(
        self, place, second, pass_days, monkeypatch
    ):
        wish = ask(place, days=7)
        with monkeypatch.context() as patch:
            patch.setattr(Destruction, "save", lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                actions.approve_destruction(actor=second, destruction_id=wish.id)
        pass_days(place, 8)
        assert at_provider(in_use(place)) == KeyState.DESTROYED
        actions.approve_destruction(actor=second, destruction_id=wish.id)
        pass_days(place, 16)
        assert newest(place).state == Destruction.State.DONE

    def test_no_key_is_wrapped_after_the_certificate(self, place, second, own, pass_days):
        scheduled(place, second, days=7)
        pass_days(place, 8)
        with pytest.raises(Gone):
            actions.provision_environment_keys(actor=provisioner(place.id), environment_id=new_id())

    def test_one_that_its_provider_still_has_does_not_keep_the_next(self, place, second, former, pass_days):
        ref = provider("embedded").create_key({"hq:organization": str(place.id)})
        with tenant(place.id):
            other = Cmk.objects.create(organization_id=place.id, provider="embedded", ref=ref, retired_at=now())
        for cmk in (former, other):
            wish = actions.request_destruction(actor=place.actor(), key_id=cmk.id, days=7, reason="Moved")
            actions.approve_destruction(actor=second, destruction_id=wish.id)
        provider("embedded").cancel_deletion(former.ref)
        pass_days(place, 8)
        with tenant(place.id):
            states = dict(Destruction.objects.values_list("cmk_id", "state"))
        assert states == {former.id: Destruction.State.SCHEDULED, other.id: Destruction.State.DONE}


class TestMovingMeanwhile:
    def test_no_way_back_from_a_key_that_is_to_be_destroyed(self, place, second, own, monkeypatch):
        scheduled(place, second, days=7)
        monkeypatch.setattr(rings, "REFUSALS", {})  # as another process, which has its rings from before
        with pytest.raises(actions.KeyNotActive):
            actions.return_key(actor=place.actor())

    def test_no_key_is_made_for_a_way_back_that_is_refused(self, place, own):
        with tenant(place.id):
            actions.rotate_key(actor=place.actor(), key_id=own.id)
        before = EmbeddedProvider.from_settings()._store.refs()
        with pytest.raises(actions.RotationUnderWay):
            actions.return_key(actor=place.actor())
        assert EmbeddedProvider.from_settings()._store.refs() == before


def test_the_yearly_rotation_of_a_disabled_key_leaves_no_dead_jobs(place, own):
    with tenant(place.id):
        Cmk.objects.update(rotated_at=now() - timedelta(days=367))
    provider("embedded").disable_key(own.ref)
    rings.forget()
    upkeep.find_work()
    run_jobs()
    with tenant(place.id):
        job = Job.objects.get(organization_id=place.id, kind="keys.rotate_yearly")
        assert (job.state, job.error) == (Job.State.DONE, "")
        assert in_use(place).overdue_at is not None
