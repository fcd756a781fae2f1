"""What an organization's policy asks of a session before it comes in (ACC-5)."""

import time
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.core.signing import Signer

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from tenants import actions, registry
from tenants.models import Organization
from tenants.selectors import is_within
from tests.factories import make_member, make_place, sign_in
from tests.factors import add_app, add_key, clock

__all__ = ["clock"]

CONNECTION = uuid4()
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connection(monkeypatch):
    """The one by which people come in, as the room above says it."""
    monkeypatch.setattr(registry, "_connections", [lambda _: CONNECTION])


def ask(place, **policy):
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(**policy)


def come(client, place, **more):
    return client.get(f"/o/{place.slug}/live/people/", **more)


def test_without_a_policy_a_member_comes_in(place):
    assert come(sign_in(place.owner), place).status_code == 200


@pytest.mark.parametrize(("network", "status"), [("127.0.0.0/8", 200), ("203.0.113.0/24", 403), ("::1/128", 403)])
def test_only_the_organizations_networks_are_let_in(place, network, status):
    client = sign_in(place.owner)
    ask(place, networks=[network])
    answer = come(client, place)
    assert answer.status_code == status
    assert (b"its own networks only" in answer.content) is (status == 403)


def test_an_address_that_is_not_known_is_not_within_any_network():
    assert not is_within(None, ["0.0.0.0/0", "::/0"])
    assert is_within("::ffff:10.1.2.3", ["10.0.0.0/8"])


def change_session(client, **values):
    key = Signer(salt="hq.session").unsign(client.cookies[settings.SESSION_COOKIE_NAME].value)
    session = SessionStore(key)
    for name, value in values.items():
        if value is None:
            session.pop(name, None)
        else:
            session[name] = value
    session.save()


@pytest.mark.parametrize("began", [-3700, 3600, None])
def test_a_session_ends_after_its_lifetime_and_leads_back(place, began):
    client = sign_in(place.owner)
    ask(place, lifetime_minutes=60)
    assert come(client, place).status_code == 200
    change_session(client, **{"hq.signed_in_at": began and int(time.time()) + began})
    answer = come(client, place)
    assert answer.status_code == 302
    assert answer["Location"] == f"/account/login/?next=%2Fo%2F{place.slug}%2Flive%2Fpeople%2F"
    assert client.get("/me/")["Location"].startswith("/account/login/")


def test_a_session_that_nobody_used_ends(place):
    client = sign_in(place.owner)
    ask(place, idle_minutes=10)
    assert come(client, place).status_code == 200
    change_session(client, **{"hq.active": int(time.time()) - 599})
    assert come(client, place).status_code == 200
    change_session(client, **{"hq.active": int(time.time()) - 601})
    assert come(client, place).status_code == 302
    assert client.get("/me/").status_code == 302


def test_a_page_of_no_organization_does_not_hide_that_nobody_used_a_session(place):
    client = sign_in(place.owner)
    ask(place, idle_minutes=10)
    assert come(client, place).status_code == 200
    change_session(client, **{"hq.active": int(time.time()) - 599})
    assert client.get("/me/").status_code == 200
    assert come(client, place).status_code == 200
    change_session(client, **{"hq.active": int(time.time()) - 601})
    assert client.get("/me/").status_code == 200
    change_session(client, **{"hq.active": int(time.time()) - 61})
    assert client.get("/me/").status_code == 200
    assert come(client, place)["Location"].startswith("/account/login/")


def test_signing_in_again_begins_a_session_that_nobody_left_unused(place):
    client = sign_in(place.owner)
    ask(place, idle_minutes=10)
    change_session(client, **{"hq.unused": 601})
    client.post(actions.create_sign_in_link(person=place.owner).removeprefix(settings.BASE_URL))
    assert come(client, place).status_code == 200


def test_a_member_without_a_second_factor_is_led_to_add_one_and_one_with_it_to_use_it(place, clock):
    member = make_member(place, Role.DEVELOPER)
    client = sign_in(member)
    ask(place, mfa_required=True)
    assert come(client, place)["Location"] == "/account/2fa/"
    assert b"asks for a second factor" in client.get("/account/2fa/").content
    add_app(client, clock)
    assert come(client, place).status_code == 403  # a developer sees no people, but is in


