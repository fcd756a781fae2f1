"""Commits to a log again and again in children that are killed at random points. Reads an actor from stdin."""

import os
import pickle
import random
import signal
import sys
import time

import django

django.setup()

from django.db import connections  # noqa: E402 - after the set-up that it needs

from audit import recorder  # noqa: E402 - as above
from audit.recorder import Target  # noqa: E402 - as above
from audit.tags import Tag  # noqa: E402 - as above
from evidence.actions.checkpoints import make_checkpoints  # noqa: E402 - as above
from hq.db.context import tenant  # noqa: E402 - as above
from hq.lib.ids import new_id  # noqa: E402 - as above


def work(actor, ready):
    """Until the end, which comes after the first checkpoint."""
    while True:
        with tenant(actor.organization_id):
            recorder.record(actor, Tag.GROUP_CREATED, target=Target("group", new_id(), "Group"))
        make_checkpoints(actor.organization_id, actor.environment_id)
        os.write(ready, b"x")


def main():
    actor, times = pickle.loads(sys.stdin.buffer.read()), int(sys.argv[1])
    chance = random.Random(int(sys.argv[2]))
    for _ in range(times):
        begins, ready = os.pipe()
        child = os.fork()
        if child == 0:
            work(actor, ready)
        os.read(begins, 1)
        os.close(begins)
        os.close(ready)
        time.sleep(chance.uniform(0, 0.15))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    connections.close_all()


main()
