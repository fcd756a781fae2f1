"""A process that stores an object and is killed, as a power cut would, at a numbered step.

`python -m tests.vault.crasher STEP PATH` reads the actor, pickled, from its standard input. No hook in the product: the
functions that it calls at each step are replaced here.
"""

import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STEPS = (
    "1 nothing yet",
    "2 row is there",
    "3 file is begun",
    "4 in the middle",
    "5 all is written",
    "6 before the rename",
    "7 after the rename",
    "8 blob is stored",
    "9 before the commit",
)
PIECES = [bytes([number]) * 100_000 for number in range(10)]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def before(call: Callable[..., Any]) -> Callable[..., Any]:
    def dying(*args: Any, **kwargs: Any) -> Any:
        die()
        return call(*args, **kwargs)

    return dying


def after(call: Callable[..., Any]) -> Callable[..., Any]:
    def dying(*args: Any, **kwargs: Any) -> Any:
        call(*args, **kwargs)
        die()

    return dying


def chunks(dies_at: int | None) -> Iterator[bytes]:
    for number, piece in enumerate(PIECES):
        if number == dies_at:
            die()
        yield piece
    if dies_at == len(PIECES):
        die()


def main() -> None:
    import django

    django.setup()
    from audit import recorder
    from vault import actions
    from vault.actions import put
    from vault.store import embedded

    step, path = sys.argv[1:]
    actor = pickle.load(sys.stdin.buffer)
    dies_at = {"3": 0, "4": 5, "5": len(PIECES)}.get(step[0])
    match step[0]:
        case "1":
            put._announce = before(put._announce)
        case "2":
            put._receive = before(put._receive)
        case "6":
            Path.rename = before(Path.rename)  # type: ignore[method-assign]  # dies there
        case "7":
            embedded._rename = after(embedded._rename)
        case "8":
            put.add_version = before(put.add_version)
        case "9":
            recorder.record = after(recorder.record)
    actions.put_object(actor=actor, path=path, chunks=chunks(dies_at))
    print("survived")


if __name__ == "__main__":
    main()
