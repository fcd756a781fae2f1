"""Remembering that a slow hash was verified: what it takes, what it gives away, and what it never lets in."""

from threading import Barrier, Thread

import pytest
from django.conf import settings
from redis import Redis

from hq.crypto import kdf, passwords, secrets
from hq.limits import valkey
from tenants.actions.key_memory import HERE, IN_VALKEY, Verified, valkey_name
from tests.valkeys import OwnValkey, own_valkey

__all__ = ["own_valkey"]
SECRET, OTHER = "hd_live_" + "a" * 32, "hd_live_" + "b" * 32
HASHED = passwords.hash_secret(SECRET)
PAIR = f"{HASHED}\x00{SECRET}"


@pytest.fixture
def runs(monkeypatch):
    """How often Argon2 ran."""
    counted, real = [], passwords.verify_secret

    def verify(hashed, secret):
        counted.append(secret)
        return real(hashed, secret)

    monkeypatch.setattr(passwords, "verify_secret", verify)
    return counted


@pytest.fixture
def kept():
    """Valkey, which has forgotten the pair."""
    client = Redis.from_url(settings.REDIS_URL)
    client.delete(valkey_name(PAIR))
    yield client
    client.delete(valkey_name(PAIR))


def test_this_process_remembers_it_for_a_minute(runs, kept):
    at = [1000.0]
    memory = Verified(clock=lambda: at[0])
    assert memory.matches(SECRET, HASHED)
    kept.delete(valkey_name(PAIR))
    at[0] += HERE - 1
    assert memory.matches(SECRET, HASHED)
    assert len(runs) == 1
    at[0] += 1
    assert memory.matches(SECRET, HASHED)
    assert len(runs) == 2


def test_another_process_learns_of_it_by_valkey_for_five_minutes(runs, kept):
    assert Verified().matches(SECRET, HASHED)
    assert Verified().matches(SECRET, HASHED)
    assert len(runs) == 1
    assert 0 < kept.ttl(valkey_name(PAIR)) <= IN_VALKEY
    kept.delete(valkey_name(PAIR))
    assert Verified().matches(SECRET, HASHED)
    assert len(runs) == 2


def test_a_wrong_secret_is_never_remembered(runs, kept):
    memory = Verified()
    assert not memory.matches(OTHER, HASHED)
    assert not memory.matches(OTHER, HASHED)
    assert len(runs) == 2
    assert not kept.exists(valkey_name(f"{HASHED}\x00{OTHER}"))


def test_a_row_with_another_hash_is_another_question(runs, kept):
    memory = Verified()
    assert memory.matches(SECRET, HASHED)
    assert not memory.matches(SECRET, passwords.hash_secret(OTHER))
    assert len(runs) == 2


def test_whoever_writes_into_valkey_without_the_pepper_gets_nobody_in(runs, kept):
    pair = f"{HASHED}\x00{OTHER}"
    lookup = kdf.derive(settings.API_KEY_PEPPER.encode(), info=b"hq api key lookup")
    guesses = [settings.SECRET_KEY.encode(), settings.API_KEY_PEPPER.encode(), lookup, bytes(32)]
    for key in guesses:
        kept.set(f"hq.key.verified.{secrets.keyed_digest(key, pair).hex()}", 1, ex=60)
    assert not Verified().matches(OTHER, HASHED)
    assert runs == [OTHER]


def test_valkey_is_told_neither_the_secret_nor_its_hash(kept):
    Verified().matches(SECRET, HASHED)
    everything = [name + (kept.get(name) or b"") for name in kept.keys("hq.key.verified.*")]
    assert everything
    assert not any(SECRET.encode() in each or HASHED.encode() in each for each in everything)


def test_of_threads_that_come_at_once_one_verifies(runs, kept):
    memory, gate, found = Verified(), Barrier(8), []

    def ask():
        gate.wait()
        found.append(memory.matches(SECRET, HASHED))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8
    assert len(runs) == 1
    assert not memory._flights


def test_without_valkey_it_is_only_slower_and_an_alarm_says_so(runs, own_valkey: OwnValkey, caplog):
    valkey.forget()
    own_valkey.stop()
    assert Verified().matches(SECRET, HASHED)
    assert Verified().matches(SECRET, HASHED)
    assert not Verified().matches(OTHER, HASHED)
    assert len(runs) == 3
    assert "limits cannot be kept" in caplog.text


def test_it_holds_so_many_and_no_more(runs, kept, monkeypatch):
    monkeypatch.setattr("tenants.actions.key_memory.MOST", 2)
    monkeypatch.setattr(passwords, "verify_secret", lambda hashed, secret: True)
    memory = Verified()
    for number in range(5):
        assert memory.matches(f"hd_live_{number}", HASHED)
        kept.delete(valkey_name(f"{HASHED}\x00hd_live_{number}"))
    assert len(memory._until) == 2
