"""Share links under a crowd whose processes are killed: each link opens exactly once, whatever happens.

Every process tries every link, all in the same order, so that they meet at each. A killed one is followed by another
that goes on behind the try that was under way: whether that one succeeded is unknown to whoever asked, so what they
were told lies between the truth and the truth less the unknown. The database knows: it is read at the end.
"""

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

from audit.models import AuditEvent
from audit.verify import walk
from bench.figures import Figure, Report, rate
from bench.hands import FORK, fork
from bench.link_kinds import SHARES, Kind
from bench.raw import commits
from hq.db.context import tenant
from tests.factories import Place, make_place

SEED = 20261122
BEGUN, OPENED, REFUSED = b"b", b"o", b"r"


def measure(*, links: int = 1000, hands: int = 10, kills: int = 40, kind: Kind = SHARES) -> Report:
    place = make_place()
    crowd = _Crowd(kind, kind.make(place, links), hands)
    taken = crowd.run(kills)
    attempts, told, unknown = crowd.count(BEGUN), crowd.count(OPENED), crowd.unknown
    opened, events, whole = _truth(kind, place)
    return Report(
        sizes=f"{attempts:,} tries on {links:,} {kind.name} by {hands} processes, {kills} of them killed (seed {SEED})",
        figures=[
            Figure(what=f"{kind.name} opened, by the rows", samples=[opened], unit="", at_least=links, at_most=links),
            Figure(
                what="events of it in the chain, which verifies",
                samples=[events * whole],
                unit="",
                at_least=links,
                at_most=links,
            ),
            Figure(
                what="tries told to have succeeded, and unknown ones", samples=[told + unknown], unit="", at_least=links
            ),
            Figure(what="tries told to have succeeded", samples=[told], unit="", at_most=links),
            Figure(what="tries in all", samples=[attempts], unit="", at_least=links * hands, at_most=links * hands),
        ],
        beside={
            "outcomes": f"{told:,} opened, {crowd.count(REFUSED):,} refused, {unknown} unknown",
            "tries": rate(attempts, [taken]),
            "opened": rate(links, [taken]),
            "raw single-row commits": f"{rate(attempts, [commits(attempts, hands=hands)])} on {hands} connections",
        },
    )


@dataclass
class _Crowd:
    """Processes that try the links. Each keeps a journal, one letter a step, which outlives it."""

    kind: Kind
    tokens: list[str]
    hands: int

    def __post_init__(self) -> None:
        self._journals = [Path(settings.DATA_DIR) / f"bench-tries-{number}" for number in range(self.hands)]
        for journal in self._journals:
            journal.write_bytes(b"")

    def run(self, kills: int) -> float:
        """Seconds until every try was made."""
        chance = random.Random(SEED)  # noqa: S311 - not a secret
        due = sorted(chance.sample(range(self.hands * len(self.tokens) * 9 // 10), kills), reverse=True)
        start = FORK.Barrier(self.hands + 1)
        alive = {number: fork(self._worker(number, start.wait)) for number in range(self.hands)}
        start.wait()
        began = time.perf_counter()
        while alive:
            for number, process in list(alive.items()):
                if process.exitcode == 0:
                    del alive[number]
                elif process.exitcode is not None:
                    alive[number] = fork(self._worker(number, lambda: None))
            if due and alive and self.count(BEGUN) >= due[-1]:
                due.pop()
                alive[chance.choice(list(alive))].kill()
            time.sleep(0.002)
        return time.perf_counter() - began

    def count(self, step: bytes) -> int:
        return sum(journal.read_bytes().count(step) for journal in self._journals)

    @property
    def unknown(self) -> int:
        return self.count(BEGUN) - self.count(OPENED) - self.count(REFUSED)

    def _worker(self, number: int, ready: Callable[[], object]) -> Callable[[], None]:
        def work() -> None:
            journal = self._journals[number]
            descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND)
            ready()
            for token in self.tokens[journal.read_bytes().count(BEGUN) :]:
                os.write(descriptor, BEGUN)
                os.write(descriptor, OPENED if self.kind.open(token) else REFUSED)

        return work


def _truth(kind: Kind, place: Place) -> tuple[int, int, bool]:
    """Links opened, events of it, and whether the chain verifies, once the killed ones' connections are gone."""
    while _others():
        time.sleep(0.01)
    kind.settle()
    with tenant(place.id):
        events = AuditEvent.objects.filter(tag=kind.tag)
        return kind.opened(), events.count(), walk(place.id, place.live_id).ok


def _others() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])
