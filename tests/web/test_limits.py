"""How often one may ask: by address at the edge, by key and organization behind it (ISO-4)."""

import itertools
import json
import os
from copy import copy

import pytest
from django.conf import settings as configured
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from redis import Redis

from audit.models import AccessEntry
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.env import Rate
from hq.lib.errors import TooMany
from hq.limits.buckets import Bucket
from hq.limits.refusals import Refusals
from hq.web import limits
from hq.web.limits import charge, forget, network_of
from tests.factories import make_api_key, make_place

pytestmark = pytest.mark.django_db
_last = itertools.count(int.from_bytes(os.urandom(2)) << 8)
FEW = Rate(3, 3600)
PAGE = "/account/login/"


def somewhere():
    """An address that no test has used."""
    number = next(_last)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def bearer(secret):
    return {"authorization": f"Bearer {secret}"}


def lines(organization_id=PLATFORM_ID):
    """What an access log has, by status: the deployment's, where no organization is named."""
    with tenant(organization_id):
        return list(AccessEntry.objects.order_by("id").values_list("status", flat=True))


def pass_time(bucket, seconds):
    """As if so many seconds had passed for it."""
    kept = Redis.from_url(configured.REDIS_URL, decode_responses=True)
    kept.set(bucket.key, int(str(kept.get(bucket.key))) - seconds * 1_000_000, keepttl=True)
    forget()  # what this process would know until then


@pytest.fixture
def few(settings):
    settings.LIMIT_IP = FEW


@pytest.mark.usefixtures("few")
class TestAddress:
    def test_one_address_is_asked_to_wait_and_another_is_not(self):
        one, other = Client(REMOTE_ADDR=somewhere()), Client(REMOTE_ADDR=somewhere())
        assert [one.get(PAGE).status_code for _ in range(4)] == [200, 200, 200, 429]
        assert other.get(PAGE).status_code == 200

    def test_whatever_is_asked_for_counts_but_the_parts_of_pages_and_probes(self):
        one = Client(REMOTE_ADDR=somewhere())
        for path in ("/static/hq/favicon.svg", "/healthz", "/readyz"):
            assert [one.get(path).status_code for _ in range(4)] == [200] * 4
        assert [one.get(path).status_code for path in ("/v1/me", "/nothing", PAGE, PAGE)] == [401, 404, 200, 429]
        assert one.get("/static/hq/favicon.svg").status_code == 200

    def test_machines_get_a_document_and_people_a_page_and_both_the_time_to_wait(self):
        one = Client(REMOTE_ADDR=somewhere())
        for _ in range(3):
            one.get(PAGE)
        machine, person = one.get("/v1/me"), one.get(PAGE)
        assert machine["Content-Type"] == "application/problem+json"
        assert json.loads(machine.content)["type"].endswith("/problems/too-many")
        assert b"Too many requests" in person.content
        assert b"Too many tries" not in person.content
        assert 1190 < int(machine["Retry-After"]) <= 1200
        assert 1190 < int(person["Retry-After"]) <= 1200
        assert "Content-Security-Policy" in person.headers

    def test_who_waits_as_long_as_told_is_let_in(self):
        address = somewhere()
        one = Client(REMOTE_ADDR=address)
        for _ in range(3):
            one.get(PAGE)
        bucket, wait = Bucket("ip", address, *FEW), int(one.get(PAGE)["Retry-After"])
        pass_time(bucket, wait - 2)
        assert one.get(PAGE).status_code == 429
        pass_time(bucket, 2)
        assert [one.get(PAGE).status_code for _ in range(2)] == [200, 429]

    def test_a_refusal_asks_the_database_nothing(self, django_assert_num_queries):
        one = Client(REMOTE_ADDR=somewhere())
        for _ in range(4):
            one.get(PAGE)
        with django_assert_num_queries(0):
            assert one.get(PAGE).status_code == 429
            assert one.get("/v1/me").status_code == 429

    def test_an_address_that_has_to_wait_has_no_key_of_its_looked_up(self, django_assert_num_queries):
        one = Client(REMOTE_ADDR=somewhere())
        for _ in range(4):
            one.get(PAGE)
        with django_assert_num_queries(0):
            assert one.get("/v1/me", headers=bearer("hqs_nobodys")).status_code == 429

    @pytest.mark.parametrize("way", ["/v1/shares/redeem", "/v1/oauth/token"])
    def test_a_way_in_is_charged_first_whatever_key_comes_along(self, way):
        one = Client(REMOTE_ADDR=somewhere())
        for _ in range(3):
            one.get(PAGE)
        assert one.get(way, headers=bearer("hqs_nobodys")).status_code == 429

    def test_a_flood_leaves_one_line_a_minute_in_the_access_log(self):
        address = somewhere()
        one = Client(REMOTE_ADDR=address)
        for _ in range(20):
            one.get(PAGE)
        assert lines() == [200, 200, 200, 429]
        pass_time(Bucket("ip.logged", address, 1, 60), 60)
        for _ in range(20):
            one.get("/v1/me")
        assert lines() == [200, 200, 200, 429, 429]


