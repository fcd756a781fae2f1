"""Keys that others publish: how often they are asked for, how long they count, and what never counts."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from time import time

import pytest
from django.core.cache import cache
from joserfc.jwk import KeySet
from redis import Redis
from werkzeug import Response

from hq.lib.openid import NotTrusted, UnknownKey
from hq.lib.outbound import AddressNotPublic, NotFetched, NotReached, Redirected, TooLarge
from hq.web import key_sets
from hq.web.key_sets import ASK_AGAIN_AFTER, FRESH, SEATS, UNKNOWN_FOR, USABLE, AskedJustNow, KeySets, place
from tests.idp import oidc
from tests.idp.browsing import LOOPBACK, ask_again, forget_keys
from tests.idp.fixtures import provider
from tests.idp.loopback import METADATA_SERVICE

__all__ = ["provider"]


class Issuer:
    """Publishes the keys that it is told to, and counts."""

    def __init__(self, uri):
        self.uri, self.times, self.down, self.names = uri, 0, False, ["first"]
        self.at = time()

    def __call__(self, uri):
        assert uri == self.uri
        self.times += 1
        if self.down:
            raise NotReached
        return json.dumps(KeySet([oidc.key(name) for name in self.names]).as_dict(private=False)).encode()

    def process(self):
        """One more process, with nothing in its memory."""
        return KeySets(ask=self, clock=lambda: self.at)

    def later(self, seconds):
        """Time passes; what Valkey ends by its own clock is taken away by hand."""
        self.at += seconds
        if seconds >= ASK_AGAIN_AFTER:
            ask_again(self.uri)


@pytest.fixture
def issuer(request):
    uri = f"https://issuer.example/{request.node.name}"
    for key in (place(uri), f"{place(uri)}.asked"):
        cache.delete(key)
    return Issuer(uri)


def kids(keys):
    return {key.kid for key in keys}


def kid(name):
    return str(oidc.key(name).kid)


def test_processes_share_one_asking(issuer):
    one, other = issuer.process(), issuer.process()
    for _ in range(3):
        assert kids(one.published(issuer.uri)) == kids(other.published(issuer.uri)) == {kid("first")}
    assert issuer.times == 1


def test_keys_are_fresh_for_ten_minutes(issuer):
    process = issuer.process()
    process.published(issuer.uri)
    issuer.names = ["second"]
    issuer.later(FRESH - 1)
    assert kids(process.published(issuer.uri)) == {kid("first")}
    issuer.later(ASK_AGAIN_AFTER)
    assert kids(process.published(issuer.uri)) == {kid("second")}
    assert issuer.times == 2


def test_a_copy_from_the_future_is_not_fresh(issuer):
    """A clock was set back: the keys must not count for longer by it."""
    process = issuer.process()
    process.published(issuer.uri)
    issuer.later(-FRESH)
    process.published(issuer.uri)
    assert issuer.times == 2


def test_a_failed_asking_never_loses_the_good_copy_and_is_not_repeated_at_once(issuer):
    process = issuer.process()
    process.published(issuer.uri)
    issuer.down = True
    issuer.later(USABLE - 1)
    for _ in range(5):
        assert kids(process.published(issuer.uri)) == kids(issuer.process().published(issuer.uri)) == {kid("first")}
    assert issuer.times == 2
    issuer.later(ASK_AGAIN_AFTER)
    with pytest.raises(NotReached):
        process.published(issuer.uri)


@pytest.mark.parametrize("body", [b"<!doctype html>", b"{}", b'{"keys": []}', b"[" * 100_000])
def test_an_answer_without_keys_is_a_failed_asking(issuer, body):
    process = issuer.process()
    process.published(issuer.uri)
    issuer.later(FRESH)
    spoiled = KeySets(ask=lambda _: body, clock=lambda: issuer.at)
    assert kids(spoiled.published(issuer.uri)) == {kid("first")}
    cache.delete(place(issuer.uri))
    ask_again(issuer.uri)
    with pytest.raises(NotTrusted):
        KeySets(ask=lambda _: body).published(issuer.uri)


def test_an_issuer_that_is_down_from_the_start_is_asked_once_in_half_a_minute(issuer):
    issuer.down = True
    with pytest.raises(NotReached):
        issuer.process().published(issuer.uri)
    for _ in range(5):
        with pytest.raises(AskedJustNow):
            issuer.process().published(issuer.uri)
    assert issuer.times == 1
    issuer.down = False
    issuer.later(ASK_AGAIN_AFTER)
    assert kids(issuer.process().published(issuer.uri)) == {kid("first")}


def test_a_new_key_is_asked_for_right_away_and_then_known_to_all(issuer):
    one, other = issuer.process(), issuer.process()
    one.published(issuer.uri)
    other.published(issuer.uri)
    issuer.names = ["second"]
    issuer.later(1)
    assert kids(one.newer(issuer.uri, kid("second"))) == {kid("second")}
    assert kids(other.newer(issuer.uri, kid("second"))) == {kid("second")}
    assert kids(other.published(issuer.uri)) == {kid("second")}
    assert issuer.times == 2


def test_a_flood_of_made_up_names_is_one_asking_in_half_a_minute(issuer):
    processes = [issuer.process() for _ in range(2)]
    for turn in range(3):
        for number in range(100):
            with pytest.raises(UnknownKey):
                processes[number % 2].newer(issuer.uri, f"made-up-{turn}-{number}")
        assert issuer.times == turn + 2 if turn else 2  # the first reading, then one for each half minute
        issuer.later(ASK_AGAIN_AFTER)


def test_a_name_that_was_not_there_is_not_asked_for_again_until_somebody_else_finds_it(issuer, settings):
    process = issuer.process()
    process.published(issuer.uri)
    for _ in range(2):
        with pytest.raises(UnknownKey):
            process.newer(issuer.uri, kid("second"))
        issuer.later(ASK_AGAIN_AFTER)
    assert issuer.times == 2
    mark = key_sets._unknown(issuer.uri, kid("second"))
    assert 0 < Redis.from_url(settings.REDIS_URL).ttl(cache.make_key(mark)) <= UNKNOWN_FOR
    issuer.names = ["first", "second"]
    with pytest.raises(UnknownKey):
        process.newer(issuer.uri, "another")  # asks, and so brings the new one
    assert kid("second") in kids(process.newer(issuer.uri, kid("second")))
    assert issuer.times == 3


def test_many_at_once_wait_for_one_asking(issuer):
    asked, go_on = Event(), Event()

    def slow(uri):
        asked.set()
        assert go_on.wait(5)
        return issuer(uri)

    with ThreadPoolExecutor(8) as pool:
        process = KeySets(ask=slow, clock=lambda: issuer.at)
        first = pool.submit(process.published, issuer.uri)
        assert asked.wait(5)
        others = [pool.submit(issuer.process().published, issuer.uri) for _ in range(7)]
        go_on.set()
        assert {frozenset(kids(each.result())) for each in [first, *others]} == {frozenset({kid("first")})}
    assert issuer.times == 1


def test_slow_issuers_take_only_some_of_the_threads(issuer):
    begun, over = Barrier(SEATS + 1), Event()

    def slow(uri):
        if uri != issuer.uri:
            begun.wait(10)
            assert over.wait(10)
        return issuer(issuer.uri)

    process = KeySets(ask=slow, clock=lambda: issuer.at)
    process.published(issuer.uri)
    issuer.later(FRESH + 1)
    others = [f"{issuer.uri}/{number}" for number in range(SEATS + 1)]
    for uri in others:
        ask_again(uri)
        cache.delete(place(uri))
    with ThreadPoolExecutor(SEATS) as pool:
        waiting = [pool.submit(process.published, uri) for uri in others[:SEATS]]
        begun.wait(10)
        assert kids(process.published(issuer.uri)) == {kid("first")}  # the copy at hand
        with pytest.raises(AskedJustNow):
            process.published(others[SEATS])
        over.set()
        assert all(each.result() for each in waiting)
    assert issuer.times == 1 + SEATS


def test_who_gets_their_turn_late_takes_what_the_one_before_got(issuer):
    late = issuer.process()  # it has looked, and found nothing
    issuer.process().published(issuer.uri)
    assert kids(late._asked(issuer.uri, None).keys) == {kid("first")}
    assert issuer.times == 1


def planted(issuer, name):
    return json.dumps(KeySet([oidc.key(name)]).as_dict(private=False)).encode()


def test_keys_that_somebody_put_into_valkey_are_not_there(issuer, settings, caplog):
    """Neither plain, nor with the mark of other keys, nor of another address, nor by another secret."""
    body, good = planted(issuer, "a stranger's"), key_sets._seal(issuer.uri, issuer.at, issuer(issuer.uri))
    elsewhere = key_sets._seal("https://other.example/keys", issuer.at, body)
    own, settings.SECRET_KEY = settings.SECRET_KEY, "k" * 50
    by_another_secret = key_sets._seal(issuer.uri, issuer.at, body)
    settings.SECRET_KEY = own
    later = good[:32] + key_sets._READ_AT.pack(issuer.at + 1) + good[40:]
    issuer.times = 0
    for turn, false in enumerate([body, good[:40] + body, elsewhere, by_another_secret, later, b"", "text", 7]):
        cache.set(place(issuer.uri), false)
        ask_again(issuer.uri)
        assert kids(issuer.process().published(issuer.uri)) == {kid("first")}
        assert issuer.times == turn + 1, false
    assert "was not put there by HQ" in caplog.text
    cache.set(place(issuer.uri), good)
    issuer.process().published(issuer.uri)
    assert issuer.times == 8


def test_an_older_copy_does_not_displace_a_newer_one(issuer):
    """A set that was honestly marked once, and brought back: a key that was taken out since stays out."""
    process = issuer.process()
    process.published(issuer.uri)
    before = cache.get(place(issuer.uri))
    issuer.names = ["second"]
    issuer.later(FRESH)
    process.published(issuer.uri)
    cache.set(place(issuer.uri), before)
    with pytest.raises(UnknownKey):
        process.newer(issuer.uri, kid("first"))


def test_a_process_keeps_only_so_many(issuer, monkeypatch):
    monkeypatch.setattr(key_sets, "MOST_COPIES", 2)
    process = KeySets(ask=lambda _: issuer(issuer.uri))
    for number in range(4):
        ask_again(f"{issuer.uri}/{number}")
        process.published(f"{issuer.uri}/{number}")
    assert len(process._copies) == 2


def test_a_name_may_be_anything(issuer):
    process = issuer.process()
    for name in ["", "\x00", "../../etc/passwd", "' OR 1=1 --", "k" * 10_000, "\ud800", "*"]:
        with pytest.raises(UnknownKey):
            process.newer(issuer.uri, name)


# ---- over the network


@pytest.fixture
def loopback(settings, monkeypatch, provider):
    settings.OUTBOUND_NETWORKS = LOOPBACK
    monkeypatch.setattr("hq.web.outbound.SECONDS", 0.5)
    forget_keys(provider)
    return f"{provider.address}{oidc.JWKS}"


def test_it_reads_a_real_set(provider, loopback):
    assert kids(key_sets.published(loopback)) == {provider.key.kid}


@pytest.mark.parametrize(("body", "kind"), [("elsewhere", Redirected), ("slow", NotFetched), ("a page", NotTrusted)])
def test_what_misbehaves_is_refused_and_the_copy_stays(provider, loopback, body, kind):
    provider.bodies[oidc.JWKS] = body
    with pytest.raises(kind):
        KeySets().published(loopback)
    provider.bodies.clear()
    ask_again(loopback)
    KeySets().published(loopback)
    provider.bodies[oidc.JWKS] = body
    later = KeySets(clock=lambda: time() + FRESH)
    assert kids(later.published(loopback)) == {provider.key.kid}
    assert provider.times(oidc.JWKS) == 3


def test_a_set_has_at_most_256_kib(provider, loopback, monkeypatch):
    one = provider.key.as_dict(private=False)
    for size, fits in [(255 * 1024, True), (257 * 1024, False)]:
        body = json.dumps({"keys": [one], "padding": "x" * size})
        monkeypatch.setattr(type(provider), "publish", lambda *_, body=body: Response(body))
        forget_keys(provider)
        if fits:
            assert kids(KeySets().published(loopback)) == {provider.key.kid}
        else:
            with pytest.raises(TooLarge):
                KeySets().published(loopback)


def test_it_does_not_look_into_private_networks(settings, loopback):
    settings.OUTBOUND_NETWORKS = []
    for uri in [METADATA_SERVICE.replace("http:", "https:"), "https://127.0.0.1:1/keys"]:
        ask_again(uri)
        with pytest.raises(AddressNotPublic):
            KeySets().published(uri)
    for uri in [loopback, METADATA_SERVICE, "file:///etc/passwd"]:
        ask_again(uri)
        with pytest.raises(NotFetched, match=re.compile("https|network")):
            KeySets().published(uri)


def test_weak_and_private_keys_are_passed_over(issuer):
    weak = {"kty": "RSA", "kid": "weak", "e": "AQAB", "n": "w" * 170 + "w"}
    private = {**oidc.key("second").as_dict(private=True), "kid": "private"}
    good = oidc.key("first").as_dict(private=False)
    body = json.dumps({"keys": [weak, private, good]}).encode()
    assert kids(KeySets(ask=lambda _: body).published(issuer.uri)) == {kid("first")}
