"""What this process knows to be refused for a while, so that a flood asks Valkey no more than once in that time.

A bucket that refuses says how long it will, and only time empties it: until then the answer is known. How many were
refused meanwhile without asking is kept as well, so that they can be counted all the same.
"""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from time import monotonic

from hq.limits.buckets import Bucket

MOST = 4096


class Refusals:
    """Safe for threads. Who has more addresses than there is room for is asked about in Valkey again."""

    def __init__(self, clock: Callable[[], float] = monotonic, *, most: int = MOST) -> None:
        self._clock, self._most, self._lock = clock, most, Lock()
        self._until: OrderedDict[Bucket, float] = OrderedDict()
        self._skipped: OrderedDict[Bucket, int] = OrderedDict()

    def note(self, bucket: Bucket, wait: float) -> None:
        """It refuses for so many seconds from now."""
        with self._lock:
            self._until[bucket] = self._clock() + wait
            self._until.move_to_end(bucket)
            while len(self._until) > self._most:
                self._until.popitem(last=False)

    def wait(self, bucket: Bucket) -> float:
        """For how many seconds it surely refuses; 0 if that is not known."""
        until = self._until.get(bucket)
        return 0.0 if until is None else max(0.0, until - self._clock())

    def skip(self, bucket: Bucket) -> None:
        """One request was not charged to it."""
        with self._lock:
            self._skipped[bucket] = self._skipped.pop(bucket, 0) + 1
            while len(self._skipped) > self._most:
                self._skipped.popitem(last=False)

    def skipped(self, bucket: Bucket) -> int:
        """How many were not charged to it since this was asked last."""
        with self._lock:
            return self._skipped.pop(bucket, 0)

    def forget(self) -> None:
        """Ask anew."""
        with self._lock:
            self._until.clear()
            self._skipped.clear()
