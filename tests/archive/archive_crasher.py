"""Forks workers that archive, each killed at a named point or after a time (as tests.exports.export_crasher).

`python -m tests.archive.archive_crasher FOLDER` reads a line for each, the point and its how-manieth passing, and
answers with how the worker ended. A number alone is a time in seconds.
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
    "file: announced": ("after", "archive.actions.write.next_of"),
    "file: half of it is read": ("after", "audit.selectors.sealed_page"),
    "file: made": ("after", "archive.actions.lines.compressed"),
    "file: on the disk": ("before", "os.link"),
    "file: there": ("after", "archive.buckets.folder.Folder.put"),
    "file: noted": ("after", "archive.actions.write._write_file"),
    "digest: signed": ("after", "archive.actions.plan.sign_statement"),
    "digest: written": ("before", "archive.actions.write._write_digest"),
    "digest: noted": ("after", "archive.actions.write._write_digest"),
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


def work(folder: str, point: str, after: str) -> None:
    from django.conf import settings

    from archive.actions import plan
    from jobs import actions

    settings.ARCHIVE_DIR = folder
    setattr(plan, "MOST_ENTRIES", 7)  # noqa: B010 - a constant, which a type checker rightly lets nobody assign
    if point:
        arm(point, int(after))
    else:
        Timer(float(after), die).start()
    while actions.run_one("crasher", lane="network"):
        pass


def main() -> None:
    django.setup()
    for line in sys.stdin:
        point, _, after = line.strip().rpartition(" ")
        print(forked(partial(work, sys.argv[1], point, after)), flush=True)


if __name__ == "__main__":
    main()
