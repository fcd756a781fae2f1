"""An organization's export against `age` itself: the same bytes, on the same disk. And workers that are killed at it.

HQ reads them out of the bucket (AES-GCM), hashes them for the manifest, encrypts them for age, and seals them into the
bucket again; `age` reads plain files and writes one. Both end on the disk.
"""

import logging
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from django.conf import settings

from bench.figures import Figure, Report, forget_peak, peak, rate, ratios, seconds, take_turns
from bench.hands import fork
from exports import registry
from exports.actions import remove_export, requests, sizes
from exports.models import Export, Volume
from exports.registry import Scope
from hq.db.context import tenant
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.models import Job
from tests.exports.support import Pair, ask, checked, decrypt, files_of, fresh
from tests.factories import Place, make_place, run_jobs
from vault.actions import put_object
from vault.models import Blob
from vault.tasks import sweep

MIB = 1024 * 1024
CHUNK = os.urandom(MIB)
FILES, SEED, PATIENCE = 8, 20261122, 120.0


def measure(*, rounds: int = 5, mib: int = 512, kills: int = 200) -> Report:
    with patch.object(requests, "MOST_A_DAY", 10_000):  # a bench asks more often than people may
        return _measure(rounds, mib, kills)


def _measure(rounds: int, mib: int, kills: int) -> Report:
    place, pair = make_place(), Pair()
    for number in range(FILES):
        put_object(actor=place.actor(), path=f"{number}.bin", chunks=[CHUNK] * (mib // FILES))
    _export(place, pair)  # before anything has made the process grow, what it loads once
    idle = forget_peak()
    _export(place, pair)
    used = peak() - idle
    with tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as folder:
        bare = _bare(Path(folder), mib, str(pair.identity.to_public()))
        ours, theirs = take_turns(rounds, lambda: _export(place, pair), bare)
    dead, opens = kill_workers(kills)
    return Report(
        sizes=f"{mib} MiB in {FILES} files; {kills} kills",
        figures=[
            Figure(what="an export, of the speed of age", samples=ratios(theirs, ours), at_least=0.5),
            Figure(what="peak memory over idle", samples=[used / MIB], unit=" MiB", at_most=150),
            Figure(
                what="workers killed while they made exports", samples=[sum(dead.values())], unit="", at_least=kills
            ),
            Figure(what="exports of them that open and hold all once", samples=[opens], at_least=1, at_most=1),
        ],
        beside={
            "export": rate(mib, ours, " MiB/s"),
            "age": rate(mib, theirs, " MiB/s"),
            "killed": ", ".join(f"{count} {where}" for where, count in sorted(dead.items())),
        },
    )


def _export(place: Place, pair: Pair) -> float:
    """Seconds of the job alone; nothing stays of it."""
    export = ask(place.actor(), Scope.ORGANIZATION, pair.lock)
    taken = seconds(run_jobs)
    if fresh(export).made_at is None:
        raise AssertionError("The export was not made.")
    remove_export(actor=place.actor(), scope=Scope.ORGANIZATION, export_id=export.id)
    run_jobs()
    return taken


def _bare(folder: Path, mib: int, recipient: str) -> Callable[[], float]:
    """The same bytes in one plain file, by the program, and on the disk at the end as ours are."""
    program, plain, sealed = shutil.which("age") or "age", folder / "plain", folder / "sealed"
    with plain.open("wb") as file:
        for _ in range(mib):
            file.write(CHUNK)

    def encrypt() -> None:
        subprocess.run([program, "-r", recipient, "-o", sealed, plain], check=True)
        with sealed.open("rb") as file:
            os.fsync(file.fileno())

    def once() -> float:
        taken = seconds(encrypt)
        sealed.unlink()
        return taken

    return once


def kill_workers(kills: int) -> tuple[Counter[str], float]:
    """Let so many workers die at exports, wherever they are; which part of those exports then opened whole."""
    chance, dead, whole, count = random.Random(SEED), Counter[str](), 0, 0  # noqa: S311 - not a secret
    place, pair = make_place(), Pair()
    for number in range(40):
        put_object(actor=place.actor(), path=f"claims/{number}", chunks=[os.urandom(9_000)])
    with _small_volumes(), _no_news(), tempfile.TemporaryDirectory() as folder:
        life = _lifetime(place, pair)
        while sum(dead.values()) < kills:
            export, count = ask(place.actor(), Scope.ORGANIZATION, pair.lock), count + 1
            while fresh(export).made_at is None:
                worker = fork(_work)
                time.sleep(life * chance.random())
                worker.kill()
                worker.join()
                dead[_where(export)] += 1
                _pass_time(place)
            run_jobs()
            key = pair.file(Path(folder))
            found = checked({name: decrypt(each, key) for name, each in files_of(place.actor(), export).items()})
            whole += len(found.files) == 40
            remove_export(actor=place.actor(), scope=Scope.ORGANIZATION, export_id=export.id)
    return dead, whole / count


def _work() -> None:
    while True:
        if not jobs.run_one("bench"):
            time.sleep(0.002)


def _lifetime(place: Place, pair: Pair) -> float:
    """Seconds that a worker needs from its start until an export is made, on this machine and now."""
    export = ask(place.actor(), Scope.ORGANIZATION, pair.lock)
    began = time.monotonic()
    worker = fork(_work)
    while fresh(export).made_at is None:
        if time.monotonic() > began + PATIENCE:
            raise AssertionError("An export does not come to its end.")
        time.sleep(0.005)
    worker.kill()
    worker.join()
    taken = time.monotonic() - began
    _pass_time(place)
    remove_export(actor=place.actor(), scope=Scope.ORGANIZATION, export_id=export.id)
    return taken


def _where(export: Export) -> str:
    with tenant(export.organization_id):
        count = Volume.objects.filter(export_id=export.id).count()
    return "at the end" if fresh(export).made_at else f"after {count} volumes"


def _pass_time(place: Place) -> None:
    """Let leases run out, and give back what the dead one had claimed."""
    end = time.monotonic() + PATIENCE
    while True:
        with tenant(place.id):
            Job.objects.filter(state="RUNNING").update(lease_until=now() - timedelta(seconds=1))
        jobs.reap()
        with tenant(place.id):
            if not Job.objects.filter(state="RUNNING").exists():
                break
        if time.monotonic() > end:
            raise AssertionError("A dead worker's job does not come back.")
    with tenant(place.id):
        Blob.objects.filter(state="PENDING").update(lease_until=now() - timedelta(seconds=1))
    sweep()
    with tenant(place.id):
        Job.objects.filter(state="QUEUED").update(run_at=now())


@contextmanager
def _small_volumes() -> Iterator[None]:
    with patch.object(sizes, "VOLUME_BYTES", 64 * 1024), patch.object(registry, "PART_BYTES", 8 * 1024):
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
