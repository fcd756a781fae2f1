"""Workers that do rotations and are killed, again and again, wherever they are. The rotations must end all the same.

A worker is a process that does jobs in a loop, as a Celery worker does. What a dead one leaves takes minutes to be
found (its lease), and five minutes pass before a rotation ends: both are let pass in the database, not waited for.
"""

import logging
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from unittest.mock import patch

from django.db.models import Q

from bench.hands import fork
from bench.rotation_rows import BROWSER, Rows, ask, rotation_of
from hq.db.context import tenant
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.models import Job
from keys import columns, rings
from keys.actions import reencryption
from keys.models import DataKey, Rotation, Statement
from keys.registry import KEPT, holders
from sharing.models import ShareAttempt
from tests.factories import Place
from vault.actions import open_object, put_object
from vault.models import Blob
from vault.tasks import sweep

SEED = 20261122
FILES = 5
CONTENT = b"claim,amount\n1,250\n" * 500
PATIENCE = 120.0
DONE = Rotation.State.DONE


@dataclass
class Outcome:
    """What the killed ones left behind."""

    kills: int = 0
    during: Counter[str] = field(default_factory=Counter)
    rotations: int = 0
    signed: int = 0
    unreadable: int = 0
    left: int = 0


def kill_workers(rows: Rows, kills: int) -> Outcome:
    """Let so many workers die in rotations, and the last one be finished."""
    outcome, chance, place = Outcome(), random.Random(SEED), rows.place  # noqa: S311 - not a secret
    for number in range(FILES):
        put_object(actor=place.actor(), path=f"claims/{number}.csv", chunks=[CONTENT])
    with _small_batches(), _no_news():
        life = _lifetime(place)
        while outcome.kills < kills:
            if _pass_time(place):
                ask(place)
            worker = fork(_work)
            time.sleep(life * chance.random())
            worker.kill()
            worker.join()
            outcome.during[_where(place)] += 1
            outcome.kills += worker.exitcode == -signal.SIGKILL
        _finish(place)
    _look(rows, outcome)
    return outcome


@contextmanager
def _small_batches() -> Iterator[None]:
    """So that there are many points between two of them."""
    with (
        patch.object(reencryption, "BATCH", 200),
        patch.object(columns, "ROWS", 100),
        patch.object(columns, "PART", 25),
    ):
        yield


@contextmanager
def _no_news() -> Iterator[None]:
    """Each lost worker is worth a line in the log, and here there are hundreds."""
    log = logging.getLogger("hq.jobs")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _work() -> None:
    while True:
        if not jobs.run_one("bench"):
            time.sleep(0.002)


def _lifetime(place: Place) -> float:
    """Seconds that a worker needs from its start until nothing is left, on this machine and now."""
    ask(place)
    began = time.monotonic()
    worker = fork(_work)
    while rotation_of(place).state != Rotation.State.SETTLING:
        if time.monotonic() > began + PATIENCE:
            raise AssertionError("A rotation does not come to its end.")
        time.sleep(0.005)
    worker.kill()
    worker.join()
    return time.monotonic() - began


def _where(place: Place) -> str:
    rotation = rotation_of(place)
    with tenant(place.id):
        running = Job.objects.filter(key=str(rotation.id), state=Job.State.RUNNING).exists()
    return f"{rotation.state.lower()}{'' if running else ', between two claims'}"


def _pass_time(place: Place) -> bool:
    """Let leases run out and the settling time be over. True when the newest rotation has ended, or there is none."""
    end = time.monotonic() + PATIENCE
    while _claimed(place):  # the dead one's transaction may live for a moment
        with tenant(place.id):
            Job.objects.filter(state=Job.State.RUNNING).update(lease_until=now() - timedelta(seconds=1))
        jobs.reap()
        if time.monotonic() > end:
            raise AssertionError("A dead worker's job does not come back.")
    with tenant(place.id):
        Blob.objects.filter(state="PENDING").update(lease_until=now() - timedelta(seconds=1))
        Rotation.objects.filter(made_at__isnull=False, finished_at=None).update(
            made_at=now() - timedelta(seconds=rings.SECONDS + 60)
        )
        rotations = Rotation.objects.filter(organization_id=place.id)
        ended = not rotations.exclude(state__in=[DONE, Rotation.State.INCOMPLETE]).exists()
    sweep()
    with tenant(place.id):
        Job.objects.filter(state=Job.State.QUEUED).update(run_at=now())
    return ended


def _claimed(place: Place) -> bool:
    with tenant(place.id):
        return Job.objects.filter(state=Job.State.RUNNING).exists()


def _finish(place: Place) -> None:
    end = time.monotonic() + PATIENCE
    while not _pass_time(place):
        jobs.run_one("bench")
        if time.monotonic() > end:
            raise AssertionError("The last rotation does not end.")


def _look(rows: Rows, outcome: Outcome) -> None:
    """Everything is read by a process that has no keys yet, and counted by SQL."""
    place = rows.place
    rings.forget()
    with tenant(place.id):
        current = reencryption.current_versions(place.id)
        kinds = [holder for holder in holders(place.id) if holder.purpose not in KEPT and holder.purpose in current]
        outcome.left = sum(holder.left(place.id, current[holder.purpose]) for holder in kinds)
        newest = rotation_of(place).to_version
        outcome.left += DataKey.objects.filter(~Q(cmk_version=newest), organization_id=place.id).count()
        for attempt in ShareAttempt.objects.order_by("id"):
            outcome.unreadable += not _holds(attempt)
        outcome.rotations = Rotation.objects.filter(organization_id=place.id).count()
        outcome.signed = Statement.objects.filter(organization_id=place.id, kind=Statement.Kind.ROTATION).count()
    for number in range(FILES):
        stored = open_object(actor=place.actor(), path=f"claims/{number}.csv")
        outcome.unreadable += b"".join(stored.read()) != CONTENT


def _holds(attempt: ShareAttempt) -> bool:
    try:
        return attempt.user_agent == BROWSER
    except Exception:  # noqa: BLE001 - whatever keeps it from being read, it is not readable
        return False
