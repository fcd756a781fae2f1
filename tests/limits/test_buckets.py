"""Buckets: how many may come at once, how many leak out, and that nobody comes in between."""

import json
import logging
from time import monotonic

import pytest

from hq.lib.ids import new_id
from hq.limits import valkey
from hq.limits.buckets import Bucket, LimitsUnavailable, take
from tests.jobs.support import until


def bucket(most=3, seconds=60, name="test"):
    return Bucket(name, str(new_id()), most, seconds)


def move(kept, bucket, seconds):
    """As if so many seconds had passed for it."""
    kept.set(bucket.key, int(kept.get(bucket.key)) - int(seconds * 1_000_000), keepttl=True)


def drain(bucket):
    for _ in range(bucket.most):
        assert take(bucket).allowed
    refused = take(bucket)
    assert not refused.allowed
    return refused


def test_as_many_as_it_holds_may_come_at_once_and_it_tells_how_many_are_left():
    three = bucket()
    told = [take(three) for _ in range(4)]
    assert [(each.allowed, each.limit, each.remaining) for each in told] == [
        (True, 3, 2),
        (True, 3, 1),
        (True, 3, 0),
        (False, 3, 0),
    ]
    assert [round(each.reset_after) for each in told] == [20, 40, 60, 60]
    assert [each.retry_after > 0 for each in told] == [False, False, False, True]


def test_waiting_as_long_as_told_lets_one_through_and_no_more(kept):
    three = bucket()
    told = drain(three)
    assert 19 < told.retry_after <= 20
    move(kept, three, told.retry_after - 1)
    assert not take(three).allowed
    move(kept, three, 1)
    assert take(three).allowed
    assert not take(three).allowed


def test_it_never_lets_more_through_than_leaks_out(kept):
    three = bucket()
    drain(three)
    for _ in range(5):
        move(kept, three, 40)
        assert [take(three).allowed for _ in range(3)] == [True, True, False]


def test_one_that_is_sure_is_charged_though_another_refuses_and_nothing_is_if_it_refuses_itself():
    door, key = bucket(most=5), bucket(most=1)
    assert [take(key, sure=door).allowed for _ in range(3)] == [True, False, False]
    assert take(door).remaining == 1
    assert take(door).allowed
    other = bucket(most=2)
    refused = take(other, sure=door)
    assert (refused.allowed, refused.bucket) == (False, door)
    assert take(other).remaining == 1


def test_it_is_charged_as_often_as_was_skipped_and_no_more_than_it_holds():
    door = bucket(most=5)
    assert take(bucket(), sure=door, times=3).allowed
    assert take(door).remaining == 1
    assert take(bucket(), sure=bucket(most=5), times=1000).remaining == 0


def test_a_long_quiet_time_saves_up_no_more_than_it_holds(kept):
    three = bucket()
    drain(three)
    move(kept, three, 3600)
    drain(three)


@pytest.mark.parametrize(("most", "seconds"), [(1, 3600), (7, 3600), (11, 86_400)])
def test_rates_that_do_not_divide_hold_as_many_as_they_say(most, seconds):
    drain(bucket(most, seconds))


@pytest.mark.parametrize(("most", "seconds"), [(1, 1), (7, 60), (999, 60), (1_000_000, 1), (86_400_000, 86_400)])
def test_no_rate_lets_more_through_for_counting_in_whole_microseconds(most, seconds):
    interval = bucket(most, seconds).interval
    assert seconds * 1_000_000 - most < interval * most <= seconds * 1_000_000


def test_a_limit_that_was_changed_keeps_nobody_for_longer_than_the_new_one():
    hourly = bucket(3, 3600)
    drain(hourly)
    refused = take(Bucket(hourly.name, hourly.subject, 60, 60))
    assert refused.retry_after == pytest.approx(1, abs=0.1)


def test_subjects_and_names_are_counted_apart():
    one = bucket()
    drain(one)
    assert take(Bucket(one.name, str(new_id()), 3, 60)).allowed
    assert take(Bucket("other", one.subject, 3, 60)).allowed


def test_one_that_refuses_keeps_the_others_from_being_charged():
    narrow, wide = bucket(1), bucket(10)
    assert take(wide, narrow).bucket == narrow
    for _ in range(5):
        refused = take(wide, narrow)
        assert (refused.allowed, refused.bucket) == (False, narrow)
    assert take(wide).remaining == 8


