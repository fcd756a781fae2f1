"""Children that die with their parent, and ways to wait for them and end them."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hq.embedded.errors import CannotStart

POLL = 0.02
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class User:
    """Whom a child runs as; None in both means as ourselves."""

    uid: int | None = None
    gid: int | None = None


def server_user() -> User:
    """PostgreSQL refuses to be root, so root demotes it to `nobody`, who is on every machine."""
    if os.geteuid() != 0:
        return User()
    entry = pwd.getpwnam("nobody")
    return User(entry.pw_uid, entry.pw_gid)


def _dying_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """The kernel forgets the request when the user changes, so it must be made after that, as preexec_fn is."""
    if _libc is None:
        return None
    libc, parent = _libc, os.getpid()

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask


def spawn(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    output: IO[bytes] | int,
    on_parent_death: signal.Signals = signal.SIGTERM,
    user: User | None = None,
    keep_open: Sequence[int] = (),
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in its own session: a terminal's Ctrl-C then reaches only the parent, who stops all in order.

    Call it from the main thread: the kernel ties the child to the thread that made it. `keep_open` are file descriptors
    that the child inherits, such as a lock that must outlive the parent.
    """
    user = user or User()
    return subprocess.Popen(
        [str(word) for word in arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        cwd=directory,
        start_new_session=True,
        pass_fds=tuple(keep_open),
        user=user.uid,
        group=user.gid,
        extra_groups=None if user.uid is None else [],
        preexec_fn=_dying_with_parent(on_parent_death),  # noqa: PLW1509 - our parent has one thread when it starts children
    )


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Poll until the condition holds. False when it did not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def stop(child: subprocess.Popen[bytes], *signals: signal.Signals, seconds: float) -> int:
    """Send the signals one by one, each with so many seconds, then kill the session. Returns the exit code."""
    for number in signals:
        if child.poll() is not None:
            break
        child.send_signal(number)
        wait_until(lambda: child.poll() is not None, seconds=seconds)
    kill_session(child)
    return child.wait()


def kill_session(child: subprocess.Popen[bytes]) -> None:
    """Whatever a child left behind in its session goes too."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # nothing was left, or (on macOS) only a process that has ended


def run(arguments: Sequence[str | Path], *, user: User | None = None, what: str) -> str:
    """Run to the end with a bare environment, and give what it printed. Raises CannotStart with its last line."""
    user = user or User()
    done = subprocess.run(
        [str(word) for word in arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=bare_environment(),
        cwd="/",
        user=user.uid,
        group=user.gid,
        extra_groups=None if user.uid is None else [],
        check=False,
    )
    printed = done.stdout.decode(errors="replace").strip()
    if done.returncode:
        raise CannotStart(f"{what}: {last_line(printed)}")
    return printed


def last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def bare_environment() -> dict[str, str]:
    """What servers get: no PG* variables of the person's, no secrets."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
