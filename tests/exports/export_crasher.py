"""Forks workers that make exports, and of which each is killed at a named point (as tests.keys.rotation_crasher).

`python -m tests.exports.export_crasher` reads a line for each, the point and its how-manieth passing, and answers with
how the worker ended. A number alone is a time: the worker is killed after so many seconds, wherever it is.
"""

import sys
from functools import partial
from itertools import count
from threading import Timer
from typing import Any

import django

from tests.keys.rotation_crasher import _found, forked
from tests.vault.crasher import die

POINTS = {
    "cut: before the commit": ("after", "exports.actions.files.choose"),
    "cut: committed": ("before", "exports.actions.make.begin_package"),
    "volume: announced": ("after", "exports.actions.make.begin_package"),
    "volume: a piece is sealed": ("after", "hq.crypto.stream.SealingWriter._seal"),
    "volume: its file is whole": ("before", "exports.actions.make._keep"),
    "volume: before the commit": ("after", "vault.actions.packages.Package.keep"),
    "volume: committed": ("after", "exports.actions.make._keep"),
    "end: signed": ("after", "exports.actions.volumes.sign_statement"),
    "end: before the commit": ("after", "exports.actions.make._record"),
    "end: forgetting": ("before", "exports.actions.forget_export"),
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


def small() -> None:
    from exports import registry
    from exports.actions import sizes

    sizes.VOLUME_BYTES, registry.PART_BYTES = 64 * 1024, 8 * 1024


def work(point: str, after: str) -> None:
    from jobs import actions

    small()
    if point:
        arm(point, int(after))
    else:
        Timer(float(after), die).start()
    while actions.run_one("crasher"):
        pass


def main() -> None:
    django.setup()
    for line in sys.stdin:
        point, _, after = line.strip().rpartition(" ")
        print(forked(partial(work, point, after)), flush=True)


if __name__ == "__main__":
    main()
