"""Targets on loopback addresses, and what tests do with streams again and again."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from threading import Event, Thread
from typing import Any

from audit import recorder
from audit.actions import grow
from audit.recorder import Target
from audit.tags import Tag
from hq.db.context import tenant
from hq.lib.clock import now
from streams import actions
from streams.actions import Made
from streams.models import Batch, Position, Stream
from streams.selectors import lengths_of
from streams.tasks import sweep
from tests.factories import Place, run_jobs
from tests.lib.loopback import next_port

NETWORK = "network"
LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1/128")]


@dataclass
class Siem:
    """Keeps what it gets, and answers as it was told: by the list, then always 204. While not `open`, nobody."""

    port: int
    scheme: str
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    then: int = 204
    open: Event = field(default_factory=Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/in?key=of-the-siem"

    @property
    def entries(self) -> list[dict[str, Any]]:
        """What came, less the tests."""
        whole = [json.loads(line) for body in self.bodies for line in body.decode().split("\n") if line]
        return [each for each in whole if "test" not in each]

    @property
    def indexes(self) -> list[int]:
        return [entry["index"] for entry in self.entries]


@contextmanager
def collecting(tls: ssl.SSLContext | None = None) -> Iterator[Siem]:
    siem = Siem(next_port(), "https" if tls else "http")
    siem.open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            siem.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            siem.headers.append({name.lower(): value for name, value in self.headers.items()})
            siem.open.wait(20)
            self.send_response(siem.answers.pop(0) if siem.answers else siem.then)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", siem.port), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}).start()
    try:
        yield siem
    finally:
        siem.open.set()
        server.shutdown()
        server.server_close()


def stream_to(place: Place, url: str, *logs: str, begin: str = "start", **target: Any) -> Made:
    with tenant(place.id):
        return actions.create_stream(
            actor=place.actor(),
            name="SIEM",
            kind="https",
            target={"url": url, **target},
            secret={"value": "Bearer of-the-siem"},
            logs=logs or ["admin"],
            begin=begin,
        )


def make_events(place: Place, count: int) -> None:
    """So many administrative events in live."""
    with tenant(place.id):
        for number in range(count):
            recorder.record(place.actor(), Tag.KEY_ROTATED, target=Target("key", place.id, f"Key {number}"))


def length(place: Place, log: str = "admin") -> int:
    with tenant(place.id):
        return lengths_of(place.id, place.live_id).get(log, 0)


def send_all() -> None:
    """What the sweep and the workers do."""
    sweep()
    run_jobs(NETWORK)


def make_due(made: Made) -> None:
    """As if the pause were over."""
    with tenant(made.stream.organization_id):
        Stream.objects.filter(pk=made.stream.pk).update(next_at=now() - timedelta(seconds=1))


def stream_of(made: Made) -> Stream:
    with tenant(made.stream.organization_id):
        found = Stream.objects.get(pk=made.stream.pk)
        _ = found.target
        return found


def position_of(made: Made, log: str = "admin") -> Position:
    with tenant(made.stream.organization_id):
        return Position.objects.get(stream_id=made.stream.pk, log=log)


def batches_of(made: Made) -> list[Batch]:
    """Oldest first."""
    with tenant(made.stream.organization_id):
        return list(Batch.objects.filter(stream_id=made.stream.pk).order_by("pk"))


def sequence(place: Place) -> None:
    """Give the requests of live their places."""
    grow(place.id, place.live_id)
