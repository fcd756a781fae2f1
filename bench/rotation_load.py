"""Readers and writers beside a rotation. Nothing may fail, nothing wrong be read, nothing that was written be put back.

A value names its row and counts up, so each reading shows both a value of another row and one that was put back. Each
process writes rows of its own and reads everybody's; half of what it chooses lies just before the rotation, where both
meet.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from django.conf import settings

from bench.hands import FORK, fork
from bench.rotation_rows import BROWSER, Rows, done_rows
from hq.db.context import tenant
from sharing.models import ShareAttempt

AHEAD = 20_000  # rows; a rotation is among them within a second
LOOK_EVERY = 50


@dataclass
class Told:
    """What one process saw, and what it wrote last into each row."""

    reads: int = 0
    writes: int = 0
    failed: int = 0
    wrong: int = 0
    last: dict[int, int] = field(default_factory=dict)


class Load:
    """Processes that read and write until they are told to stop: `with Load(rows, 2) as load: …`, then `load.told`."""

    def __init__(self, rows: Rows, hands: int) -> None:
        self.rows, self.hands = rows, hands
        self.told: list[Told] = []
        self._stop = FORK.Event()
        self._files = [Path(settings.DATA_DIR) / f"bench-load-{number}" for number in range(hands)]

    def __enter__(self) -> Self:
        self._processes = [fork(self._worker(number)) for number in range(self.hands)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for process in self._processes:
            process.join()
        if any(process.exitcode for process in self._processes):
            raise RuntimeError("A process of the bench failed; the reason stands above.")
        for file in self._files:
            told = json.loads(file.read_text())
            self.told.append(Told(**told | {"last": {int(row): count for row, count in told["last"].items()}}))

    def put_back(self) -> int:
        """Rows that do not hold what was written into them last."""
        lost = 0
        for number, told in enumerate(self.told):
            for row, count in told.last.items():
                with tenant(self.rows.place.id):
                    text = ShareAttempt.objects.get(id=self.rows.at(row)).user_agent
                lost += text != _text(row, number, count)
        return lost

    def total(self, what: str) -> int:
        """Of all processes: `reads`, `writes`, `failed` or `wrong`."""
        return sum(getattr(told, what) for told in self.told)

    def _worker(self, number: int) -> Callable[[], None]:
        def work() -> None:
            hand = _Hand(self.rows, number, self.hands)
            while not self._stop.is_set():
                hand.turn()
            self._files[number].write_text(json.dumps(vars(hand.told)))

        return work


class _Hand:
    def __init__(self, rows: Rows, number: int, hands: int) -> None:
        self.rows, self.number, self.hands, self.told = rows, number, hands, Told()
        self.seen: dict[int, int] = {}
        self.chance = random.Random(number)  # noqa: S311 - not a secret
        self.front = 0

    def turn(self) -> None:
        if self.told.reads % LOOK_EVERY == 0:
            self.front = done_rows(self.rows.place)
        for work in (self._read, self._write):
            try:
                work(self._choose())
            except Exception:  # noqa: BLE001 - whatever it is, a reader or a writer would have seen it
                self.told.failed += 1

    def _choose(self) -> int:
        if self.chance.random() < 0.5:
            return self.chance.randrange(len(self.rows))
        return min(self.front + self.chance.randrange(AHEAD), len(self.rows) - 1)

    def _read(self, row: int) -> None:
        with tenant(self.rows.place.id):
            text = ShareAttempt.objects.get(id=self.rows.at(row)).user_agent
        self.told.reads += 1
        self._judge(row, text)

    def _write(self, row: int) -> None:
        row -= row % self.hands - self.number
        if row >= len(self.rows):
            return
        with tenant(self.rows.place.id):
            attempt = ShareAttempt.objects.get(id=self.rows.at(row))
            self._judge(row, attempt.user_agent)
            count = self.told.last.get(row, 0) + 1
            attempt.user_agent = _text(row, self.number, count)
            attempt.save(update_fields=["user_agent"])
        self.told.writes += 1
        self.told.last[row] = self.seen[row] = count

    def _judge(self, row: int, text: str) -> None:
        """Of this row, and not older than what this process has seen there."""
        before = self.seen.get(row, 0)
        count = 0 if text == BROWSER else int(text.rpartition(" ")[2])
        whole = text == (_text(row, row % self.hands, count) if count else BROWSER)
        if not whole or count < before:
            self.told.wrong += 1
        self.seen[row] = max(count, before)


def _text(row: int, writer: int, count: int) -> str:
    return f"row {row} writer {writer} count {count}"
