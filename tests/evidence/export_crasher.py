"""Forks workers that export the trail, each killed after a time (as tests.exports.export_crasher).

`python -m tests.evidence.export_crasher` reads a number of seconds a line, and answers with how the worker ended.
"""

import sys
from functools import partial
from threading import Timer

import django

from tests.keys.rotation_crasher import forked
from tests.vault.crasher import die


def work(after: float) -> None:
    from evidence.actions import export_zip
    from jobs import actions

    setattr(export_zip, "PAGE", 3)  # noqa: B010 - a constant, which a type checker rightly lets nobody assign
    Timer(after, die).start()
    while actions.run_one("crasher"):
        pass


def main() -> None:
    django.setup()
    for line in sys.stdin:
        print(forked(partial(work, float(line))), flush=True)


if __name__ == "__main__":
    main()
