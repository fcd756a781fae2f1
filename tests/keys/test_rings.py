"""keys.rings: unwrapped keys in memory, few, for minutes, forgotten on demand."""

import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hq.db.sealing import KeyUnavailable, Purpose, Ring
from hq.lib.ids import new_id
from keys.rings import RingCache


class Vault:
    """Loads rings, slowly if asked, and counts."""

    def __init__(self):
        self.loads = []
        self.gate = None
        self.error = None

    def __call__(self, organization_id, purpose, environment_id):
        self.loads.append((organization_id, purpose, environment_id))
        if self.gate:
            self.gate.wait(5)
        if self.error:
            raise self.error
        return Ring(organization_id, current=1, keys={1: os.urandom(32)})


@pytest.fixture
def vault():
    return Vault()


@pytest.fixture
def clock():
    class Clock:
        at = 1000.0

        def __call__(self):
            return self.at

    return Clock()


def empty_shelves():
    return {purpose: {} for purpose in Purpose}


@pytest.fixture
def uses():
    return []


@pytest.fixture
def make(vault, uses):
    made = []

    def cache(**options):
        made.append(RingCache(vault, report=uses.extend, shelves=empty_shelves(), **options))
        return made[-1]

    yield cache
    for one in made:
        one.forget()


def test_it_loads_once(make, vault, org):
    cache = make()
    assert cache.ring(org, Purpose.CONTENT) is cache.ring(org, Purpose.CONTENT)
    assert len(vault.loads) == 1


def test_every_purpose_and_environment_has_its_own(make, vault, org):
    cache, live, test = make(), new_id(), new_id()
    rings = [cache.ring(org, purpose) for purpose in (Purpose.CONTENT, Purpose.METADATA)]
    rings += [cache.ring(org, Purpose.CAPABILITY, environment) for environment in (live, test)]
    assert len({id(ring) for ring in rings}) == len(vault.loads) == 4
    assert cache.ring(org, Purpose.CAPABILITY, live) is rings[2]
    assert cache.ring(new_id(), Purpose.CAPABILITY, live) is not rings[2]


def test_a_ring_ends_after_its_time_however_much_it_is_used(make, vault, clock, org):
    cache = make(seconds=300, clock=clock)
    first = cache.ring(org, Purpose.CONTENT)
    for _ in range(29):
        clock.at += 10
        cache.sweep()
        assert cache.ring(org, Purpose.CONTENT) is first
    clock.at += 10
    cache.sweep()
    assert cache.ring(org, Purpose.CONTENT) is not first


def test_its_time_begins_before_the_load(make, vault, clock, org):
    cache = make(seconds=300, clock=clock)
    vault.gate = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        loading = threads.submit(cache.ring, org, Purpose.CONTENT)
        while not vault.loads:
            time.sleep(0.001)
        clock.at += 100
        vault.gate.set()
        assert loading.result().expires == 1300


def test_an_idle_process_holds_no_keys(make, vault, org):
    cache = make(seconds=0.05)
    cache.ring(org, Purpose.CONTENT)
    until = time.monotonic() + 5
    while any(cache._shelves.values()) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(cache._shelves.values())
    assert cache.ring(org, Purpose.CONTENT)
    assert len(vault.loads) == 2


def test_the_thread_that_takes_them_out_ends_with_the_last_and_comes_back(make, org):
    cache = make(seconds=0.05)
    for _ in range(2):
        cache.ring(org, Purpose.CONTENT)
        sweeper = cache._sweeper
        assert sweeper.is_alive()
        sweeper.join(5)
        assert not sweeper.is_alive()
        assert not any(cache._shelves.values())


def test_where_no_thread_can_be_started_nothing_is_remembered(make, org, monkeypatch):
    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    cache = make()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError):
        cache.ring(org, Purpose.CONTENT)
    assert not any(cache._shelves.values())
    monkeypatch.undo()
    assert cache.ring(org, Purpose.CONTENT)


def test_it_is_bounded_and_keeps_what_is_used(make, vault):
    cache = make(limit=16)
    favourite, former = new_id(), new_id()
    kept = cache.ring(favourite, Purpose.CONTENT)
    for _ in range(2):
        cache.ring(former, Purpose.AUDIT)  # used once, and never again
    for _ in range(200):
        cache.ring(new_id(), Purpose.METADATA)
        assert cache.ring(favourite, Purpose.CONTENT) is kept
        assert sum(map(len, cache._shelves.values())) <= 16
    assert not cache._shelves[Purpose.AUDIT]


