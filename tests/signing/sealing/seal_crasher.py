"""Forks workers that seal agreements, each killed after a time (as tests.evidence.export_crasher).

`python -m tests.signing.sealing.seal_crasher` reads a number of seconds a line, and answers with how the worker ended.
"""

import sys
from functools import partial
from threading import Timer

import django

from tests.keys.rotation_crasher import forked
from tests.vault.crasher import die


def work(after: float) -> None:
    from jobs import actions

    Timer(after, die).start()
    while actions.run_one("crasher"):
        pass


def main() -> None:
    django.setup()
    from signing.actions import sealing  # noqa: F401 - loaded, not run: typst's threads do not outlive a fork

    for line in sys.stdin:
        print(forked(partial(work, float(line))), flush=True)


if __name__ == "__main__":
    main()
