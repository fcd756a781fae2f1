"""Slots: never more at once than there are, and none lost to who was killed."""

import json
from contextlib import ExitStack

import pytest
from redis import Redis

from hq.lib.ids import new_id
from hq.limits.slots import Busy, SlotLost, slot
from hq.limits.valkey import LimitsUnavailable, key_of


@pytest.fixture
def name():
    return f"test {new_id()}"


def pass_time(kept: Redis, name, seconds):
    """As if so many seconds had passed for all who hold one."""
    key = key_of("slot", name)
    for holder in kept.zrange(key, 0, -1):
        kept.zincrby(key, -seconds * 1_000_000, str(holder))


def is_free(name, most=1):
    try:
        with slot(name, most=most, lease=60):
            return True
    except Busy:
        return False


def test_one_more_than_there_are_is_asked_to_come_again(name):
    with slot(name, most=2, lease=60), slot(name, most=2, lease=30):
        with pytest.raises(Busy) as busy, slot(name, most=2, lease=60):
            pass
        assert busy.value.status == 503
        assert busy.value.wait == pytest.approx(30, abs=1)
    assert is_free(name)


def test_it_is_given_back_whatever_happens(name):
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), slot(name, most=1, lease=60):
            raise ZeroDivisionError
    assert is_free(name)


def test_subjects_have_slots_of_their_own(name):
    with slot(name, "one", most=1, lease=60):
        with pytest.raises(Busy), slot(name, "one", most=1, lease=60):
            pass
        with slot(name, "two", most=1, lease=60):
            pass


def test_who_renews_keeps_it_and_who_does_not_loses_it(name, kept):
    with slot(name, most=1, lease=10) as held:
        pass_time(kept, name, 9)
        held.renew()
        pass_time(kept, name, 9)
        assert not is_free(name)
        pass_time(kept, name, 2)
        with slot(name, most=1, lease=60):
            with pytest.raises(SlotLost):
                held.renew()
            assert not is_free(name)
    assert is_free(name)


def test_who_lost_it_takes_nothing_from_who_has_it_now(name, kept):
    with ExitStack() as another:
        with slot(name, most=1, lease=10):
            pass_time(kept, name, 11)
            another.enter_context(slot(name, most=1, lease=60))
        assert not is_free(name)
    assert is_free(name)


def test_what_nobody_holds_expires(name, kept):
    with slot(name, most=1, lease=60):
        assert 59_000 < kept.pttl(key_of("slot", name)) <= 60_000
    assert not kept.exists(key_of("slot", name))


def test_processes_that_race_are_never_more_inside_than_there_are_slots(name, racers):
    with racers("slots", racers=8, tries=25, most=3, name=name) as race:
        told = json.loads(race.stdout.readline())
    assert told["done"] + told["refused"] == 200
    assert told["done"] > 3
    assert told["refused"] >= 5
    assert 1 <= told["most_inside"] <= 3
    assert told["failed"] == 0
    with slot(name, most=3, lease=60), slot(name, most=3, lease=60), slot(name, most=3, lease=60):
        pass


def test_who_is_killed_leaves_all_of_them_when_the_lease_ends(name, racers, kept):
    with racers("hold", name=name, most=3, lease=30) as holder:
        assert json.loads(holder.stdout.readline()) == {"holds": 3}
        holder.kill()
    assert not is_free(name, 3)
    pass_time(kept, name, 31)
    with slot(name, most=3, lease=60), slot(name, most=3, lease=60), slot(name, most=3, lease=60):
        pass


def test_without_valkey_nothing_heavy_begins_and_what_has_begun_ends_well(name, own_valkey, caplog):
    with slot(name, most=1, lease=60) as held:
        own_valkey.stop()
        with pytest.raises(LimitsUnavailable):
            held.renew()
        with pytest.raises(LimitsUnavailable), slot(name, most=1, lease=60):
            pass
    assert [record.message for record in caplog.records] == ["limits cannot be kept", "a slot could not be given back"]


@pytest.mark.parametrize("wrong", [{"most": 0, "lease": 1}, {"most": 1, "lease": 0}])
def test_a_slot_of_nothing_or_for_no_time_is_a_mistake(name, wrong):
    with pytest.raises(ValueError, match="one of at least one"), slot(name, **wrong):
        pass
