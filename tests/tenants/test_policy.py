"""Changing what an organization asks of its people: what it may say, and who must still come in (ACC-5)."""

import time
from dataclasses import replace
from queue import Queue
from threading import Thread
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection

from audit.models import AuditEvent
from hq.authz.permissions import AuthMethod
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied
from tenants import registry
from tenants.actions.policy import PolicyChanged, PolicyRefused, change_policy, read_network, review_policy
from tenants.models import Organization, User
from tenants.selectors import Facts
from tenants.selectors.policy import get_policy
from tests.factories import make_member, make_place, sign_in
from tests.factors import PASSWORD, SoftKey, add_app, add_key, clock

__all__ = ["clock"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sso(monkeypatch):
    """A connection that is active and tested, as the room above says it."""
    monkeypatch.setattr(registry, "_addresses", [lambda _: "/sso/start"])


def policy_of(place):
    with tenant(place.id):
        return get_policy(place.actor())


def facts(place, person=None, **more):
    who, at = person or place.owner, int(time.time())
    known = Facts(
        person_id=who.pk,
        email=who.email,
        at=at,
        ip="203.0.113.7",
        signed_in_at=at,
        seen_at=None,
        factors={},
        sso=False,
        sso_mfa=False,
    )
    return replace(known, **more)


def change(place, actor=None, session=None, reviewed=None, **wanted):
    now = policy_of(place)
    with tenant(place.id):
        return change_policy(
            actor=actor or place.actor(),
            reviewed=reviewed or now,
            wanted=replace(now, **wanted),
            facts=session or facts(place),
        )


def faults(place, **wanted):
    with pytest.raises(PolicyRefused) as refused:
        change(place, **wanted)
    return refused.value.faults


def give_password(person):
    person.set_password(PASSWORD)
    person.save()


def test_a_change_holds_and_stands_in_the_trail_with_what_was_before(place):
    change(place, idle_minutes=30, networks=("203.0.113.0/24",))
    now = policy_of(place)
    assert (now.idle_minutes, now.networks, now.mfa_required) == (30, ("203.0.113.0/24",), False)
    with tenant(place.id):
        event = AuditEvent.objects.get(tag="policy:changed")
        assert event.environment_id == place.live_id
        assert event.detail["before"] == {"idle_minutes": None, "networks": []}
        assert event.detail["after"] == {"idle_minutes": 30, "networks": ["203.0.113.0/24"]}


def test_a_change_of_nothing_leaves_no_event(place):
    change(place)
    with tenant(place.id):
        assert not AuditEvent.objects.filter(tag="policy:changed").exists()


def test_only_owners_and_admins_who_signed_in_change_it(place):
    for role in set(Role) - {Role.OWNER, Role.ADMIN}:
        with pytest.raises(Denied):
            change(place, actor=place.actor(role), idle_minutes=30)
    for method in set(AuthMethod) - {AuthMethod.SESSION}:
        with pytest.raises(Denied):
            change(place, actor=replace(place.actor(), method=method), idle_minutes=30)
    change(place, actor=place.actor(Role.ADMIN), idle_minutes=30)


def test_what_was_not_reviewed_is_not_saved(place):
    reviewed = policy_of(place)
    change(place, lifetime_minutes=60)
    with pytest.raises(PolicyChanged):
        change(place, reviewed=reviewed, idle_minutes=30)
    assert (policy_of(place).idle_minutes, policy_of(place).lifetime_minutes) == (None, 60)


NONSENSE = [
    ("idle_minutes", 4), ("idle_minutes", 721), ("lifetime_minutes", 14), ("lifetime_minutes", 721),
    ("mfa_factors", ()), ("mfa_factors", ("totp", "sms")), ("reach", "anything"), ("support_by", "nobody"),
    ("networks", ("203.0.113.7/24",)), ("networks", ("203.0.113.0/24",) * 2), ("networks", ("home",)),
    ("networks", tuple(f"203.0.113.{number}/32" for number in range(51))),
    ("email_domains", ("Example.com",)), ("email_domains", ("com",)), ("email_domains", ("@example.com",)),
    ("break_glass_id", uuid4()),
]  # fmt: skip


def test_nonsense_is_refused_at_its_field(place):
    before = policy_of(place)
    for field, value in NONSENSE:
        assert set(faults(place, **{field: value})) == {field}, (field, value)
    assert policy_of(place) == before


def test_the_shortest_and_the_longest_are_accepted(place):
    change(place, idle_minutes=5, lifetime_minutes=15)
    change(place, idle_minutes=720, lifetime_minutes=720)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" 203.0.113.77/24 ", "203.0.113.0/24"), ("203.0.113.7", "203.0.113.7/32"),
        ("2001:DB8:0::/32", "2001:db8::/32"), ("2001:db8::1", "2001:db8::1/128"),
    ],
)  # fmt: skip
def test_a_network_has_one_spelling(typed, kept):
    assert read_network(typed) == kept


