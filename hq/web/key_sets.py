"""Keys that others publish, to check their signatures by (JWK sets, RFC 7517): kept for a while, asked for seldom.

A copy lies in this process and one in Valkey, so that all processes share one asking. The keys are public, so there is
nothing to hide; but whoever writes to Valkey could put keys of their own there. So a copy carries an HMAC, under which
are the address it was read from and the time: one without it, or from another address, is not there.

What comes in from strangers (a token that names a key nobody published) must not make us a flood: an address is asked
once in half a minute, whatever comes of it, and a name that it did not have then is not asked for again for a while.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from struct import Struct
from threading import BoundedSemaphore, Lock
from time import monotonic, sleep, time
from typing import Final

from django.conf import settings
from django.core.cache import cache
from joserfc.jwk import KeySet

from hq.crypto import kdf, secrets
from hq.lib.openid import NotTrusted, UnknownKey, read_keys
from hq.lib.outbound import NotFetched, OutboundSession, fetch
from hq.web.outbound import SECONDS, rules

log = logging.getLogger("hq.web")

FRESH = 600  # seconds; a provider that changes its keys publishes the new one earlier
USABLE = 86_400  # seconds, while the provider cannot be reached
ASK_AGAIN_AFTER = 30  # seconds
UNKNOWN_FOR = 300  # seconds
MOST_BYTES = 256 * 1024
MOST_COPIES = 64  # in one process; more lie in Valkey
SEATS = 8  # of the threads of a process may wait for issuers; the others have requests to serve
_LOOK_AGAIN_AFTER = 0.05  # seconds

_ASKING: Final = "asking"
_OVER: Final = "over"
_MARK_BYTES = 32
_READ_AT = Struct(">d")


class AskedJustNow(NotFetched):
    """The keys could not be had a moment ago. Try again in half a minute."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A set of keys, and when (seconds of the epoch) it was read."""

    read_at: float
    keys: KeySet

    def names(self, kid: str) -> bool:
        return any(key.kid == kid for key in self.keys)


def place(uri: str) -> str:
    """Where in Valkey the copy lies; beside it, `.asked` tells that the address was asked."""
    return f"hq.keys.{sha256(uri.encode()).hexdigest()}"


def _unknown(uri: str, kid: str) -> str:
    return f"{place(uri)}.unknown.{sha256(kid.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _fetch(uri: str) -> bytes:
    with OutboundSession(replace(rules(), most_bytes=MOST_BYTES)) as session:
        return fetch(session, uri, accept="application/json")


def _seal(uri: str, at: float, body: bytes) -> bytes:
    stamped = _READ_AT.pack(at) + body
    return _mark(uri, stamped) + stamped


def _mark(uri: str, stamped: bytes) -> bytes:
    key = kdf.derive(settings.SECRET_KEY.encode(), info=b"hq published keys")
    return secrets.keyed_digest(key, sha256(uri.encode()).digest() + stamped)


def _open(uri: str, sealed: object, *, after: float) -> Copy | None:
    """The copy, if HQ made it, and made it of an answer later than that."""
    if not isinstance(sealed, bytes) or len(sealed) < _MARK_BYTES + _READ_AT.size:
        return None
    stamped = sealed[_MARK_BYTES:]
    if not secrets.equal(sealed[:_MARK_BYTES], _mark(uri, stamped)):
        log.error("a set of keys in Valkey was not put there by HQ")
        return None
    (at,) = _READ_AT.unpack_from(stamped)
    return Copy(at, read_keys(stamped[_READ_AT.size :])) if at > after else None


