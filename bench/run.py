"""`bin/run` from an empty data directory to its first answer, on an environment that is installed, and its end.

Cold means: no cluster, no migrations, no static files, no keys. The pages of the programs may be in memory.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.figures import Figure, Report
from bench.services import bare_environment, free_port, new_home
from hq.embedded.layout import ROOT

PATIENCE = 120.0


def measure(*, rounds: int = 3) -> Report:
    cold: list[float] = []
    warm: list[float] = []
    ends: list[float] = []
    for _ in range(rounds):
        with new_home() as data:
            for kept in (cold, warm):
                start, end = _start_and_stop(data)
                kept.append(start)
                ends.append(end)
    return Report(
        sizes=f"{os.cpu_count()} cores",
        figures=[Figure(what="cold start to an answered /readyz", samples=cold, unit=" s", at_most=15)],
        beside={"start again": f"{median(warm):.1f} s", "stop": f"{median(ends):.1f} s (at most {max(ends):.1f} s)"},
    )


def _start_and_stop(data: Path) -> tuple[float, float]:
    """Seconds until it answers, and from Ctrl-C until it is gone."""
    port = free_port()
    began = time.perf_counter()
    with _running(data, port) as process:
        while not _answers(port):
            if process.poll() is not None or time.perf_counter() - began > PATIENCE:
                raise RuntimeError(f"bin/run did not answer: {(data / 'bench.log').read_text()}")
            time.sleep(0.02)
        start = time.perf_counter() - began
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
    return start, time.perf_counter() - began - start


@contextmanager
def _running(data: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = bare_environment() | {
        "HQ_DATA_DIR": str(data),
        "HQ_PORT": str(port),
        "HQ_VENV": sys.prefix,
        "HQ_PYTHON": sys.executable,
    }
    with (data / "bench.log").open("wb") as log:
        process = subprocess.Popen(
            [ROOT / "bin" / "run"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://localhost:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
