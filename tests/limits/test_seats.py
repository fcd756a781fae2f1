"""Seats: a few threads may wait for the servers of others, and fewer for one of them."""

from contextlib import ExitStack
from threading import Thread

import pytest

from hq.embedded.programs import WEB_THREADS
from hq.limits.seats import MOST, MOST_FOR_ONE, Seats
from hq.limits.slots import Busy


def is_free(seats, subject):
    try:
        with seats.taken(subject):
            return True
    except Busy:
        return False


def test_one_alone_takes_a_part_and_leaves_the_others_theirs():
    seats = Seats(4, 2)
    with seats.taken("one"), seats.taken("one"):
        assert not is_free(seats, "one")
        assert is_free(seats, "another")
    assert is_free(seats, "one")


def test_all_together_take_no_more_than_there_are():
    seats = Seats(3, 2)
    with ExitStack() as held:
        for subject in ("one", "one", "another"):
            held.enter_context(seats.taken(subject))
        with pytest.raises(Busy) as busy, seats.taken("a third"):
            pass
        assert (busy.value.status, busy.value.wait) == (503, 2.0)
    assert is_free(seats, "a third")


def test_whoever_fails_gives_the_seat_back_and_is_forgotten():
    seats = Seats(1, 1)
    for _ in range(3):
        with pytest.raises(ValueError, match="lost"), seats.taken("one"):
            raise ValueError("lost")
    assert is_free(seats, "one")
    assert not seats._taken


def test_threads_are_counted_together():
    seats, came_in = Seats(2, 2), list[bool]()
    with seats.taken("one"), seats.taken("one"):
        threads = [Thread(target=lambda: came_in.append(is_free(seats, "one"))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert came_in == [False] * 4


def test_half_of_the_threads_that_serve_requests_are_left_and_one_takes_no_more_than_a_sixth():
    assert 2 * MOST <= WEB_THREADS
    assert 6 * MOST_FOR_ONE <= WEB_THREADS
