"""The limits hold while another process asks as fast as it can, over loopback."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from hq.env import Rate
from hq.limits.buckets import Bucket
from hq.web.limits import forget
from tests.factories import make_api_key, make_place

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def from_loopback(settings: Settings) -> Iterator[None]:
    """Nobody has come from there yet; and nobody has afterwards."""
    kept = Redis.from_url(settings.REDIS_URL)
    keys = [Bucket(name, "127.0.0.1", 1, 1).key for name in ("ip", "ip.logged", "unknown", "unknown.logged")]
    kept.delete(*keys)
    forget()
    yield
    kept.delete(*keys)
    forget()


def load(url: str, bearer: str, times: int = 120) -> Any:
    command = [sys.executable, "-m", "tests.web.loader", url, bearer, str(times), "8"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def ask(url: str, bearer: str) -> int:
    try:
        with urlopen(Request(url, headers={"Authorization": f"Bearer {bearer}"})) as answer:
            return int(answer.status)
    except HTTPError as refused:
        with refused:
            return refused.code


def test_a_key_gets_what_it_may_and_another_organization_all_it_asks_for(
    address: str, settings: Settings, from_loopback: None
) -> None:
    settings.LIMIT_KEY = Rate(40, 3600)
    busy, calm = make_api_key(make_place()), make_api_key(make_place())
    with ThreadPoolExecutor(1) as other:
        loaded = other.submit(load, f"{address}/v1/me", busy)
        calm_answers = [ask(f"{address}/v1/me", calm) for _ in range(30)]
        told = loaded.result()
    assert told == {"statuses": {"200": 40, "429": 80}, "told_to_wait": 80}
    assert calm_answers == [200] * 30


def test_an_address_gets_what_it_may(address: str, settings: Settings, from_loopback: None) -> None:
    key = make_api_key(make_place())
    settings.LIMIT_IP = Rate(50, 3600)
    assert load(f"{address}/v1/me", key) == {"statuses": {"200": 50, "429": 70}, "told_to_wait": 70}


def test_keys_that_nobody_has_are_turned_away_and_a_valid_one_is_not(
    address: str, settings: Settings, from_loopback: None
) -> None:
    settings.LIMIT_UNKNOWN = Rate(20, 3600)
    key = make_api_key(make_place())
    told = load(f"{address}/v1/me", "hd_live_" + "x" * 32)
    assert told == {"statuses": {"401": 20, "429": 100}, "told_to_wait": 100}
    assert ask(f"{address}/v1/me", key) == 200