class KeySets:
    """The copies of one process."""

    def __init__(self, *, ask: Callable[[str], bytes] = _fetch, clock: Callable[[], float] = time) -> None:
        self._ask, self._clock = ask, clock
        self._copies: OrderedDict[str, Copy] = OrderedDict()
        self._lock = Lock()
        self._seats = BoundedSemaphore(SEATS)

    def published(self, uri: str) -> KeySet:
        """The keys at the address as they were within ten minutes; within a day, while they cannot be had.

        Raises NotFetched, NotTrusted (it is no set of keys).
        """
        held = self._held(uri)
        if held is None or not self._is_fresh(held):
            held = self._asked(uri, held) or held
        if held is None:
            raise AskedJustNow
        return held.keys

    def newer(self, uri: str, kid: str) -> KeySet:
        """The keys at the address with the one of this name, which the copy at hand did not have.

        Raises:
            UnknownKey: it is not published there, or was not half a minute ago.
            NotFetched, NotTrusted: nothing can be had there.
        """
        held = self._shared(uri)
        if held is None or not held.names(kid):
            if cache.get(_unknown(uri, kid)) is not None:
                raise UnknownKey
            held = self._asked(uri, held, kid=kid) or held
        if held is None:
            raise AskedJustNow
        if not held.names(kid):
            raise UnknownKey
        return held.keys

    # ---- copies

    def _is_fresh(self, copy: Copy) -> bool:
        return 0 <= self._clock() - copy.read_at < FRESH

    def _held(self, uri: str) -> Copy | None:
        """The copy of this process while it is fresh, else the newest there is."""
        with self._lock:
            own = self._copies.get(uri)
        return own if own is not None and self._is_fresh(own) else self._shared(uri)

    def _shared(self, uri: str) -> Copy | None:
        """The newer of this process's copy and the one in Valkey, unless even that is from more than a day ago."""
        with self._lock:
            own = self._copies.get(uri)
        theirs = _open(uri, cache.get(place(uri)), after=own.read_at if own else 0.0)
        if theirs is not None:
            self._keep(uri, theirs)
        newest = theirs or own
        return newest if newest is not None and self._clock() - newest.read_at < USABLE else None

    def _keep(self, uri: str, copy: Copy) -> None:
        with self._lock:
            own = self._copies.get(uri)
            if own is None or own.read_at <= copy.read_at:
                self._copies[uri] = copy
            self._copies.move_to_end(uri)
            while len(self._copies) > MOST_COPIES:
                self._copies.popitem(last=False)

    # ---- asking

    def _asked(self, uri: str, held: Copy | None, *, kid: str | None = None) -> Copy | None:
        """As `_seated`, by a few threads at once: issuers that answer slowly must not take all that serve requests."""
        if not self._seats.acquire(blocking=False):
            if held is None or kid is not None:
                raise AskedJustNow
            return None
        try:
            return self._seated(uri, held, kid=kid)
        finally:
            self._seats.release()

    def _seated(self, uri: str, held: Copy | None, *, kid: str | None) -> Copy | None:
        """What the address says now. None: it cannot be asked again yet, or could not be had and a copy is held.

        A first reading does not count as asking again: a key may have been changed right after it.

        Raises NotFetched, NotTrusted, if no copy is held.
        """
        if not cache.add(f"{place(uri)}.asked", _ASKING, ASK_AGAIN_AFTER):
            return None if held is not None and kid is None else self._awaited(uri)
        copy = None
        try:
            copy = self._read_meanwhile(uri, held, kid) or self._read(uri)
        except (NotFetched, NotTrusted) as error:
            if held is None:
                raise
            log.warning("published keys could not be read again", extra={"reason": type(error).__name__})
            return None
        finally:
            again = 0 if held is None and copy is not None else ASK_AGAIN_AFTER
            cache.set(f"{place(uri)}.asked", _OVER, again)
        if kid is not None and not copy.names(kid):
            cache.set(_unknown(uri, kid), True, UNKNOWN_FOR)
        return copy

    def _read_meanwhile(self, uri: str, held: Copy | None, kid: str | None) -> Copy | None:
        """What somebody else got between our looking and our turn to ask, if it serves."""
        found = self._shared(uri)
        if found is None or (held is not None and found.read_at <= held.read_at):
            return None
        return found if kid is None or found.names(kid) else None

    def _read(self, uri: str) -> Copy:
        at, body = self._clock(), self._ask(uri)
        copy = Copy(at, read_keys(body))
        cache.set(place(uri), _seal(uri, at, body), USABLE)
        self._keep(uri, copy)
        return copy

    def _awaited(self, uri: str) -> Copy | None:
        """Somebody else has asked: what they got, once they have it. Not longer than asking may take."""
        ends_at = monotonic() + SECONDS
        while cache.get(f"{place(uri)}.asked") == _ASKING and monotonic() < ends_at:
            sleep(_LOOK_AGAIN_AFTER)
        return self._shared(uri)


_sets = KeySets()
published = _sets.published
newer = _sets.newer
