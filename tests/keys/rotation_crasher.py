"""Forks workers that do what waits, and of which each is killed, as a power cut would, at a named point of a rotation.

`python -m tests.keys.rotation_crasher` reads a line for each, the point and its how-manieth passing, and answers with
how the worker ended. No hook is in the product: the functions at each point are replaced in the worker. It holds no
connection and no thread of its own, so that forking is safe.
"""

import os
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

import django

from tests.vault.crasher import die

# Where a worker dies: before or after a call of which function. All of a name's calls count.
POINTS = {
    "version: nobody told": ("before", "keys.providers.embedded.EmbeddedProvider.rotate_key"),
    "version: the provider made it": ("after", "keys.providers.embedded.EmbeddedProvider.rotate_key"),
    "version: a data key is wrapped anew": ("after", "keys.providers.embedded.EmbeddedProvider.reencrypt"),
    "version: a data key is made": ("after", "keys.actions.reencryption.renew_data_key"),
    "version: before the commit": ("after", "keys.actions.reencryption._renew_data_keys"),
    "version: committed": ("after", "keys.actions.reencryption._make_version"),
    "rows: locked": ("after", "keys.columns.SealedColumns._locked"),
    "rows: a part is sent": ("after", "keys.columns.SealedColumns._write"),
    "rows: before the commit": ("after", "keys.columns.SealedColumns._forward"),
    "rows: committed, not yet counted": ("after", "keys.columns.SealedColumns.reseal"),
    "rows: counted": ("after", "keys.actions.reencryption._next_batch"),
    "end: begun": ("before", "keys.actions.reencryption._settle"),
    "end: the statement is signed": ("after", "keys.actions.rotation_end.issue_statement"),
    "end: before the commit": ("after", "keys.actions.reencryption.finish_rotation"),
    "end: committed": ("after", "keys.actions.reencryption._next_batch"),
}


def arm(point: str, nth: int) -> None:
    when, name = POINTS[point]
    place, _, call = name.rpartition(".")
    owner: Any = _found(place)
    numbers, real = count(1), getattr(owner, call)

    def deadly(*arguments: Any, **named: Any) -> Any:
        last = next(numbers) == nth
        if last and when == "before":
            die()
        result = real(*arguments, **named)
        if last:
            die()
        return result

    setattr(owner, call, deadly)


def _found(place: str) -> Any:
    """A module, or a class in one."""
    try:
        return __import__(place, fromlist=["_"])
    except ModuleNotFoundError:
        module, _, name = place.rpartition(".")
        return getattr(_found(module), name)


def small_batches() -> None:
    from keys import columns
    from keys.actions import reencryption

    reencryption.BATCH, columns.ROWS, columns.PART = 4, 2, 1


def work(point: str, nth: int) -> None:
    from jobs import actions

    small_batches()
    arm(point, nth)
    while actions.run_one("crasher"):
        pass


def forked(work: Callable[[], None]) -> int:
    """The exit status of a child that did it: minus a signal's number, or 0."""
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    django.setup()
    for line in sys.stdin:
        point, _, nth = line.strip().rpartition(" ")
        print(forked(lambda point=point, nth=nth: work(point, int(nth))), flush=True)  # type: ignore[misc]


if __name__ == "__main__":
    main()