@pytest.mark.parametrize("typed", ["203.0.113", "203.0.113.0/33", "::ffff:203.0.113.0/120", "fe80::1%eth0", "x", "1"])
def test_what_is_no_network_is_none(typed):
    with pytest.raises(ValueError, match=r"Enter networks|another kind"):
        read_network(typed)


class TestNobodyLocksThemselvesOut:
    def test_by_networks_that_they_are_not_in(self, place):
        assert "203.0.113.7 now" in faults(place, networks=("198.51.100.0/24",))["networks"]
        assert set(faults(place, session=facts(place, ip=None), networks=("0.0.0.0/0",))) == {"networks"}

    def test_by_domains_that_they_have_no_address_at(self, place):
        assert place.owner.email in faults(place, email_domains=("alder.example",))["email_domains"]
        assert set(faults(place, email_domains=("ample.com",))) == {"email_domains"}
        change(place, email_domains=("alder.example", "example.com"))

    def test_an_admin_shuts_out_no_last_owner(self, place):
        admin = make_member(place, Role.ADMIN, "ada@alder.example")
        own = {"actor": place.actor(Role.ADMIN, admin), "session": facts(place, admin)}
        assert "No owner" in faults(place, email_domains=("alder.example",), **own)["email_domains"]
        make_member(place, Role.OWNER, "olga@alder.example")
        change(place, email_domains=("alder.example",), **own)

    def test_by_a_second_factor_that_they_do_not_have(self, place, clock):
        assert set(faults(place, mfa_required=True)) == {"mfa_required"}
        add_app(sign_in(place.owner), clock)
        assert set(faults(place, mfa_required=True, mfa_factors=("webauthn",))) == {"mfa_required"}
        change(place, mfa_required=True)

    def test_where_the_identity_providers_factor_counts_it_is_enough(self, place):
        by_provider = facts(place, sso=True, sso_mfa=True)
        change(place, session=by_provider, mfa_required=True, mfa_by_provider=True)

    def test_by_single_sign_on_that_they_never_used(self, place, sso):
        give_password(place.owner)
        admin = make_member(place, Role.ADMIN)
        who = {"actor": place.actor(Role.ADMIN, admin), "sso_required": True, "break_glass_id": place.owner.pk}
        assert set(faults(place, session=facts(place, admin), **who)) == {"sso_required"}
        change(place, session=facts(place, admin, sso=True), **who)
        with tenant(place.id):
            assert AuditEvent.objects.get(tag="policy:changed").detail["after"]["break_glass_id"] == place.owner.email

    def test_a_session_that_is_old_may_shorten_sessions(self, place):
        change(place, session=facts(place, signed_in_at=1), lifetime_minutes=15)


