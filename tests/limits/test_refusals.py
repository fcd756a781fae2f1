"""What a process knows of buckets that refuse."""

from hq.limits.buckets import Bucket
from hq.limits.refusals import Refusals

ONE, OTHER, THIRD = (Bucket("test", name, 3, 60) for name in ("one", "other", "third"))


def test_a_refusal_is_known_for_as_long_as_it_lasts_and_of_that_bucket_alone() -> None:
    at = [100.0]
    known = Refusals(lambda: at[0])
    known.note(ONE, 5)
    assert (known.wait(ONE), known.wait(OTHER), known.wait(Bucket("test", "one", 4, 60))) == (5, 0, 0)
    at[0] = 104.5
    assert known.wait(ONE) == 0.5
    at[0] = 105
    assert known.wait(ONE) == 0


def test_what_was_skipped_is_told_once() -> None:
    known = Refusals()
    for _ in range(3):
        known.skip(ONE)
    assert [known.skipped(ONE), known.skipped(ONE), known.skipped(OTHER)] == [3, 0, 0]


def test_there_is_room_for_so_many_and_the_oldest_goes() -> None:
    known = Refusals(lambda: 0.0, most=2)
    for bucket in (ONE, OTHER, THIRD):
        known.note(bucket, 5)
        known.skip(bucket)
    assert [known.wait(bucket) for bucket in (ONE, OTHER, THIRD)] == [0, 5, 5]
    assert [known.skipped(bucket) for bucket in (ONE, OTHER, THIRD)] == [0, 1, 1]
