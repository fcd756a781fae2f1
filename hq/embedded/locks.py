"""Who holds a data directory. The kernel drops these locks with their last holder, so none is ever stale.

`owner`      one process: whoever starts the services (`bin/run`, or a `bin/manage` that found none running).
`services`   inherited by every child of the owner: held as long as one of them lives, even when the owner was killed.
`users`      shared by every `bin/manage` at work: a `bin/manage` that owns the services stops them after the last.
"""

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from hq.embedded import process
from hq.embedded.errors import CannotStart
from hq.embedded.layout import Layout

ORPHANS_SECONDS = 20


@dataclass
class Lock:
    path: Path
    descriptor: int

    @classmethod
    def on(cls, layout: Layout, name: str) -> Self:
        path = layout.data / f"{name}.lock"
        return cls(path, os.open(path, os.O_RDWR | os.O_CREAT, 0o600))

    def take(self, *, shared: bool = False) -> None:
        """Wait for it."""
        fcntl.flock(self.descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)

    def try_take(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def drop(self) -> None:
        os.close(self.descriptor)

    def say(self, **facts: Any) -> None:
        """Leave a note for those who find the lock taken."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, json.dumps({"pid": os.getpid(), **facts}).encode(), 0)

    def note(self) -> dict[str, Any]:
        """The holder's note; empty while there is only one of a holder that was killed."""
        try:
            facts = dict(json.loads(os.pread(self.descriptor, 4096, 0)))
            os.kill(facts["pid"], 0)
        except (ValueError, KeyError, ProcessLookupError):
            return {}
        return facts


def own(layout: Layout, command: str) -> Lock:
    """Become the owner, or raise CannotStart at once with the name of who is."""
    lock = Lock.on(layout, "owner")
    if not lock.try_take():
        holder = lock.note()
        lock.drop()
        raise CannotStart(
            f"{holder.get('command', 'HQ')} is already running on {layout.data}, as process {holder.get('pid', '?')}; "
            "stop it, or name another folder in HQ_DATA_DIR."
        )
    lock.say(command=command)
    return lock


def hold_services(layout: Layout) -> Lock:
    """Take the lock that the services inherit. Those of a killed run are given time to end. Raises CannotStart."""
    lock = Lock.on(layout, "services")
    if not process.wait_until(lock.try_take, seconds=ORPHANS_SECONDS):
        lock.drop()
        raise CannotStart(
            f"Processes of an earlier run are still alive on {layout.data}{_postmaster(layout)}; stop them first."
        )
    return lock


def _postmaster(layout: Layout) -> str:
    try:
        return f" (PostgreSQL is process {(layout.postgres_data / 'postmaster.pid').read_text().split()[0]})"
    except (OSError, IndexError):
        return ""