class TestTheOwnerWhoComesInWithoutSingleSignOn:
    @pytest.fixture(autouse=True)
    def _active(self, sso):
        pass

    def ask(self, place, person, **more):
        return faults(place, session=facts(place, sso=True), sso_required=True, break_glass_id=person, **more)

    def test_has_to_be_there(self, place):
        for nobody in (None, uuid4(), make_place().owner.pk):
            assert set(self.ask(place, nobody)) == {"break_glass_id"}

    def test_has_to_be_an_owner_who_is_active(self, place):
        admin = make_member(place, Role.ADMIN)
        give_password(admin)
        assert set(self.ask(place, admin.pk)) == {"break_glass_id"}
        other = make_member(place, Role.OWNER)
        give_password(other)
        User.objects.filter(pk=other.pk).update(is_active=False)
        assert set(self.ask(place, other.pk)) == {"break_glass_id"}

    def test_has_to_have_a_password_or_a_passkey(self, place, monkeypatch):
        other = make_member(place, Role.OWNER)
        assert "neither a password nor a passkey" in self.ask(place, other.pk)["break_glass_id"]
        answer = SoftKey._answer
        only_a_step = {"clientExtensionResults": {"credProps": {"rk": False}}}  # after a password, which they lack
        with monkeypatch.context() as patch:
            patch.setattr(SoftKey, "_answer", lambda self, response: answer(self, response) | only_a_step)
            add_key(sign_in(other), alone=False)
        assert Authenticator.objects.filter(user=other).exists()
        assert "neither a password nor a passkey" in self.ask(place, other.pk)["break_glass_id"]
        Authenticator.objects.filter(user=other).delete()
        add_key(sign_in(other))
        change(place, session=facts(place, sso=True), sso_required=True, break_glass_id=other.pk)

    def test_has_to_have_a_factor_that_counts(self, place, clock):
        add_app(sign_in(place.owner), clock)
        give_password(place.owner)
        more = {"mfa_required": True, "mfa_by_provider": True, "mfa_factors": ("webauthn",)}
        refused = self.ask(place, place.owner.pk, **more)
        assert "no second factor that counts" in refused["break_glass_id"]

    def test_has_to_have_an_allowed_address(self, place):
        other = make_member(place, Role.OWNER, "other@elsewhere.example")
        give_password(other)
        assert "allowed domain" in self.ask(place, other.pk, email_domains=("example.com",))["break_glass_id"]


def test_single_sign_on_that_is_not_there_is_not_required(place):
    give_password(place.owner)
    wanted = {"sso_required": True, "break_glass_id": place.owner.pk}
    assert "no active single sign-on" in faults(place, session=facts(place, sso=True), **wanted)["sso_required"]


def test_a_review_refuses_what_saving_would(place):
    wanted = replace(policy_of(place), networks=("198.51.100.0/24",))
    with tenant(place.id), pytest.raises(PolicyRefused):
        review_policy(actor=place.actor(), wanted=wanted, facts=facts(place))


def test_of_two_who_save_at_once_the_second_is_refused(place):
    reviewed = policy_of(place)
    outcomes: Queue[str] = Queue()

    def save(minutes):
        try:
            change(place, reviewed=reviewed, lifetime_minutes=minutes)
            outcomes.put("saved")
        except PolicyChanged:
            outcomes.put("refused")
        finally:
            connection.close()

    threads = [Thread(target=save, args=(minutes,)) for minutes in (30, 60)]
    with tenant(place.id):
        Organization.objects.select_for_update().get(pk=place.id)
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(30)
    assert {outcomes.get(timeout=1), outcomes.get(timeout=1)} == {"saved", "refused"}


class TestAtTheDoor:
    def test_who_has_no_address_at_an_allowed_domain_stays_out(self, place):
        inside, outside = make_member(place, Role.ADMIN), make_member(place, Role.ADMIN, "x@evilexample.com")
        page = f"/o/{place.slug}/live/people/"
        clients = sign_in(inside), sign_in(outside)
        change(place, email_domains=("example.com",))
        assert [client.get(page).status_code for client in clients] == [200, 403]
        assert b"addresses of its own domains" in clients[1].get(page).content
        change(place, email_domains=("example.com", "evilexample.com"))
        assert clients[1].get(page).status_code == 200

    def test_the_trail_does_not_hear_of_who_stays_out(self, place):
        outside = make_member(place, Role.ADMIN, "x@evil.example")
        change(place, email_domains=("example.com",))
        sign_in(outside).get(f"/o/{place.slug}/live/people/")
        with tenant(place.id):
            assert not AuditEvent.objects.filter(tag="session:entered", actor_id=outside.pk).exists()
