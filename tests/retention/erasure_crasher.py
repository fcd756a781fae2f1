"""Forks workers that do what waits, and of which each is killed, as a power cut would, at the nth step of an erasure.

`python -m tests.retention.erasure_crasher` reads a number a line and answers with how the worker ended. A step is a
statement that goes to the database, and a file or folder that is removed. No hook is in the product.
"""

import os
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

import django

from tests.keys.rotation_crasher import forked
from tests.vault.crasher import die


def arm(nth: int) -> None:
    from django.db import connection

    steps = count(1)

    def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **named: Any) -> Any:
            if next(steps) == nth:
                die()
            return call(*arguments, **named)

        return stepped

    os.unlink, os.rmdir, os.rename = deadly(os.unlink), deadly(os.rmdir), deadly(os.rename)
    connection.execute_wrappers.append(lambda execute, *rest: deadly(execute)(*rest))


def work(nth: int) -> None:
    from jobs import actions
    from retention.actions import erase

    erase.__globals__["BATCH"] = 3
    arm(nth)
    while actions.run_one("crasher"):
        pass


def main() -> None:
    django.setup()
    for line in sys.stdin:
        print(forked(lambda nth=int(line): work(nth)), flush=True)  # type: ignore[misc]  # the default binds the number


if __name__ == "__main__":
    main()
