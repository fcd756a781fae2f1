"""Destroying a key: asked for, agreed to, waited for, called off, carried out and certified (KEY-4, KEY-11)."""

import json
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, ProgrammingError

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.crypto import statements
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.db.sealing import KeyUnavailable
from hq.lib.clock import now
from hq.lib.errors import Denied, NotFound
from jobs.models import Job
from keys import actions, rings, selectors
from keys.actions import destruction_end, upkeep
from keys.models import Cmk, DataKey, Destruction, SigningKey, Statement
from keys.providers import embedded
from tenants.models import Membership
from tests.factories import make_member, make_place, run_jobs
from tests.keys.support import plant, rotate, statement_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def second(place):
    return place.actor(Role.ADMIN, make_member(place, Role.ADMIN, email="second@example.com"))


def in_use(place) -> Cmk:
    with tenant(place.id):
        return Cmk.objects.get(organization_id=place.id, retired_at=None)


def ask(place, days=30, erase=True) -> Destruction:
    return actions.request_destruction(
        actor=place.actor(), key_id=in_use(place).id, days=days, reason="We leave", erase=erase
    )


def scheduled(place, second, **options) -> Destruction:
    return actions.approve_destruction(actor=second, destruction_id=ask(place, **options).id)


@pytest.fixture
def pass_days(monkeypatch):
    """Let days pass for the key store and for what is due."""

    def move(place, days, looked=True):
        later = now() + timedelta(days=days)
        monkeypatch.setattr(embedded, "now", lambda: later)
        monkeypatch.setattr(embedded.EmbeddedProvider.__init__, "__kwdefaults__", {"clock": lambda: later})
        monkeypatch.setattr("keys.actions.destruction_end.now", lambda: later)
        monkeypatch.setattr(upkeep, "now", lambda: later)
        keeper = embedded.EmbeddedProvider.from_settings()
        with keeper._store.lock():
            keeper._store.see(later, keeper._root())  # as HQ does every ten minutes
        if looked:
            with tenant(place.id):
                Destruction.objects.update(looked_at=later)  # and every hour
        upkeep.find_work()
        for _ in range(3):
            with tenant(place.id):
                Job.objects.filter(organization_id=place.id, state="QUEUED").update(run_at=now())
            run_jobs()

    return move


def rows_of(place) -> list[Any]:
    with tenant(place.id):
        return list(DataKey.objects.all())


def newest(place) -> Destruction:
    with tenant(place.id):
        return Destruction.objects.select_related("cmk").latest("id")


class TestAsking:
    def test_nothing_changes_until_somebody_else_agrees(self, place):
        wish = ask(place)
        assert (wish.state, in_use(place).state) == (Destruction.State.REQUESTED, "ENABLED")
        assert selectors.content_key(place.id).version == 1

    def test_it_is_refused_while_live_data_needs_the_key(self, place):
        with pytest.raises(actions.StillNeeded):
            ask(place, erase=False)

    @pytest.mark.parametrize("days", [0, 6, 31])
    def test_it_waits_7_to_30_days(self, place, days):
        with pytest.raises(actions.InvalidWait):
            ask(place, days=days)

    def test_an_admin_may_not_ask(self, place):
        with pytest.raises(Denied):
            actions.request_destruction(
                actor=place.actor(Role.ADMIN), key_id=in_use(place).id, days=30, reason="", erase=True
            )

    def test_once(self, place):
        ask(place)
        with pytest.raises(actions.AlreadyAsked):
            ask(place)

    def test_not_while_a_rotation_is_under_way(self, place):
        with tenant(place.id):
            actions.rotate_key(actor=place.actor(), key_id=in_use(place).id)
        with pytest.raises(actions.RotationUnderWay):
            ask(place)

    def test_another_organizations_is_not_there(self, place):
        other = make_place()
        with pytest.raises(NotFound):
            actions.request_destruction(actor=place.actor(), key_id=in_use(other).id, days=30, reason="", erase=True)
        wish = ask(other)
        for verb in (actions.approve_destruction, actions.cancel_destruction):
            with pytest.raises(NotFound):
                verb(actor=place.actor(), destruction_id=wish.id)

    def test_it_lists_what_becomes_unreadable(self, place):
        titles = {line["what"] for line in ask(place).listing}
        assert {"Audit events", "Invitations"} <= titles


