"""How many threads of this process may wait for the servers of others at once, and for one of them.

Whoever is slow on purpose, or ill, must not have all threads that serve requests. It is counted in the process itself:
its threads are what is short, and it holds while Valkey is away.
"""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from threading import Lock

from hq.limits.slots import Busy

# Of a web process's 24 threads. What is waited for ends within seconds, so whoever is turned away comes in soon.
MOST, MOST_FOR_ONE = 12, 4
WAIT = 2.0


class Seats:
    """Safe for threads."""

    def __init__(self, most: int, most_for_one: int) -> None:
        self._most, self._most_for_one = most, most_for_one
        self._lock = Lock()
        self._taken: Counter[Hashable] = Counter()

    @contextmanager
    def taken(self, subject: Hashable) -> Iterator[None]:
        """Wait for somebody's server in here, on behalf of one subject such as an organization. Raises Busy at once."""
        with self._lock:
            if self._taken.total() >= self._most or self._taken[subject] >= self._most_for_one:
                raise Busy(wait=WAIT)
            self._taken[subject] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[subject] -= 1
                self._taken += Counter()  # forgets who has none


_seats = Seats(MOST, MOST_FOR_ONE)
waiting_for = _seats.taken
