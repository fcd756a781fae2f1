"""Forks workers on request: real processes, to be killed and stopped, without starting Django for each.

`python -m tests.jobs.nursery` reads a line for each: what to do, where to hold, the lease, the file to report to. It
holds no connection and no thread of its own, so that forking is safe.
"""

import json
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import django


def work(order: dict[str, Any]) -> None:
    from hq.db.context import tenant
    from hq.lib.ids import new_id
    from jobs import actions
    from tests.jobs.support import Hold, put

    Hold.point, Hold.file = order["hold"], Path(order["file"])
    if order["what"] == "run":
        actions.run_one(f"process {os.getpid()}", lease=timedelta(seconds=order["lease"]))
    else:
        organization_id = new_id()
        with tenant(organization_id):
            put("test.once", organization_id)
            Hold.reach("enqueued")
    Hold.file.with_suffix(".end").touch()


def main() -> None:
    django.setup()
    import tests.jobs.support  # noqa: F401 - registers the kinds

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if pid := os.fork():
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()
        else:
            work(json.loads(line))
            os._exit(0)


if __name__ == "__main__":
    main()
