"""Forks workers that do what waits, each killed after a time, wherever it is then.

`python -m tests.timed_crasher MODULE [NAME=NUMBER…]` reads a number of seconds a line, and answers with how the worker
ended. The module is loaded before any fork, with these constants of its own: not every library's threads outlive one.
"""

import sys
from functools import partial
from importlib import import_module
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
    module = import_module(sys.argv[1])
    for name, _, number in (given.partition("=") for given in sys.argv[2:]):
        setattr(module, name, int(number))
    for line in sys.stdin:
        print(forked(partial(work, float(line))), flush=True)


if __name__ == "__main__":
    main()
