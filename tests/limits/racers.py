"""Real processes that race for buckets and slots: `python -m tests.limits.racers take|slots|hold|fork ORDER`.

It forks before anything is connected, and prints one line of JSON when all are done; `hold` prints when it holds, and
stays.
"""

import json
import multiprocessing
import os
import signal
import sys
from typing import Any
from uuid import uuid4

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hq.settings")

from hq.limits.buckets import Bucket, take
from hq.limits.slots import Busy, Slot, slot
from hq.limits.valkey import key_of

_fork = multiprocessing.get_context("fork")


class Shared:
    """Numbers that all racers see."""

    def __init__(self, racers: int) -> None:
        self.together = _fork.Barrier(racers)
        self.lock = _fork.Lock()
        self.done, self.refused, self.inside, self.most_inside = (_fork.Value("i", 0, lock=False) for _ in range(4))

    def came_in(self) -> None:
        with self.lock:
            self.done.value += 1
            self.inside.value += 1
            self.most_inside.value = max(self.inside.value, self.most_inside.value)

    def left(self) -> None:
        with self.lock:
            self.inside.value -= 1

    def turned_away(self) -> None:
        with self.lock:
            self.refused.value += 1


def race_for_buckets(shared: Shared, order: dict[str, Any]) -> None:
    buckets = [Bucket(*bucket) for bucket in order["buckets"]]
    shared.together.wait()
    for _ in range(order["tries"]):
        if take(*buckets).allowed:
            shared.came_in()
        else:
            shared.turned_away()


def race_for_slots(shared: Shared, order: dict[str, Any]) -> None:
    shared.together.wait()
    for number in range(order["tries"]):
        try:
            with slot(order["name"], most=order["most"], lease=60):
                shared.came_in()
                if number == 0:
                    shared.together.wait()  # until everybody has tried once
                shared.left()
        except Busy:
            shared.turned_away()
            if number == 0:
                shared.together.wait()


def run(what: Any, order: dict[str, Any]) -> None:
    shared = Shared(order["racers"])
    racers = [_fork.Process(target=what, args=(shared, order)) for _ in range(order["racers"])]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    told = {"done": shared.done.value, "refused": shared.refused.value, "most_inside": shared.most_inside.value}
    print(json.dumps(told | {"failed": sum(racer.exitcode != 0 for racer in racers)}), flush=True)


def hold(order: dict[str, Any]) -> None:
    held = [Slot(key_of("slot", order["name"]), order["lease"]) for _ in range(order["most"])]
    for each in held:
        each.take(order["most"])
    print(json.dumps({"holds": len(held)}), flush=True)
    signal.pause()


def fork(order: dict[str, Any]) -> None:
    """Two processes take from a bucket each at the same time, after the one that both came from did."""
    buckets = [Bucket("forked", str(uuid4()), most, 36_000) for most in order["sizes"]]
    together = _fork.Barrier(2)

    def work(bucket: Bucket) -> None:
        together.wait()
        told = [take(bucket).remaining for _ in range(200)]
        print(json.dumps(told), flush=True)

    take(buckets[0])
    child = _fork.Process(target=work, args=(buckets[1],))
    child.start()
    work(buckets[0])
    child.join()


if __name__ == "__main__":
    told = json.loads(sys.argv[2])
    if sys.argv[1] in {"hold", "fork"}:
        {"hold": hold, "fork": fork}[sys.argv[1]](told)
    else:
        run({"take": race_for_buckets, "slots": race_for_slots}[sys.argv[1]], told)
