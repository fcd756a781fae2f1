"""Programs of tests beside the test: they have the test's database, are told on stdin what to do, and may die of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).resolve().parents[1]
Crasher = subprocess.Popen[str]


def own_database() -> dict[str, str]:
    """The environment of a process that works on this test's database."""
    settings = connection.settings_dict
    return os.environ | {"HQ_DATABASE_URL": f"postgresql:///{settings['NAME']}?host={settings['HOST']}"}


@contextmanager
def running(module: str, *arguments: str) -> Iterator[Crasher]:
    """The program, until the test is over: it ends when nothing more can be told to it."""
    child = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=own_database(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        yield child
        assert child.stdin
        child.stdin.close()


def is_killed(crasher: Crasher, line: str) -> bool:
    """Tell it one line; whether the worker that it then let work was killed before it had done all there was."""
    assert crasher.stdin
    assert crasher.stdout
    crasher.stdin.write(f"{line}\n")
    crasher.stdin.flush()
    code = next(said for said in crasher.stdout if said.strip().lstrip("-").isdigit())
    return int(code) == -signal.SIGKILL
