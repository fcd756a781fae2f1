"""Which artifact a host name is: asked once a second at most, and remembered for a minute where nobody answers.

So a switch to another deployment shows within a second, and a password that was changed or a link that was revoked ends
the cookies of before within a second; within a minute where the database is away.
"""

import logging
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from artifacts import selectors
from artifacts.selectors import Site
from edge.database import release
from hq.lib.errors import Unavailable

log = logging.getLogger("hq.edge")
FRESH, STALE = 1.0, 60.0
MOST = 10_000


@dataclass(slots=True)
class _Known:
    site: Site | None
    asked_at: float
    lock: Lock


class Sites:
    """Safe for threads. Names that nobody has are remembered too."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._lock = Lock()

    def find(self, label: str) -> Site | None:
        """The artifact as it was a second ago at most. Raises Unavailable."""
        known = self._known.get(label)
        if known is not None and monotonic() - known.asked_at < FRESH:
            return known.site
        return self._renewed(label)

    def _renewed(self, label: str) -> Site | None:
        """One thread asks for each name, and those who come meanwhile wait for it."""
        with self._lock:
            known = self._known.setdefault(label, _Known(None, -STALE, Lock()))
            self._known.move_to_end(label)
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        with known.lock:
            if monotonic() - known.asked_at < FRESH:
                return known.site
            at = monotonic()
            try:
                known.site, known.asked_at = selectors.find_site(label), at
            except (DatabaseError, PoolTimeout) as error:
                log.warning("database not reachable", extra={"error": type(error).__name__})
                if at - known.asked_at > STALE:
                    raise Unavailable from error
            finally:
                release()
            return known.site

    def forget(self) -> None:
        """Ask anew."""
        with self._lock:
            self._known.clear()