def test_forgetting_one_organization_leaves_the_others(make, vault, org):
    cache, other = make(), new_id()
    live = new_id()
    for owner in (org, other):
        cache.ring(owner, Purpose.CONTENT)
        cache.ring(owner, Purpose.CAPABILITY, live)
    kept = cache.ring(other, Purpose.CONTENT)
    cache.forget(org)
    assert [ring.organization for shelf in cache._shelves.values() for ring in shelf.values()] == [other.bytes] * 2
    assert cache.ring(other, Purpose.CONTENT) is kept
    cache.forget()
    assert not any(cache._shelves.values())


@pytest.mark.parametrize("everything", [True, False])
def test_a_load_that_began_before_forgetting_is_not_kept(make, vault, org, everything):
    cache = make()
    vault.gate = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        loading = threads.submit(cache.ring, org, Purpose.CONTENT)
        while not vault.loads:
            time.sleep(0.001)
        cache.forget(None if everything else org)
        vault.gate.set()
        old = loading.result()
    assert cache.ring(org, Purpose.CONTENT) is not old


def test_many_who_miss_at_once_load_once(make, vault, org):
    cache = make()
    vault.gate = threading.Event()
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(cache.ring, org, Purpose.CONTENT) for _ in range(8)]
        time.sleep(0.05)
        vault.gate.set()
        assert len({id(one.result()) for one in waiting}) == 1
    assert len(vault.loads) == 1


def test_a_refusal_is_shared_and_not_remembered(make, vault, org):
    cache = make()
    vault.gate, vault.error = threading.Event(), KeyUnavailable("The CMK is disabled.")
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(cache.ring, org, Purpose.CONTENT) for _ in range(4)]
        time.sleep(0.05)
        vault.gate.set()
        for one in waiting:
            with pytest.raises(KeyUnavailable, match="disabled"):
                one.result()
    assert len(vault.loads) == 1
    vault.error = None
    assert cache.ring(org, Purpose.CONTENT)


def test_one_threads_own_trouble_is_not_the_others(make, vault, org):
    cache = make()
    vault.gate, vault.error = threading.Event(), RuntimeError("this thread's transaction is broken")
    with ThreadPoolExecutor(2) as threads:
        leader = threads.submit(cache.ring, org, Purpose.CONTENT)
        while not vault.loads:
            time.sleep(0.001)
        follower = threads.submit(cache.ring, org, Purpose.CONTENT)
        time.sleep(0.05)
        vault.gate.set()
        with pytest.raises(RuntimeError):
            leader.result()
        with pytest.raises(RuntimeError):
            follower.result()
    assert len(vault.loads) == 2


def test_who_has_waited_long_enough_loads_alone(make, vault, org, monkeypatch):
    monkeypatch.setattr("keys.rings.WAIT", 0.02)
    cache = make()
    vault.gate = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        threads.submit(cache.ring, org, Purpose.CONTENT)
        while not vault.loads:
            time.sleep(0.001)
        second = threads.submit(cache.ring, org, Purpose.CONTENT)
        while len(vault.loads) < 2:
            time.sleep(0.001)
        vault.gate.set()
        assert second.result()


def test_a_forked_child_begins_with_nothing_and_is_not_stuck(make, org):
    cache = make()
    cache.ring(org, Purpose.CONTENT)
    cache._lock.acquire()  # as another thread might at the moment of the fork
    child = os.fork()
    if child == 0:
        cache.reset()
        empty = not any(cache._shelves.values())
        cache.ring(org, Purpose.CONTENT)
        os._exit(0 if empty else 1)
    cache._lock.release()
    assert os.waitpid(child, 0)[1] == 0


def test_the_products_own_cache_is_reset_in_a_child():
    from keys.rings import cache

    cache._shelves[Purpose.CONTENT][1] = Ring(new_id(), current=1, keys={1: bytes(32)})
    child = os.fork()
    if child == 0:
        os._exit(len(cache._shelves[Purpose.CONTENT]))
    assert os.waitpid(child, 0)[1] == 0


def test_keys_do_not_leave_the_process(make, org):
    with pytest.raises(TypeError):
        pickle.dumps(make().ring(org, Purpose.CONTENT))
