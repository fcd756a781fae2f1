"""authenticate_api_key, at the door of /v1: which keys open it, from where, and what is told of those that do not."""

import os
import string
from datetime import timedelta

import pytest
from django.test import Client

from audit.models import AccessEntry
from hq.authz.actor import Origin
from hq.crypto import passwords
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.env import Rate
from hq.lib.clock import now
from hq.lib.errors import Unauthenticated
from tenants.actions.key_checks import NetworkNotAllowed, authenticate_api_key
from tenants.actions.key_use import uses
from tenants.models import ApiKey, ApiKeyDay
from tests.factories import ORIGIN, make_api_key, make_place

pytestmark = pytest.mark.django_db
HERE, ELSEWHERE = "192.0.2.10", "198.51.100.10"


def me(secret, ip=HERE, **headers):
    return Client(REMOTE_ADDR=ip).get("/v1/me", headers={"authorization": f"Bearer {secret}", **headers})


def change(place, **columns):
    with tenant(place.id):
        ApiKey.objects.update(**columns)


def last_line(organization_id):
    with tenant(organization_id):
        return AccessEntry.objects.order_by("id").last()


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def secret(place):
    return make_api_key(place)


def one_off(secret):
    """Each secret that differs in one character, at a place of its own."""
    for at in range(8, len(secret)):
        other = next(letter for letter in string.ascii_letters if letter != secret[at])
        yield secret[:at] + other + secret[at + 1 :]


def test_no_near_miss_opens_anything_or_costs_argon2(secret, monkeypatch):
    assert me(secret).status_code == 200
    monkeypatch.setattr(passwords, "verify_secret", lambda *_: pytest.fail("Argon2 ran for an unknown key"))
    others = [secret.replace("live", "test"), secret.replace("hd_", "HD_"), secret[8:], secret + "a", secret[:-1]]
    for near in [*one_off(secret), *others]:
        with pytest.raises(Unauthenticated):
            authenticate_api_key(secret=near, origin=ORIGIN)


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
def test_a_key_that_ended_is_refused_though_it_was_verified_just_now(place, secret, column):
    assert me(secret).status_code == 200
    change(place, **{column: now() - timedelta(seconds=1)})
    answer = me(secret)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (401, "unauthenticated")


def test_a_row_that_got_another_hash_does_not_open_to_what_was_verified(place, secret):
    assert me(secret).status_code == 200
    change(place, hash=passwords.hash_secret("hd_live_" + "z" * 32))
    assert me(secret).status_code == 401


def test_the_key_of_another_environment_finds_nothing_there(place, secret):
    test_secret = make_api_key(place, environment_id=place.test_id)
    for own, key in ((place.live_id, secret), (place.test_id, test_secret)):
        for asked in (place.live_id, place.test_id, make_place().live_id):
            answer = Client().get(f"/v1/environments/{asked}/objects", headers={"authorization": f"Bearer {key}"})
            assert answer.status_code == (200 if asked == own else 404)


def test_from_a_network_that_is_not_named_it_is_refused_with_the_address_and_its_log_says_so(place, secret):
    change(place, networks=["192.0.2.0/24", "2001:db8::/32"])
    assert me(secret).status_code == 200
    assert me(secret, ip="2001:db8:1::9").status_code == 200
    assert me(secret, ip="::ffff:192.0.2.10").status_code == 200
    answer = me(secret, ip=ELSEWHERE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (403, "network-not-allowed")
    assert ELSEWHERE in answer.json()["detail"]
    line = last_line(place.id)
    with tenant(place.id):
        key = ApiKey.objects.get()
    uses.sweep()
    with tenant(place.id):
        day = ApiKeyDay.objects.get()
    assert (line.status, line.actor_id, line.ip) == (403, key.id, ELSEWHERE)
    assert key.last_used_ip != ELSEWHERE
    assert (day.requests, day.refused) == (3, 1)


def test_a_request_is_counted_and_charged_once_though_its_stream_asks_again(place, secret, settings):
    settings.LIMIT_KEY = Rate(1, 3600)
    request = me(secret).wsgi_request
    assert [request.again().id == request.actor.id for _ in range(3)] == [True] * 3
    uses.sweep()
    with tenant(place.id):
        assert (ApiKeyDay.objects.get().requests, ApiKey.objects.get().last_used_ip) == (1, HERE)
    assert me(secret).status_code == 429
    change(place, revoked_at=now())
    assert request.again() is None


def test_no_address_is_no_network(place, secret):
    change(place, networks=["0.0.0.0/1"])
    with pytest.raises(NetworkNotAllowed, match="an address that cannot be told"):
        authenticate_api_key(secret=secret, origin=Origin(ip=None, user_agent="", request_id="req_test"))


def test_a_forwarded_address_counts_only_as_far_as_proxies_are_declared(place, secret, settings):
    change(place, networks=["192.0.2.0/24"])
    spoofed = {"x-forwarded-for": HERE, "x-real-ip": HERE, "forwarded": f"for={HERE}"}
    assert me(secret, ip=ELSEWHERE, **spoofed).status_code == 403
    settings.TRUSTED_PROXIES = 1
    assert me(secret, ip="10.0.0.1", **{"x-forwarded-for": f"{HERE}, {ELSEWHERE}"}).status_code == 403
    assert me(secret, ip="10.0.0.1", **{"x-forwarded-for": f"{ELSEWHERE}, {HERE}"}).status_code == 200


def test_a_wrong_network_is_told_only_to_who_has_the_key(place, secret):
    change(place, networks=["192.0.2.0/24"])
    assert me(next(one_off(secret)), ip=ELSEWHERE).status_code == 401
    change(place, revoked_at=now())
    assert me(secret, ip=ELSEWHERE).status_code == 401


def test_an_unknown_key_stands_in_the_log_of_the_deployment_and_nobody_elses(place):
    assert me("hd_live_" + os.urandom(16).hex()).status_code == 401
    assert last_line(PLATFORM_ID).status == 401
    assert last_line(place.id) is None
