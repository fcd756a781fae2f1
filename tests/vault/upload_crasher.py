"""Workers that put uploads together and are killed, as a power cut would, after so many calls of functions.

`python -m tests.vault.upload_crasher COUNT SEED` forks a worker for each: the first is let live, to learn how many
calls the work takes; the others are killed at random ones of them. Prints how many were killed.
"""

import os
import random
import signal
import sys
from datetime import timedelta
from types import FrameType
from typing import Any

WATCHED = ("/vault/", "/jobs/", "/audit/recorder", "/hq/crypto/stream")


class Doom:
    """Counts calls, and kills this process at one of them. What C does (the disk, the database) lies between them."""

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event not in {"call", "return"} or not any(part in frame.f_code.co_filename for part in WATCHED):
            return
        self.calls += 1
        if self.calls == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()


def work(at: int) -> int:
    """Do one job in a process of its own; how many calls it took, or 0 if it was killed."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        from jobs import actions as jobs

        doom = Doom(at)
        sys.setprofile(doom)
        jobs.run_one("doomed", lease=timedelta(minutes=2))
        sys.setprofile(None)
        os.write(writes, str(doom.calls).encode())
        os._exit(0)
    os.close(writes)
    _, status = os.waitpid(child, 0)
    took = os.read(reads, 20)
    os.close(reads)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return int(took or 0)


def main() -> None:
    import django

    django.setup()
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    takes = work(at=0)
    points = random.Random(seed).sample(range(1, takes), count)
    killed = sum(work(at=point) == 0 for point in points)
    print(takes, killed)


if __name__ == "__main__":
    main()
