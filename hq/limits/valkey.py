"""One script, one round trip to Valkey. What it cannot be asked, it is not asked again for a second."""

import logging
from functools import cached_property, lru_cache
from hashlib import sha1
from threading import Lock
from time import monotonic
from typing import Any

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
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


class _Asked:
    """One Valkey, and what became of asking it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = Lock()
        self._silent_until = self._alarm_after = 0.0

    @cached_property
    def _client(self) -> Redis:
        """Tries once: a second try would cost a caller as much again, and a storm of them Valkey's return."""
        return Redis.from_url(
            self._url,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
            decode_responses=False,
        )

    def run(self, script: "Script", keys: list[str], arguments: list[str | int]) -> list[Any]:
        if monotonic() < self._silent_until:
            raise LimitsUnavailable
        try:
            try:
                answer: Any = self._client.evalsha(script.digest, len(keys), *keys, *arguments)
            except NoScriptError:
                answer = self._client.eval(script.text, len(keys), *keys, *arguments)
        except (RedisError, OSError) as error:
            self._failed(error)
            raise LimitsUnavailable from error
        found: list[Any] = answer
        return found

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
        return _asked(settings.REDIS_URL).run(self, keys, list(arguments))


@lru_cache(maxsize=4)
def _naming_key(secret: str) -> bytes:
    return kdf.derive(secret.encode(), info=b"hq limits")


def key_of(kind: str, name: str, subject: str = "") -> str:
    """Where something is kept. Whom it is about cannot be read there: an address or an id goes in as a keyed digest."""
    mark = secrets.keyed_digest(_naming_key(settings.SECRET_KEY), subject)[:16].hex() if subject else "all"
    return f"hq.{kind}.{name}.{mark}"
