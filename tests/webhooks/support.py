"""A receiver of webhooks on a loopback address, and what tests do with the room again and again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from uuid import UUID

from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from tests.factories import Place, run_jobs
from tests.lib.loopback import next_port
from tests.webhooks.verifiers import Received
from webhooks import actions
from webhooks.actions import Made
from webhooks.models import Attempt, Delivery, Endpoint

NETWORK = "network"


@dataclass
class Receiver:
    """Keeps what it gets, and answers as it was told: by the list, then always by `then`."""

    port: int
    got: list[Received] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    then: tuple[int, dict[str, str], bytes] = (204, {}, b"")
    # While this is not set it answers nobody.
    open: Event = field(default_factory=Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=of-the-receiver"

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Once, after what was told before."""
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, body))


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver(next_port())
    receiver.open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            receiver.got.append(Received(body, {name.lower(): value for name, value in self.headers.items()}))
            receiver.open.wait(20)
            status, headers, answer = receiver.answers.pop(0) if receiver.answers else receiver.then
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", receiver.port), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}).start()
    try:
        yield receiver
    finally:
        receiver.open.set()
        server.shutdown()
        server.server_close()


def hook(place: Place, url: str, *events: str, environment_id: UUID | None = None) -> Made:
    actor = place.actor(environment_id=environment_id)
    with tenant(place.id):
        return actions.create_endpoint(actor=actor, name="Claims intake", url=url, events=events or ("*",))


def deliveries(place: Place, made: Made | None = None) -> list[Delivery]:
    """Oldest first, with what was sent."""
    with tenant(place.id):
        rows = Delivery.objects.select_related("message", "endpoint").order_by("pk")
        return list(rows.filter(endpoint_id=made.endpoint.id) if made else rows)


def attempts(delivery: Delivery) -> list[Attempt]:
    with tenant(delivery.organization_id):
        return list(Attempt.objects.filter(delivery_id=delivery.id).order_by("pk"))


def again(row: Any) -> Any:
    """The row as it is now."""
    with tenant(row.organization_id):
        return type(row).objects.get(pk=row.pk)


def endpoint_of(made: Made) -> Endpoint:
    found: Endpoint = again(made.endpoint)
    return found


def make_due(*rows: Delivery) -> None:
    """As if the time had come."""
    for row in rows:
        with tenant(row.organization_id):
            Job.objects.filter(key=str(row.id), state="QUEUED").update(run_at=now())


def send_all() -> None:
    run_jobs(NETWORK)


def try_again(delivery: Delivery, times: int = 1) -> Delivery:
    """So many tries more, each when it is due."""
    for _ in range(times):
        make_due(delivery)
        send_all()
    found: Delivery = again(delivery)
    return found
