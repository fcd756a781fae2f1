"""What stands in Valkey is data, and nothing that is run."""

import os
import pickle

import pytest
from django.core.cache import cache
from redis import Redis

from hq.web.cache import NotOurs

KEY = "tests.cache"
VALUES = [0, -3, 2**40, True, False, "", "12", "b", b"", b"12", b"\x80\x04", [1.5, 2], {"a": {"b": [None, "c"]}}, None]


@pytest.fixture(autouse=True)
def _nothing_left():
    yield
    cache.delete(KEY)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was(value):
    cache.set(KEY, value)
    found = cache.get(KEY, "nothing")
    assert (found, type(found)) == (value, type(value))


def test_it_can_be_counted_with():
    cache.set(KEY, 41)
    assert cache.incr(KEY) == 42


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("/nonexistent/planted",)


@pytest.mark.parametrize("planted", [pickle.dumps(Bomb()), b"j{", b"", b"x12", b"pickle"], ids=repr)
def test_what_somebody_else_put_there_is_refused_and_not_run(planted, settings):
    with Redis.from_url(settings.REDIS_URL) as valkey:
        valkey.set(cache.make_key(KEY), planted)
    with pytest.raises(NotOurs):
        cache.get(KEY)


def test_what_is_no_value_cannot_be_kept():
    with pytest.raises(TypeError):
        cache.set(KEY, object())
