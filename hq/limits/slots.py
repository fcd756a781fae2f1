"""How much heavy work may run at once, in all processes together (ISO-4).

Each who works holds a lease in a sorted set, by the time it ends. One who is killed gives nothing back: the lease ends.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from hq.crypto.secrets import random_token
from hq.lib.errors import Refused, Unavailable
from hq.limits.valkey import LimitsUnavailable, Script, key_of

__all__ = ["Busy", "Slot", "SlotLost", "slot"]

log = logging.getLogger("hq.limits")
MOST = 100
_MICRO = 1_000_000

# KEYS: the leases. ARGV: holder, microseconds of a lease, how many at most (0: a lease that is held is made longer).
# Returns microseconds until the first lease ends: 0 means the slot is held, -1 that there is none to make longer.
_TAKE = Script("""
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local holder, lease, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if most == 0 then
  if not redis.call('ZSCORE', KEYS[1], holder) then return {-1} end
elseif redis.call('ZCARD', KEYS[1]) >= most then
  return {redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] - now}
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + lease), holder)
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
redis.call('PEXPIRE', KEYS[1], math.ceil((last - now) / 1000))
return {0}
""")
_GIVE_BACK = Script("return {redis.call('ZREM', KEYS[1], ARGV[1])}")


class Busy(Unavailable):
    """As much of this as may run at once is under way. Try again in a moment."""

    wait: float

    def __init__(self, message: str = "", *, wait: float) -> None:
        super().__init__(message)
        self.wait = wait


class SlotLost(Refused):
    """This took so long without a sign of life that its place was given to another."""


class Slot:
    """A place among those who work."""

    def __init__(self, key: str, seconds: float) -> None:
        self._key, self._seconds, self._holder = key, seconds, random_token(size=16)

    def take(self, most: int) -> None:
        """Come in. Raises Busy, LimitsUnavailable."""
        (wait,) = _TAKE.run([self._key], self._holder, int(self._seconds * _MICRO), most)
        if wait:
            raise Busy(wait=max(1.0, wait / _MICRO))

    def renew(self) -> None:
        """Hold the place for another lease from now. Raises SlotLost: somebody else may have it; LimitsUnavailable."""
        (wait,) = _TAKE.run([self._key], self._holder, int(self._seconds * _MICRO), 0)
        if wait:
            raise SlotLost

    def give_back(self) -> None:
        """Leave. Without Valkey the lease ends by itself; the work that was done is not undone for it."""
        try:
            _GIVE_BACK.run([self._key], self._holder)
        except LimitsUnavailable:
            log.warning("a slot could not be given back", extra={"lease_seconds": self._seconds})


@contextmanager
def slot(name: str, subject: str = "", *, most: int = MOST, lease: float) -> Iterator[Slot]:
    """Work as one of `most` at once; of one subject, such as an organization, if one is named.

    `lease` is how many seconds the place is held without `renew()`: longer than anything between two renewals takes.
    Raises Busy, and LimitsUnavailable: heavy work is not begun uncounted.
    """
    if most < 1 or lease <= 0:
        raise ValueError("A slot is one of at least one, for some time.")
    held = Slot(key_of("slot", name, subject), lease)
    held.take(most)
    try:
        yield held
    finally:
        held.give_back()
