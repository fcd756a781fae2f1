"""One script, one round trip to Valkey. What it cannot be asked, it is not asked again for a second."""

import logging
import os
from functools import lru_cache
from hashlib import sha1
from threading import Lock, local
from time import monotonic
from typing import Any

from django.conf import settings
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, NoScriptError, RedisError  # noqa: A004 - redis's own name
from redis.retry import Retry

from hq.crypto import kdf, secrets
from hq.lib.errors import Unavailable

log = logging.getLogger("hq.limits")
PATIENCE = 0.5  # seconds, to connect and for an answer
SILENCE = 1.0  # seconds after a fault; or each request would wait for a Valkey that hangs
ALARM_EVERY = 60.0


class LimitsUnavailable(Unavailable):
    """HQ cannot count how often this is done right now, so it is not done. Try again in a moment."""

    wait = 5.0


class _Link(local):
    """A thread's own connection: a pool's costs more than the question. A forked process makes its own."""

    def __init__(self, url: str) -> None:
        # Tries once: a second try would cost a caller as much again, and a storm of them Valkey's return.
        self._pool: Any = ConnectionPool.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)
        )
        self._connection: Any = self._pool.make_connection()
        self._process = os.getpid()

    def ask(self, *words: str | int) -> Any:
        """The answer to one command. Raises RedisError, OSError."""
        if self._process != os.getpid():
            self._connection, self._process = self._pool.make_connection(), os.getpid()
        was_open = self._connection.is_connected
        try:
            return self._answer(words)
        except ConnectionError:
            if not was_open:
                raise
            return self._answer(words)  # Valkey was started anew since the last question

    def _answer(self, words: tuple[str | int, ...]) -> Any:
        """After a fault redis closes the connection: a late answer is not taken for the next one's."""
        self._connection.send_command(*words)
        return self._connection.read_response()


class _Asked:
    """One Valkey, and what became of asking it."""

    def __init__(self, url: str) -> None:
        self._link = _Link(url)
        self._lock = Lock()
        self._silent_until = self._alarm_after = 0.0

    def run(self, script: "Script", words: list[str | int]) -> list[Any]:
        if monotonic() < self._silent_until:
            raise LimitsUnavailable
        try:
            try:
                answer: list[Any] = self._link.ask("EVALSHA", script.digest, *words)
            except NoScriptError:
                answer = self._link.ask("EVAL", script.text, *words)
        except (RedisError, OSError) as error:
            self._failed(error)
            raise LimitsUnavailable from error
        return answer

    def _failed(self, error: Exception) -> None:
        """Be silent for a while, and say so at most once a minute."""
        with self._lock:
            at = monotonic()
            self._silent_until = at + SILENCE
            if at < self._alarm_after:
                return
            self._alarm_after = at + ALARM_EVERY
        log.error("limits cannot be kept", extra={"error": type(error).__name__})


@lru_cache(maxsize=4)
def _asked(url: str) -> _Asked:
    return _Asked(url)


def forget() -> None:
    """Ask anew, whatever failed before."""
    _asked.cache_clear()


class Script:
    """A Lua script that Valkey runs as one step: nothing else happens there meanwhile."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()

    def run(self, keys: list[str], *arguments: str | int) -> list[Any]:
        """What the script returns. Raises LimitsUnavailable."""
        return _asked(settings.REDIS_URL).run(self, [len(keys), *keys, *arguments])


@lru_cache(maxsize=4)
def _naming_key(secret: str) -> bytes:
    return kdf.derive(secret.encode(), info=b"hq limits")


def key_of(kind: str, name: str, subject: str = "") -> str:
    """Where something is kept. Whom it is about cannot be read there: an address or an id goes in as a keyed digest."""
    return f"hq.{kind}.{name}.{_mark(settings.SECRET_KEY, subject) if subject else 'all'}"


@lru_cache(maxsize=4096)
def _mark(secret: str, subject: str) -> str:
    return secrets.keyed_digest(_naming_key(secret), subject)[:16].hex()
