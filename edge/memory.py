"""Small files in this process's memory, as they are sent. Few enough to be bounded, for minutes at most.

An entry belongs to one deployment, which never changes. It ends with the time for which unwrapped keys are remembered:
what lies under a key that was disabled or destroyed elsewhere is not served from here for longer either.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from edge.answers import Headers

FILE_MOST, WHOLE_MOST, ENTRIES_MOST = 1024 * 1024, 64 * 1024 * 1024, 20_000
SECONDS = 300.0
COST = 1024  # of an entry beside its bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer to GET of one path: `body` None where the file is too large to be kept."""

    status: int
    headers: Headers
    etag: str
    size: int
    body: bytes | None
    file: object
    until: float


class Memory:
    """The least recently used go first. Safe for threads."""

    def __init__(self, whole: int = WHOLE_MOST) -> None:
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._lock = Lock()
        self._whole, self._held = whole, 0

    @property
    def held(self) -> int:
        """Bytes, about."""
        return self._held

    def get(self, key: Hashable) -> Entry | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if entry.until < monotonic():
                self._take(key)
                return None
            self._entries.move_to_end(key)
            return entry

    def put(self, key: Hashable, entry: Entry) -> None:
        with self._lock:
            if key in self._entries:
                self._take(key)
            self._entries[key] = entry
            self._held += COST + len(entry.body or b"")
            while self._held > self._whole or len(self._entries) > ENTRIES_MOST:
                self._take(next(iter(self._entries)))

    def _take(self, key: Hashable) -> None:
        self._held -= COST + len(self._entries.pop(key).body or b"")

    def forget(self) -> None:
        with self._lock:
            self._entries.clear()
            self._held = 0
