"""A server in AWS KMS's place that fails as it is told, and counts who comes."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.aws.servers import worker
from tests.database import free_port

Fault = Callable[["Asked"], None]


class Asked(BaseHTTPRequestHandler):
    """One request: `operation` is what KMS was asked for, `body` with what."""

    disable_nagle_algorithm = True  # as in tests.serving
    server: "FaultServer"

    def do_POST(self) -> None:
        self.operation = self.headers["X-Amz-Target"].partition(".")[2]
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.counting:
            self.server.asked.append(self.operation)
            fault = self.server.faults.pop(0) if len(self.server.faults) > 1 else self.server.faults[0]
        fault(self)

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """What matters is told by the test."""


class FaultServer(ThreadingHTTPServer):
    """`faults` come one after the other; the last one stays."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.asked: list[str] = []
        self.faults: list[Fault] = []
        self.counting = threading.Lock()
        self.over = threading.Event()
        super().__init__(("127.0.0.1", port), Asked)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that ran out of patience are what some tests are about."""


def saying(body: object, status: int = 200) -> Fault:
    """Bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda asked: asked.answer(status, content)


def refusing(code: str, status: int = 400) -> Fault:
    return saying({"__type": code, "message": "User: arn:aws:iam::111122223333:user/ada said secret"}, status)


def hanging_up(asked: Asked) -> None:
    """Close the connection without a word."""
    asked.connection.shutdown(socket.SHUT_RDWR)
    asked.close_connection = True


def breaking_off(asked: Asked) -> None:
    """Promise a thousand bytes, send ten."""
    asked.send_response(200)
    asked.send_header("Content-Length", "1000")
    asked.end_headers()
    asked.wfile.write(b'{"KeyId": ')
    asked.wfile.flush()
    hanging_up(asked)


def silent(asked: Asked) -> None:
    """Take the request and never answer it."""
    asked.server.over.wait(60)


@contextmanager
def faulty() -> Iterator[FaultServer]:
    server = FaultServer(free_port(worker()))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
