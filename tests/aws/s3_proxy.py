"""A way to ministack's S3 that fails as it is told, at the call that it is told; everything else passes."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.aws.faults import hanging_up
from tests.aws.servers import worker
from tests.database import free_port

Fault = Callable[["Call"], None]
# What S3 is asked for follows from method and query; HQ's calls only.
_OPERATIONS = {
    ("DELETE", "uploadId"): "abort_multipart_upload",
    ("GET", "uploadId"): "list_parts",
    ("GET", "uploads"): "list_multipart_uploads",
    ("GET", "versions"): "list_object_versions",
    ("POST", "delete"): "delete_objects",
    ("POST", "uploadId"): "complete_multipart_upload",
    ("POST", "uploads"): "create_multipart_upload",
    ("PUT", "cors"): "put_bucket_cors",
    ("PUT", "encryption"): "put_bucket_encryption",
    ("PUT", "lifecycle"): "put_bucket_lifecycle_configuration",
    ("PUT", "partNumber"): "upload_part",
    ("PUT", "policy"): "put_bucket_policy",
    ("PUT", "publicAccessBlock"): "put_public_access_block",
    ("PUT", "versioning"): "put_bucket_versioning",
}
_PLAIN = {"DELETE": "delete_bucket", "GET": "get_object", "OPTIONS": "preflight", "PUT": "create_bucket"}


class Call(BaseHTTPRequestHandler):
    """One request. `operation` is what S3 was asked for, by boto3's name."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # as in tests.serving
    server: "S3Proxy"

    def handle_any(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.operation = self._operation()
        with self.server.counting:
            self.server.asked.append(self.operation)
            fault = self.server.next_fault(self.operation)
        (fault or passing)(self)

    do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_POST = do_PUT = handle_any  # noqa: N815 - what http.server calls

    def _operation(self) -> str:
        split = urlsplit(self.path)
        asked = parse_qs(split.query, keep_blank_values=True)
        if self.command == "HEAD":
            return "head_object" if "/" in split.path.strip("/") else "head_bucket"
        found = [name for (method, word), name in _OPERATIONS.items() if method == self.command and word in asked]
        return found[0] if found else _PLAIN[self.command]

    def forward(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """What ministack says, as to somebody who came with TLS."""
        connection = HTTPConnection(self.server.target, timeout=10)
        headers = dict(self.headers.items()) | {"X-Forwarded-Proto": "https"}
        connection.request(self.command, self.path, self.body, headers)
        answer = connection.getresponse()
        found = answer.status, answer.getheaders(), answer.read()
        connection.close()
        return found

    def send(self, status: int, headers: list[tuple[str, str]], body: bytes, *, upto: int | None = None) -> None:
        """An answer; `upto` so many bytes of its body, although all of them were promised."""
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        length = {name.lower(): value for name, value in headers}.get("content-length", str(len(body)))
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if upto is None else body[:upto])
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """What matters is told by the test."""


class S3Proxy(ThreadingHTTPServer):
    """`fail(operation, …)` lets the next calls of it fail, one fault each; the last one stays with `lasting`."""

    daemon_threads = True

    def __init__(self, port: int, target: str) -> None:
        self.target = urlsplit(target).netloc
        self.asked: list[str] = []
        self.counting = threading.Lock()
        self.over = threading.Event()
        self._at, self._faults, self._lasting = "", list[Fault](), False
        super().__init__(("127.0.0.1", port), Call)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def fail(self, operation: str, *faults: Fault, lasting: bool = True) -> None:
        self._at, self._faults, self._lasting = operation, list(faults), lasting
        self.asked.clear()

    def next_fault(self, operation: str) -> Fault | None:
        if not self._faults or (self._at and operation != self._at):
            return None
        return self._faults[0] if self._lasting and len(self._faults) == 1 else self._faults.pop(0)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that ran out of patience are what some tests are about."""


def passing(call: Call) -> None:
    call.send(*call.forward())


def refusing(code: str, status: int) -> Fault:
    """As S3 refuses, with words that nobody shall read."""
    words = f"<Error><Code>{code}</Code><Message>User: arn:aws:iam::111122223333:user/ada said secret</Message></Error>"
    return lambda call: call.send(status, [("Content-Type", "application/xml")], words.encode())


def saying(body: bytes) -> Fault:
    return lambda call: call.send(200, [], body)


def cut(call: Call) -> None:
    """Half of the body that was promised."""
    status, headers, body = call.forward()
    call.send(status, headers, body, upto=len(body) // 2)
    hanging_up(call)  # type: ignore[arg-type]  # it needs the connection only


def nothing_of_it(call: Call) -> None:
    """The head, and none of the body that was promised."""
    status, headers, body = call.forward()
    call.send(status, headers, body, upto=0)
    hanging_up(call)  # type: ignore[arg-type]  # it needs the connection only


def gone(call: Call) -> None:
    """Close the connection without a word."""
    hanging_up(call)  # type: ignore[arg-type]  # it needs the connection only


def done_and_gone(call: Call) -> None:
    """Do what was asked for, and never say so."""
    call.forward()
    gone(call)


def silent(call: Call) -> None:
    call.server.over.wait(60)


def holding(reached: threading.Event, goes_on: threading.Event) -> Fault:
    """Say that it has come, and do it once it may go on."""

    def hold(call: Call) -> None:
        reached.set()
        assert goes_on.wait(60)
        passing(call)

    return hold


def altering_what_is_sent(call: Call) -> None:
    """A byte of it changes on the way."""
    call.body = bytes([call.body[0] ^ 1]) + call.body[1:]
    passing(call)


def altering_the_checksum(call: Call) -> None:
    """S3 says that it has something else."""
    status, headers, body = call.forward()
    other = "A" * 43 + "="
    headers = [(name, other if name.lower() == "x-amz-checksum-sha256" else value) for name, value in headers]
    body = re.sub(rb"(<ChecksumSHA256>)[^-<]*", rb"\1" + other.encode(), body)
    call.send(status, headers, body)


@contextmanager
def proxy_to(target: str) -> Iterator[S3Proxy]:
    server = S3Proxy(free_port(worker()), target)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
