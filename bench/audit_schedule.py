"""From an act to a signed checkpoint that covers it, by the beat and the worker of `bin/run` and nobody's asking."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings

from audit import recorder
from audit.recorder import Target
from audit.tags import Log, Tag
from bench.figures import Figure
from evidence.models import Checkpoint
from hq.db.context import tenant
from hq.embedded import programs
from hq.embedded.layout import ROOT, Layout
from hq.lib.ids import new_id
from tests.factories import Place

EVERY, PATIENCE = 7.0, 180.0  # seconds; acts come at any time of the minute


def scheduled(place: Place, acts: int) -> Figure:
    """The slowest of so many acts, seven seconds after one another."""
    done: dict[int, float] = {}
    waited: list[float] = []
    with _running():
        began = time.monotonic()
        while len(waited) < acts:
            if len(done) + len(waited) < acts and time.monotonic() - began >= EVERY * (len(done) + len(waited)):
                done[_act(place)] = time.monotonic()
            size = _covered(place)
            waited += [time.monotonic() - done.pop(index) for index in sorted(done) if index <= size]
            if time.monotonic() - began > EVERY * acts + PATIENCE:
                raise RuntimeError("No checkpoint came: the reason stands above.")
            time.sleep(0.1)
    return Figure(what="act to checkpoint, as scheduled, the slowest", samples=[max(waited)], unit=" s", at_most=60)


def _act(place: Place) -> int:
    with tenant(place.id):
        return recorder.record(place.actor(), Tag.GROUP_CREATED, target=Target("group", new_id(), "Group")).index


def _covered(place: Place) -> int:
    """How many events the newest checkpoint covers."""
    with tenant(place.id):
        made = Checkpoint.objects.filter(environment_id=place.live_id, log=Log.ADMIN).order_by("-size")
        return made.values_list("size", flat=True).first() or 0


@contextmanager
def _running() -> Iterator[None]:
    layout = Layout(Path(settings.DATA_DIR))
    running = [
        subprocess.Popen(each.arguments, env=each.environment, cwd=ROOT)
        for each in (programs.worker(layout), programs.beat(layout))
    ]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()  # nothing if it has ended
