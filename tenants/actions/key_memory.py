"""Remembers that a key's slow hash was verified: a minute in this process, five in Valkey (ACC-3).

What is remembered is that a secret belongs to a hash, which stays true for ever, and never what the key may do: its row
is read each time, and a row with another hash is another question. Both memories know a pair only by a keyed digest of
it. Here the key is random and dies with the process; in Valkey it is derived from the pepper, apart from the one for
looking up, so whoever writes into Valkey cannot make an entry for a secret of their own.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import BoundedSemaphore, Lock
from time import monotonic

from django.conf import settings

from hq.crypto import kdf, passwords, secrets
from hq.limits.valkey import LimitsUnavailable, Script

HERE, IN_VALKEY = 60, 300  # seconds
MOST = 4096

_ASK = Script("return {redis.call('EXISTS', KEYS[1])}")
_TELL = Script("redis.call('SET', KEYS[1], 1, 'EX', ARGV[1]) return {}")


@lru_cache(maxsize=4)
def _pepper(secret: str) -> bytes:
    return kdf.derive(secret.encode(), info=b"hq api key verified")


class _Flight:
    """One verification that several threads wait for."""

    def __init__(self) -> None:
        self.lock, self.waiting = Lock(), 0


class Verified:
    """Tells whether a secret belongs to a hash, by Argon2id only if nobody has found that out lately."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork: a lock held by a thread that the child lacks would never be let go."""
        self._own_pepper = os.urandom(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._flights: dict[bytes, _Flight] = {}
        self._lock = Lock()
        # Argon2id takes 20 ms of a core and 19 MiB: two at a time, so that keys long unused do not starve those in use.
        self._slots = BoundedSemaphore(2)

    def matches(self, secret: str, hashed: str) -> bool:
        """True if they belong together. Of threads that ask the same at once, one finds out."""
        pair = f"{hashed}\x00{secret}"
        mark = self._mark(pair)
        if self._knows(mark):
            return True
        with self._alone(mark):
            if self._knows(mark):
                return True
            if not (_known_in_valkey(pair) or self._verify(secret, hashed, pair)):
                return False
            self._remember(mark)
            self._remember(self._mark(secret))
        return True

    def saw(self, secret: str) -> bool:
        """True if it belonged to some hash within the last minute."""
        return self._knows(self._mark(secret))

    def _mark(self, text: str) -> bytes:
        return secrets.keyed_digest(self._own_pepper, text)

    def _knows(self, mark: bytes) -> bool:
        return self._until.get(mark, 0.0) > self._clock()

    def _remember(self, mark: bytes) -> None:
        with self._lock:
            self._until[mark] = self._clock() + HERE
            self._until.move_to_end(mark)
            while len(self._until) > MOST:
                self._until.popitem(last=False)

    def _verify(self, secret: str, hashed: str, pair: str) -> bool:
        with self._slots:
            right = passwords.verify_secret(hashed, secret)
        if right:
            _tell_valkey(pair)
        return right

    @contextmanager
    def _alone(self, mark: bytes) -> Iterator[None]:
        with self._lock:
            flight = self._flights.setdefault(mark, _Flight())
            flight.waiting += 1
        try:
            with flight.lock:
                yield
        finally:
            with self._lock:
                flight.waiting -= 1
                if not flight.waiting:
                    del self._flights[mark]


def valkey_name(pair: str) -> str:
    """Where Valkey remembers a pair of hash and secret."""
    return f"hq.key.verified.{secrets.keyed_digest(_pepper(settings.API_KEY_PEPPER), pair).hex()}"


# Valkey that is away makes it slower and lets nobody in. The alarm in the log is that of the limits, which lack it too.
def _known_in_valkey(pair: str) -> bool:
    try:
        return bool(_ASK.run([valkey_name(pair)])[0])
    except LimitsUnavailable:
        return False


def _tell_valkey(pair: str) -> None:
    try:
        _TELL.run([valkey_name(pair)], IN_VALKEY)
    except LimitsUnavailable:
        return