class TestAgreeing:
    def test_who_asked_cannot_agree(self, place):
        with pytest.raises(actions.SecondPerson):
            actions.approve_destruction(actor=place.actor(), destruction_id=ask(place).id)

    @pytest.mark.parametrize("role", [Role.ANALYST, Role.AUDITOR, Role.DEVELOPER])
    def test_other_roles_cannot(self, place, role):
        wish = ask(place)
        person = make_member(place, role)
        with pytest.raises(Denied):
            actions.approve_destruction(actor=place.actor(role, person), destruction_id=wish.id)

    def test_from_then_on_nothing_opens(self, place, second):
        wish = scheduled(place, second)
        assert wish.state == Destruction.State.SCHEDULED
        assert wish.due_at is not None
        assert abs(wish.due_at - now() - timedelta(days=30)) < timedelta(minutes=1)
        with pytest.raises(KeyUnavailable, match="scheduled for deletion"):
            selectors.content_key(place.id)

    def test_not_twice(self, place, second):
        wish = scheduled(place, second)
        with pytest.raises(actions.NotOpen):
            actions.approve_destruction(actor=second, destruction_id=wish.id)

    def test_cut_off_after_the_provider_was_told_it_can_be_repeated(self, place, second, monkeypatch):
        wish = ask(place)
        with monkeypatch.context() as patch:
            patch.setattr(Destruction, "save", lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                actions.approve_destruction(actor=second, destruction_id=wish.id)
        rings.forget()
        with pytest.raises(KeyUnavailable):  # the provider already refuses
            selectors.content_key(place.id)
        actions.cancel_destruction(actor=second, destruction_id=wish.id)
        assert selectors.content_key(place.id).version == 1

    def test_somebody_who_joined_after_it_was_asked_for_cannot(self, place):
        wish = ask(place)
        late = place.actor(Role.ADMIN, make_member(place, Role.ADMIN))
        with pytest.raises(actions.TooNew):
            actions.approve_destruction(actor=late, destruction_id=wish.id)

    def test_nor_anybody_once_who_asked_is_no_owner_any_more(self, place, second):
        wish = ask(place)
        with tenant(place.id):
            Membership.objects.filter(user=place.owner).update(role=Role.ADMIN)
        with pytest.raises(actions.AskedBySomebodyGone):
            actions.approve_destruction(actor=second, destruction_id=wish.id)

    def test_not_while_a_rotation_is_under_way(self, place, second):
        wish = ask(place)
        with tenant(place.id):
            actions.rotate_key(actor=place.actor(), key_id=in_use(place).id)
        with pytest.raises(actions.RotationUnderWay):
            actions.approve_destruction(actor=second, destruction_id=wish.id)

    def test_what_was_agreed_does_not_change_in_the_database_either(self, place, second):
        wish = scheduled(place, second)
        for change in (
            {"approved_by_id": place.owner.pk},
            {"due_at": now()},
        ):
            with pytest.raises(IntegrityError, match="does not go back"), tenant(place.id):
                Destruction.objects.filter(id=wish.id).update(**change)
        for change in ({"requested_by_id": second.id}, {"days": 7}, {"erases": False}):
            with pytest.raises(ProgrammingError, match="permission denied"), tenant(place.id):
                Destruction.objects.filter(id=wish.id).update(**change)


class TestCancelling:
    def test_everything_opens_again_at_once(self, place, second):
        wish = scheduled(place, second)
        actions.cancel_destruction(actor=place.actor(), destruction_id=wish.id)
        assert selectors.content_key(place.id).version == 1
        with tenant(place.id):
            tags = list(
                AuditEvent.objects.filter(tag__startswith="key:").order_by("index").values_list("tag", flat=True)
            )
        assert tags == ["key:destruction_requested", "key:destruction_approved", "key:destruction_cancelled"]

    def test_not_when_it_is_over(self, place, second, pass_days):
        wish = scheduled(place, second, days=7)
        pass_days(place, 8)
        with pytest.raises(actions.NotOpen):
            actions.cancel_destruction(actor=place.actor(), destruction_id=wish.id)


class TestTheEnd:
    def test_it_comes_when_due_and_not_before(self, place, second, pass_days):
        scheduled(place, second, days=7)
        pass_days(place, 6.9)
        assert newest(place).state == Destruction.State.SCHEDULED
        pass_days(place, 7.1)
        assert (newest(place).state, in_use(place).state) == (Destruction.State.DONE, "DESTROYED")

    def test_the_certificate_names_keys_counts_times_and_chain_and_what_it_cannot_cover(self, place, second, pass_days):
        with tenant(place.id):
            fingerprints = {bytes(row.fingerprint).hex() for row in DataKey.objects.all()}
        scheduled(place, second, days=7)
        with tenant(place.id):
            last = AuditEvent.objects.filter(environment_id=place.live_id).latest("index")
        pass_days(place, 8)
        wish = newest(place)
        statement = statement_of(wish)
        public = bytes(SigningKey.objects.get(kid=statement.kid).public)
        opened = statements.open_file(statement.file.encode(), public)
        assert opened["type"] == "hq/deletion-certificate"
        assert opened["organization"] == {"id": str(place.id), "name": place.organization.name}
        assert opened["requested"]["by"] == str(place.owner.pk)
        assert opened["approved"]["by"] == str(second.id)
        key = opened["keys"][0]
        assert key["cmk"] == wish.cmk.ref
        assert {row["fingerprint"] for row in key["data_keys"]} == fingerprints
        assert {"environment": str(place.live_id), "index": last.index, "hash": bytes(last.hash).hex()} in opened[
            "chain"
        ]
        assert any(line["rows"] for line in opened["counts"])
        assert any("took out" in sentence for sentence in opened["does_not_cover"])

    def test_what_was_wrapped_is_thrown_away(self, place, second, pass_days):
        scheduled(place, second, days=7)
        pass_days(place, 8)
        with tenant(place.id):
            assert set(DataKey.objects.values_list("wrapped", flat=True)) == {None}
        with pytest.raises(KeyUnavailable, match="destroyed"):
            selectors.content_key(place.id)

    def test_the_deployments_trail_has_it_as_the_organizations_own_is_shut(self, place, second, pass_days):
        scheduled(place, second, days=7)
        pass_days(place, 8)
        with tenant(PLATFORM_ID):
            event = AuditEvent.objects.filter(tag="key:destroyed").latest("index")
            assert event.detail["after"]["organization"] == str(place.id)

    def test_its_keepers_get_the_certificate_by_mail(self, place, second, pass_days, mailoutbox):
        scheduled(place, second, days=7)
        pass_days(place, 8)
        last = [message for message in mail.outbox if "is destroyed" in message.subject]
        assert {message.to[0] for message in last} == {place.owner.email, "second@example.com"}
        _, content, kind = last[0].attachments[0]
        assert kind == "application/json"
        with tenant(place.id):
            assert content == Statement.objects.get().file

    def test_they_are_reminded_as_it_nears(self, place, second, pass_days, mailoutbox):
        scheduled(place, second, days=7)
        mail.outbox.clear()
        pass_days(place, 4.5)
        pass_days(place, 4.6)
        pass_days(place, 6.5)
        subjects = [message.subject for message in mail.outbox if message.to == [place.owner.email]]
        assert [subject.partition(" until")[0] for subject in subjects] == ["HQ: 3 days", "HQ: 1 day"]

    def test_a_clock_that_leapt_ends_nothing_of_a_customers_own_key_either(self, place, second, pass_days):
        plant(place.id, "keys_cmk", customer_owned=True)
        wish = scheduled(place, second, days=7)
        with tenant(place.id):
            Destruction.objects.update(looked_at=now())
        pass_days(place, 8, looked=False)
        assert newest(place).state == Destruction.State.SCHEDULED
        assert str(newest(place).due_at) > str(wish.due_at)
        with tenant(place.id):
            assert None not in set(DataKey.objects.values_list("wrapped", flat=True))

    def test_of_very_many_data_keys_the_newest_are_named_and_a_digest_stands_for_all(
        self, place, second, pass_days, monkeypatch
    ):
        monkeypatch.setattr(destruction_end, "NAMED_DATA_KEYS", 4)
        everything = {bytes(row.fingerprint) for row in rows_of(place)}
        scheduled(place, second, days=7)
        pass_days(place, 8)
        key = json.loads(statement_of(newest(place)).file)["statement"]["keys"][0]
        assert (len(key["data_keys"]), key["data_keys_total"]) == (4, 6)
        assert key["fingerprints_digest"] == sha256(b"".join(sorted(everything))).hexdigest()

    def test_another_organization_is_untouched(self, place, second, pass_days):
        other = make_place()
        rotate(other)
        scheduled(place, second, days=7)
        pass_days(place, 8)
        rings.forget()
        assert selectors.content_key(other.id).version == 2