def test_it_tells_of_the_tightest():
    assert take(bucket(100), bucket(10), bucket(50)).bucket.most == 10
    soon, late = bucket(1, 10), bucket(1, 3600)
    take(soon, late)
    assert take(soon, late).bucket == late


def test_it_expires_by_itself_when_it_is_empty(kept):
    three = bucket()
    take(three)
    assert 19_000 < kept.pttl(three.key) <= 20_000
    take(three)
    assert 39_000 < kept.pttl(three.key) <= 40_000


def test_whom_it_is_about_cannot_be_read_in_valkey(kept, settings):
    address = "198.51.100.77"
    one = Bucket("ip", address, 3, 60)
    take(one)
    key = one.key
    assert kept.exists(key)
    assert address not in key
    settings.SECRET_KEY = "another" * 8
    assert one.key != key  # not to be found by trying all addresses


def test_processes_that_race_get_exactly_what_it_holds(racers):
    wide, narrow = bucket(90, 3600), bucket(60, 3600)
    order = [[each.name, each.subject, each.most, each.seconds] for each in (wide, narrow)]
    with racers("take", racers=4, tries=50, buckets=order) as race:
        told = json.loads(race.stdout.readline())
    assert (told["done"], told["refused"], told["failed"]) == (60, 140, 0)
    assert take(wide).remaining == 29


class TestValkeyAway:
    def test_a_valkey_that_forgot_the_script_is_told_it_again(self, kept):
        three = bucket()
        take(three)
        kept.script_flush()
        assert take(three).remaining == 1

    def test_a_valkey_that_was_started_anew_is_asked_on(self, own_valkey, caplog):
        three = bucket()
        take(three)
        own_valkey.stop()
        own_valkey.start()
        assert take(three).remaining == 2
        assert caplog.records == []

    def test_an_answer_that_came_too_late_is_nobody_elses(self, own_valkey, monkeypatch):
        monkeypatch.setattr(valkey, "SILENCE", 0)
        wide, narrow = bucket(100), bucket(3)
        take(wide)
        own_valkey.hang()
        with pytest.raises(LimitsUnavailable):
            take(wide)
        own_valkey.wake()
        assert take(narrow).remaining == 2

    def test_a_process_that_was_forked_asks_by_a_connection_of_its_own(self, racers):
        with racers("fork", sizes=[300, 7000]) as race:
            told = [json.loads(race.stdout.readline()) for _ in range(2)]
        assert sorted(told) == [list(range(298, 98, -1)), list(range(6999, 6799, -1))]

    def test_one_request_meets_a_valkey_that_hangs_and_the_next_ones_do_not(self, own_valkey, monkeypatch):
        monkeypatch.setattr(valkey, "SILENCE", 60)  # longer than the test takes on a busy machine
        take(bucket())
        own_valkey.hang()
        began = monotonic()
        for _ in range(50):
            with pytest.raises(LimitsUnavailable):
                take(bucket())
        assert monotonic() - began < 20 * valkey.PATIENCE
        own_valkey.wake()

    def test_the_alarm_sounds_once_however_many_ask(self, own_valkey, caplog, monkeypatch):
        monkeypatch.setattr(valkey, "SILENCE", 0)
        own_valkey.stop()
        for _ in range(20):
            with pytest.raises(LimitsUnavailable):
                take(bucket())
        alarms = [record for record in caplog.records if record.name == "hq.limits"]
        assert [(each.levelno, each.message) for each in alarms] == [(logging.ERROR, "limits cannot be kept")]
        monkeypatch.setattr(valkey._asked(own_valkey.url), "_alarm_after", 0)
        with pytest.raises(LimitsUnavailable):
            take(bucket())
        assert len(caplog.records) == 2

    def test_it_counts_again_as_soon_as_valkey_is_back(self, own_valkey, monkeypatch):
        monkeypatch.setattr(valkey, "SILENCE", 0.01)
        take(bucket())
        own_valkey.stop()
        with pytest.raises(LimitsUnavailable):
            take(bucket())
        own_valkey.start()

        def counts():
            try:
                return take(bucket()).allowed
            except LimitsUnavailable:
                return False

        until(counts)

    def test_a_valkey_that_may_not_be_written_is_as_one_that_is_away(self, own_valkey):
        from redis import Redis

        Redis.from_url(own_valkey.url).config_set("maxmemory", 1)
        with pytest.raises(LimitsUnavailable):
            take(bucket())
