"""Forks workers that sequence, each killed before or after a statement of its, or between two, and says how it ended.

`python -m tests.audit.sequence_crasher` reads a line for each: organization, environment, "before" or "after", and the
how-manieth statement.
"""

import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

import django

from tests.keys.rotation_crasher import forked
from tests.vault.crasher import die

BATCH = 7


def work(organization: str, environment: str, when: str, nth: str) -> None:
    from django.db import connection

    from audit import actions, sequencing

    numbers = count(1)

    def deadly(execute: Callable[..., Any], *statement: Any) -> Any:
        last = next(numbers) == int(nth)
        if last and when == "before":
            die()
        result = execute(*statement)
        if last:
            die()
        return result

    for batch in (sequencing.sequence, sequencing.grow_admin):
        batch.__defaults__ = (BATCH,)
    with connection.execute_wrapper(deadly):
        actions.grow(UUID(organization), UUID(environment))


def main() -> None:
    django.setup()
    for line in sys.stdin:
        print(forked(partial(work, *line.split())), flush=True)


if __name__ == "__main__":
    main()
