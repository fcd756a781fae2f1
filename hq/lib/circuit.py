"""A far service that does not answer is not asked for a while: nobody waits for what will not come."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pybreaker

from hq.lib.errors import Problem
from hq.lib.forks import in_each_child


class Circuit:
    """pybreaker, asked so that calls run side by side: its plain `call` holds its lock for as long as the call takes.

    Once the time is over, one call tries whether the service answers again; the others are still refused meanwhile. A
    child process begins with a closed one.
    """

    def __init__(
        self,
        service: str,
        log: logging.Logger,
        *,
        faults: int,
        seconds: float,
        is_outage: Callable[[BaseException], bool],
        refusal: type[Problem],
    ) -> None:
        self._closed = partial(
            pybreaker.CircuitBreaker,
            fail_max=faults,
            reset_timeout=seconds,
            exclude=[lambda error: not is_outage(error)],
            listeners=[_Told(service, log)],
            throw_new_error_on_trip=False,
        )
        self._refusal = refusal
        self.close()
        in_each_child(self.close)

    def close(self) -> None:
        """Forget what was seen of the service."""
        self.circuit = self._closed()
        self._trial = threading.Lock()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Raises what was given as `refusal` at once while the circuit is open."""
        alone = self.circuit.current_state != pybreaker.STATE_CLOSED
        if alone and not self._trial.acquire(blocking=False):
            raise self._refusal
        try:
            with self.circuit.calling():
                yield
        except pybreaker.CircuitBreakerError:
            raise self._refusal from None
        finally:
            if alone:
                self._trial.release()


class _Told(pybreaker.CircuitBreakerListener):
    """Says in the log when calls stop and when they go on."""

    def __init__(self, service: str, log: logging.Logger) -> None:
        self._service, self._log = service, log

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
        if new_state.name == pybreaker.STATE_OPEN:
            words = f"{self._service} does not answer; HQ does not ask it for a while"
            self._log.error(words, extra={"seconds": cb.reset_timeout})
        elif new_state.name == pybreaker.STATE_CLOSED:
            self._log.warning("%s answers again", self._service)