def test_who_has_a_factor_that_counts_and_used_another_is_led_to_use_it(place, clock):
    client = sign_in(place.owner)
    add_app(client, clock)
    add_key(client)
    used = [{"method": "mfa", "type": "totp", "id": Authenticator.objects.get(type="totp").pk, "at": 1}]
    change_session(client, account_authentication_methods=used)
    ask(place, mfa_required=True)
    assert come(client, place).status_code == 200
    ask(place, mfa_factors=["webauthn"])
    answer = come(client, place)
    assert answer["Location"] == f"/account/2fa/webauthn/reauthenticate/?next=%2Fo%2F{place.slug}%2Flive%2Fpeople%2F"


def test_a_factor_that_does_not_count_or_was_removed_lets_nobody_in(place, clock):
    client = sign_in(place.owner)
    add_app(client, clock)
    ask(place, mfa_required=True, mfa_factors=["webauthn"])
    assert come(client, place)["Location"] == "/account/2fa/"
    ask(place, mfa_factors=["totp"])
    assert come(client, place).status_code == 200
    Authenticator.objects.filter(user=place.owner).delete()
    assert come(client, place)["Location"] == "/account/2fa/"


def test_the_identity_providers_own_second_factor_counts_only_if_the_policy_says_so(place, connection):
    client = sign_in(place.owner)
    ask(place, mfa_required=True)
    change_session(client, **{"hq.sso": {str(place.id): {"connection": str(CONNECTION), "at": 1, "mfa": True}}})
    assert come(client, place).status_code == 302
    ask(place, mfa_by_provider=True)
    assert come(client, place).status_code == 200
    change_session(client, **{"hq.sso": {str(make_place().id): {"connection": str(CONNECTION), "at": 1, "mfa": True}}})
    assert come(client, place).status_code == 302


def test_nobody_looks_for_a_connection_where_the_policy_does_not_ask(place, monkeypatch):
    looked: list[object] = []
    monkeypatch.setattr(registry, "_connections", [looked.append])
    client = sign_in(place.owner)
    change_session(client, **{"hq.sso": {str(place.id): {"connection": str(CONNECTION), "at": 1, "mfa": True}}})
    assert come(client, place).status_code == 200
    assert not looked
    ask(place, mfa_by_provider=True)
    assert come(client, place).status_code == 200
    assert looked == [place.id]


def test_required_sso_lets_in_who_came_by_it_and_the_break_glass_owner(place, connection, monkeypatch):
    member = make_member(place, Role.ADMIN)
    owner, other = sign_in(place.owner), sign_in(member)
    ask(place, sso_required=True, break_glass_id=place.owner.pk)
    assert come(owner, place).status_code == 200
    assert come(other, place).status_code in {302, 403}
    change_session(other, **{"hq.sso": {str(place.id): {"connection": str(CONNECTION), "at": 1, "mfa": False}}})
    assert come(other, place).status_code == 200
    for other_one in (uuid4(), None):  # switched off since, and another one or none on
        monkeypatch.setattr(registry, "_connections", [lambda _, other_one=other_one: other_one])
        assert come(other, place).status_code in {302, 403}


def test_a_part_of_a_page_is_led_as_a_whole_page(place):
    client = sign_in(place.owner)
    ask(place, mfa_required=True)
    answer = come(client, place, headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/account/2fa/")


def test_a_suspended_organization_says_so_and_a_closed_one_looks_like_nothing(place):
    client = sign_in(place.owner)
    ask(place, state=Organization.State.SUSPENDED)
    assert b"suspended" in come(client, place).content
    assert come(client, place).status_code == 403
    ask(place, state=Organization.State.CLOSED)
    assert come(client, place).status_code == 404


def test_what_a_policy_asks_comes_before_the_trail_hears_of_the_session(place):
    client = sign_in(place.owner)
    ask(place, networks=["203.0.113.0/24"])
    come(client, place)
    with tenant(place.id):
        assert not AuditEvent.objects.filter(organization_id=place.id, tag="session:entered").exists()
