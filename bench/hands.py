"""Several processes at once. They are forked with no connection open: two sides of one would share a tenant."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkProcess
from time import perf_counter

from django.db import connections

FORK = multiprocessing.get_context("fork")


def fork(work: Callable[[], None]) -> ForkProcess:
    connections.close_all()
    process = FORK.Process(target=work, daemon=True)
    process.start()
    return process


def together(hands: int, work: Callable[[int], None]) -> float:
    """Do `work(number)` in so many processes, begun at the same moment. Seconds until the last is done."""
    start = FORK.Barrier(hands + 1)

    def one(number: int) -> Callable[[], None]:
        def wait_and_work() -> None:
            start.wait()
            work(number)

        return wait_and_work

    processes = [fork(one(number)) for number in range(hands)]
    start.wait()
    began = perf_counter()
    for process in processes:
        process.join()
    taken = perf_counter() - began
    if any(process.exitcode for process in processes):
        raise RuntimeError("A process of the bench failed; the reason stands above.")
    return taken
