"""Worker processes of these tests' own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from hq.embedded.layout import Layout
from hq.embedded.valkey import Valkey
from jobs import actions
from tests.crashing import ROOT, Crasher, own_database, running
from tests.jobs.support import until

LEASE = 0.2


@dataclass
class Worker:
    pid: int
    file: Path

    def wait_at(self, point: str) -> None:
        until(lambda: self.file.exists() and self.file.read_text() == point)

    def go_on(self) -> None:
        self.file.with_suffix(".go").touch()

    def wait_for_end(self) -> None:
        until(self.file.with_suffix(".end").exists)

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        until(lambda: not Path(f"/proc/{self.pid}").exists())


@pytest.fixture(scope="session")
def nursery(django_db_setup: None) -> Iterator[Crasher]:
    with running("tests.jobs.nursery") as child:
        yield child


StartWorker = Callable[..., Worker]


@pytest.fixture
def start_worker(nursery: Crasher, transactional_db: None, tmp_path: Path) -> Iterator[StartWorker]:
    """Start a process that does one job and holds at the named point."""
    started: list[Worker] = []

    def start(hold: str, what: str = "run", lease: float = LEASE) -> Worker:
        assert nursery.stdin
        assert nursery.stdout
        file = tmp_path / f"worker{len(started)}"
        nursery.stdin.write(json.dumps({"what": what, "hold": hold, "file": str(file), "lease": lease}) + "\n")
        nursery.stdin.flush()
        worker = Worker(int(nursery.stdout.readline()), file)
        started.append(worker)
        worker.wait_at(hold)
        return worker

    yield start
    for worker in started:
        if Path(f"/proc/{worker.pid}").exists():
            worker.kill()


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The real backoff begins at two seconds."""
    monkeypatch.setattr(actions, "BACKOFF_BASE", timedelta(milliseconds=2))


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> actions._Bell:
    """One without a memory of other tests' Valkey."""
    fresh = actions._Bell()
    monkeypatch.setattr(actions, "_bell", fresh)
    return fresh


@pytest.fixture
def own_valkey(tmp_path: Path, settings: Settings) -> Iterator[Valkey]:
    layout = Layout(tmp_path)
    layout.run.mkdir(parents=True)
    layout.logs.mkdir()
    valkey = Valkey(layout)
    valkey.start()
    settings.CELERY_BROKER_URL = f"redis+socket://{layout.valkey_socket}?virtual_host=0"
    yield valkey
    valkey.stop()


@contextmanager
def celery(valkey: Valkey, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A real worker of Celery's on this test's database, whose connections go by the name `worker`."""
    environment = {"HQ_REDIS_URL": f"unix://{valkey.layout.valkey_socket}?db=0", "PGAPPNAME": "worker"}
    command = [sys.executable, "-m", "celery", "-A", "tests.jobs.celery_app", "worker"]
    command += ["--without-mingle", "--without-gossip", "--loglevel", "INFO", *options]
    path = valkey.layout.logs / "worker.log"
    with (
        path.open("wb") as log,
        subprocess.Popen(command, cwd=ROOT, env=own_database() | environment, stdout=log, stderr=log) as child,
    ):
        try:
            until(lambda: b" ready." in path.read_bytes() or child.poll() is not None)
            assert child.poll() is None, path.read_text()
            yield child
        finally:
            child.kill()
