"""What the edge adds to the server that it runs under: the same file, served from memory by both.

The bare application answers with the bytes of a file that it reads from the disk each time, as the simplest server of
files would. Both run under granian with the same options, one after the other, several rounds.
"""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.figures import Figure, Report
from bench.services import free_port
from hq.embedded.layout import ROOT

SIZE = 16 * 1024
BARE = """
import os
PATH = os.environ["BENCH_FILE"]
def application(environ, start_response):
    with open(PATH, "rb") as file:
        body = file.read()
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
"""
HANDS = 4


def measure(*, seconds: float = 2.0, rounds: int = 3) -> Report:
    """Of one cached file of 16 KiB, open and behind a cookie, against the bare application."""
    from django.conf import settings

    label, protected, cookie = _publish()
    folder = Path(settings.DATA_DIR)
    (folder / "bench_bare.py").write_text(BARE)
    (folder / "bench_file.html").write_bytes(_content())
    host = settings.EDGE_URL.partition("://")[2]
    rates: dict[str, list[float]] = {"bare": [], "open": [], "protected": []}
    with (
        _server("bench_bare:application", folder, BENCH_FILE=str(folder / "bench_file.html")) as bare,
        _server("edge.wsgi:application", ROOT) as edge,
    ):
        asked = {
            "bare": (bare, {"Host": "bare"}),
            "open": (edge, {"Host": f"{label}.{host}"}),
            "protected": (edge, {"Host": f"{protected}.{host}", "Cookie": cookie}),
        }
        for _ in range(rounds):
            for name, (port, headers) in asked.items():
                rates[name].append(_rate(port, headers, seconds))
    return Report(
        sizes=f"one file of {SIZE // 1024} KiB, {HANDS} connections",
        figures=[
            Figure(
                what=f"cached request of an artifact ({name}) against the bare server",
                samples=[mine / bare for mine, bare in zip(rates[name], rates["bare"], strict=True)],
                unit="x",
                at_least=0.5,
            )
            for name in ("open", "protected")
        ],
        beside={name: f"{median(found):,.0f} requests a second" for name, found in rates.items()},
    )


def _content() -> bytes:
    return b"<!doctype html>" + b"x" * (SIZE - 15)


def _publish() -> tuple[str, str, str]:
    """Labels of an open and a protected artifact, and a cookie for the second."""
    from artifacts import actions, selectors
    from artifacts.actions import Access
    from edge import cookies
    from hq.db.context import tenant
    from tests.artifacts.tars import tar
    from tests.factories import make_place

    place, labels = make_place(), []
    for access in (Access("open"), Access("password", "correct horse battery")):
        with tenant(place.id):
            made = actions.create_artifact(actor=place.actor(), name="Bench", access=access)
        archive = iter([tar({"index.html": _content()})])
        actions.deploy_archive(actor=place.actor(), artifact_id=made.id, chunks=archive)
        labels.append(made.label)
    site = selectors.find_site(labels[1])
    if site is None:
        raise RuntimeError("What was just published is not there.")
    given = "; ".join(f"{name}={value}" for name, value in cookies.mint(site).items())
    return labels[0], labels[1], given


@contextmanager
def _server(application: str, folder: Path, **more: str) -> Iterator[int]:
    port = free_port()
    options = ["--interface", "wsgi", "--http", "1", "--no-ws", "--host", "127.0.0.1", "--port", str(port)]
    limits = ["--blocking-threads", "16", "--backpressure", "256", "--log-level", "error"]
    environment = os.environ | {"HQ_DB_ROLE": "hq_edge", "HQ_DB_POOL": "true", **more}
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", *options, *limits, application], cwd=folder, env=environment
    )
    try:
        deadline = time.monotonic() + 60
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{application} does not answer.")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        link.request("GET", "/healthz")
        return link.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        link.close()


def _rate(port: int, headers: dict[str, str], seconds: float) -> float:
    """Whole answers a second, over a few connections that stay open."""

    def hand(_number: int) -> int:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        count, until = 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            link.request("GET", "/", headers=headers)
            answer = link.getresponse()
            if answer.status != http.HTTPStatus.OK or len(answer.read()) != SIZE:
                raise RuntimeError(f"The server answered {answer.status}.")
            count += 1
        link.close()
        return count

    with ThreadPoolExecutor(HANDS) as hands:
        return sum(hands.map(hand, range(HANDS))) / seconds