@pytest.mark.usefixtures("few")
class TestSpoofing:
    """What stands in X-Forwarded-For is believed as far as proxies were declared, and no farther."""

    def ask(self, forwarded, peer):
        return Client(REMOTE_ADDR=peer, headers={"X-Forwarded-For": forwarded}).get("/v1/me").status_code

    @pytest.mark.parametrize(
        ("proxies", "header"),
        [(0, "{spoofed}"), (0, "{spoofed}, {own}"), (1, "{spoofed}, {own}"), (2, "{spoofed}, {own}, {proxy}")],
    )
    def test_an_address_made_up_gets_nobody_further(self, settings, proxies, header):
        settings.TRUSTED_PROXIES = proxies
        own, proxy, peer = somewhere(), somewhere(), somewhere()

        def ask(own):
            return self.ask(header.format(spoofed=somewhere(), own=own, proxy=proxy), peer)

        assert [ask(own) for _ in range(4)] == [401, 401, 401, 429]
        assert ask(somewhere()) == (401 if proxies else 429)

    def test_nobody_is_shut_out_by_who_names_their_address(self, settings):
        settings.TRUSTED_PROXIES = 1
        victim, peer = somewhere(), somewhere()
        assert [self.ask(f"{victim}, {somewhere()}", peer) for _ in range(6)] == [401] * 6
        assert self.ask(victim, peer) == 401

    def test_what_is_no_address_is_counted_together(self, settings):
        settings.TRUSTED_PROXIES = 1
        together = Bucket("ip", network_of(None), *FEW)
        Redis.from_url(settings.REDIS_URL).delete(together.key)
        peer = somewhere()
        assert [self.ask(word, peer) for word in ("a", "b;c", "1.2.3.4.5", "x")] == [401, 401, 401, 429]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("198.51.100.1", "::ffff:198.51.100.1", True),
        ("::ffff:198.51.100.1", "::ffff:198.51.100.2", False),
        ("198.51.100.1", "198.51.100.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_a_subscriber_of_ipv6_is_one_and_so_is_each_address_of_ipv4(one, other, same):
    assert (network_of(one) == network_of(other)) is same


class TestKnown:
    def test_each_key_has_its_own_and_the_organization_one_for_all(self, client, settings):
        settings.LIMIT_KEY, settings.LIMIT_ORGANIZATION = FEW, Rate(5, 3600)
        place, other = make_place(), make_place()
        one, two, elsewhere = make_api_key(place), make_api_key(place), make_api_key(other)

        def ask(secret):
            return client.get("/v1/me", headers=bearer(secret)).status_code

        assert [ask(one) for _ in range(4)] == [200, 200, 200, 429]
        assert [ask(two) for _ in range(3)] == [200, 200, 429]
        assert ask(elsewhere) == 200

    def test_every_answer_tells_of_the_tightest(self, client, settings):
        settings.LIMIT_KEY, settings.LIMIT_ORGANIZATION = Rate(30, 60), Rate(20, 600)
        place = make_place()
        secret = make_api_key(place)
        for path, status in (("/v1/me", 200), ("/v1/environments/x/objects", 404), ("/v1/me", 200)):
            answer = client.get(path, headers=bearer(secret))
            assert answer.status_code == status
        assert answer["RateLimit-Limit"] == "20"
        assert answer["RateLimit-Remaining"] == "18"
        assert answer["RateLimit-Reset"] == "60"
        assert answer["RateLimit-Policy"] == "20;w=600"
        assert "Retry-After" not in answer.headers
        refused = client.get(f"/v1/environments/{place.id}/objects", headers=bearer(secret))
        assert (refused.status_code, refused["RateLimit-Remaining"]) == (404, "17")

    def test_a_refusal_says_when_in_both_headers_and_keeps_to_it(self, client, settings):
        settings.LIMIT_KEY = FEW
        secret = make_api_key(make_place())
        for _ in range(4):
            refused = client.get("/v1/me", headers=bearer(secret))
        assert (refused.status_code, refused["RateLimit-Remaining"]) == (429, "0")
        assert refused["RateLimit-Reset"] == refused["Retry-After"]
        assert refused["RateLimit-Policy"] == "3;w=3600"
        assert json.loads(refused.content)["detail"].startswith("Too many requests")

    def test_who_asks_for_another_organizations_things_is_charged_all_the_same(self, client, settings):
        settings.LIMIT_KEY = FEW
        place, other = make_place(), make_place()
        secret = make_api_key(place)
        url = f"/v1/environments/{other.live_id}/objects"
        assert [client.get(url, headers=bearer(secret)).status_code for _ in range(4)] == [404, 404, 404, 429]

    def test_a_refusal_stands_in_the_organizations_own_access_log_once_a_minute(self, client, settings):
        settings.LIMIT_KEY = FEW
        place = make_place()
        secret = make_api_key(place)
        for _ in range(10):
            client.get("/v1/me", headers=bearer(secret))
        assert lines(place.id) == [200, 200, 200, 429]
        assert 429 not in lines()

    def test_a_stream_that_finds_out_again_who_asks_is_not_charged_again(self, settings, rf):
        settings.LIMIT_KEY = Rate(1, 3600)
        request, actor = rf.get("/v1/me"), make_place().actor()
        charge(request, actor)
        charge(copy(request), actor)
        with pytest.raises(TooMany):
            charge(rf.get("/v1/me"), actor)

    def test_nobody_known_is_told_nothing(self, client):
        near_miss = client.get("/v1/me", headers=bearer(f"hd_live_{'x' * 32}"))
        for answer in (client.get("/v1/me"), client.get(PAGE), near_miss):
            assert [name for name in answer.headers if name.startswith("RateLimit")] == []


class TestUnknown:
    def test_an_address_that_comes_with_many_is_asked_to_wait_and_its_valid_keys_are_not(self, settings):
        settings.LIMIT_UNKNOWN = FEW
        secret = make_api_key(make_place())
        one = Client(REMOTE_ADDR=somewhere())

        def ask(secret):
            return one.get("/v1/me", headers=bearer(secret)).status_code

        near_misses = [secret[:-1] + letter for letter in "0123456789" if letter != secret[-1]]
        assert [ask(miss) for miss in near_misses[:5]] == [401, 401, 401, 429, 429]
        assert [ask(secret) for _ in range(4)] == [200] * 4
        assert Client(REMOTE_ADDR=somewhere()).get("/v1/me", headers=bearer("hd_live_x")).status_code == 401

    def test_during_a_flood_a_key_that_was_not_used_for_long_is_let_in_and_other_tokens_are_not_judged(self, settings):
        settings.LIMIT_UNKNOWN = FEW
        place = make_place()
        one = Client(REMOTE_ADDR=somewhere())

        def ask(secret, path="/v1/me"):
            return one.get(path, headers=bearer(secret)).status_code

        assert [ask(f"hd_live_{number}") for number in range(4)] == [401, 401, 401, 429]
        assert ask(make_api_key(place)) == 200
        assert [ask(secret, "/v1/openapi.json") for secret in ("hqt_unknown", "hd_live_x")] == [200, 429]

    def test_during_a_flood_a_key_that_nobody_has_costs_one_question_and_a_key_in_use_no_second(self, settings):
        settings.LIMIT_UNKNOWN = FEW
        secret = make_api_key(make_place())
        one = Client(REMOTE_ADDR=somewhere())

        def asked(secret):
            with CaptureQueriesContext(connection) as asked:
                one.get("/v1/me", headers=bearer(secret))
            return [query["sql"] for query in asked if "tenants_recognise_key" in query["sql"]]

        for number in range(4):
            one.get("/v1/me", headers=bearer(f"hd_live_{number}"))
        one.get("/v1/me", headers=bearer(secret))
        assert [len(asked(each)) for each in (f"hd_live_{'x' * 32}", "hd_live_x", secret)] == [1, 0, 1]

    def test_a_flood_of_them_leaves_one_refusal_a_minute_in_the_access_log(self, settings):
        settings.LIMIT_UNKNOWN = FEW
        one = Client(REMOTE_ADDR=somewhere())
        for number in range(20):
            one.get("/v1/me", headers=bearer(f"hd_live_{number}"))
        assert lines() == [401, 401, 401, 429]

    def test_what_is_refused_without_asking_valkey_counts_for_the_address_all_the_same(self, settings):
        settings.LIMIT_UNKNOWN, settings.LIMIT_IP = Rate(1, 3600), Rate(6, 3600)
        secret, address = make_api_key(make_place()), somewhere()
        one = Client(REMOTE_ADDR=address)

        def ask(secret):
            return one.get("/v1/me", headers=bearer(secret)).status_code

        assert [ask("hd_live_x") for _ in range(5)] == [401, 429, 429, 429, 429]
        assert ask(secret) == 200
        assert ask(secret) == 429

    def test_a_refusal_is_known_here_for_as_long_as_it_was_told_and_no_longer(self, settings, monkeypatch):
        settings.LIMIT_UNKNOWN = Rate(1, 100)
        at, address = [1000.0], somewhere()
        one, unknown = Client(REMOTE_ADDR=address), Bucket("unknown", address, 1, 100)
        monkeypatch.setattr(limits, "_refusals", Refusals(lambda: at[0]))

        def ask():
            return one.get("/v1/me", headers=bearer("hd_live_x")).status_code

        assert [ask(), ask()] == [401, 429]
        pass_time(unknown, 100)
        at[0] += 98
        assert ask() == 429  # Valkey would let it in by now, and is not asked
        at[0] += 2
        assert [ask(), ask()] == [401, 429]

    def test_a_bearer_that_no_key_is_looked_up_for_counts_for_the_address(self, settings):
        settings.LIMIT_IP = FEW
        one = Client(REMOTE_ADDR=somewhere())
        paths = ("/v1/nothing", "/v1/openapi.json", "/v1/nothing", "/v1/openapi.json")
        assert [one.get(path, headers=bearer("x")).status_code for path in paths] == [404, 200, 404, 429]

    def test_who_brings_none_at_all_is_not_counted(self, settings):
        settings.LIMIT_UNKNOWN = FEW
        one = Client(REMOTE_ADDR=somewhere())
        assert {one.get("/v1/me").status_code for _ in range(6)} == {401}


def test_the_wait_is_rounded_up(settings):
    settings.LIMIT_IP = Rate(1, 1)
    one = Client(REMOTE_ADDR=somewhere())
    one.get(PAGE)
    refused = one.get("/v1/me")
    assert (refused.status_code, refused["Retry-After"], refused["RateLimit-Reset"]) == (429, "1", "1")
