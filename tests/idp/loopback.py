"""What every false identity provider is made of: an application on a loopback port, in a thread of this process."""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

import requests
from werkzeug import Request, Response
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.aws.servers import worker
from tests.database import free_port

METADATA_SERVICE = "http://169.254.169.254/latest/meta-data/"  # where clouds hand out credentials to their own machines
HUGE = 64 * 1024 * 1024
PIECE = b" " * 65_536  # white space, so that a parser of JSON goes on reading
NONSENSE = {"a page": "<!doctype html><title>Sign in</title>", "a list": "[]"}  # no JSON; JSON of another shape
BODIES = ("huge", "slow", "elsewhere", *NONSENSE)

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Quiet(WSGIRequestHandler):
    disable_nagle_algorithm = True  # as in tests.serving

    def log(self, *_: Any) -> None:
        """Every request line would be noise; what fails is told by the test."""


@contextmanager
def served(application: Application) -> Iterator[str]:
    """The address of an application that answers over HTTP until the block ends."""
    server = make_server("127.0.0.1", free_port(worker()), application, threaded=True, request_handler=_Quiet)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def s256(verifier: str) -> str:
    """The challenge that a PKCE verifier answers (RFC 7636)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def followed(url: str) -> str:
    """Where the browser is sent by a page that only sends it on.

    Raises:
        AssertionError: the page does not send it on.
    """
    answer = requests.get(url, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, f"{answer.status_code}: {answer.text}"
    return answer.headers["Location"]


def sent_on(address: str, query: dict[str, Any]) -> Response:
    """A page that sends the browser back with an answer."""
    join = "&" if "?" in address else "?"
    return Response(status=302, headers={"Location": f"{address}{join}{urlencode(query)}"})


def refused(status: int, error: str, why: str) -> Response:
    """An OAuth error (RFC 6749, 5.2)."""
    return told({"error": error, "error_description": why}, status)


def told(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")


@dataclass(frozen=True)
class Asked:
    """One request that came in: `values` are its parameters, from the address or the body."""

    path: str
    values: dict[str, str]
    authorization: str


class Loopback:
    """An application whose paths are methods. `bodies` makes a path answer with one of BODIES instead."""

    routes: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[Asked] = []
        self.bodies: dict[str, str] = {}
        self.elsewhere = METADATA_SERVICE
        self.sent = 0  # bytes of a huge or slow answer that the client has let us write
        self._over = Event()

    @classmethod
    @contextmanager
    def running(cls, *args: Any) -> Iterator[Self]:
        provider = cls(*args)
        with served(provider) as provider.address:
            try:
                yield provider
            finally:
                provider._over.set()

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        request = Request(environ)
        values = dict(request.values) | dict(request.get_json(silent=True) or {})
        self.asked.append(Asked(request.path, values, request.headers.get("Authorization", "")))
        if body := self.bodies.get(request.path):
            return self._misbehaving(body)(environ, start)
        if request.path not in self.routes:
            return refused(404, "not_found", request.path)(environ, start)
        answer: Response = getattr(self, self.routes[request.path])(request, values)
        return answer(environ, start)

    def authorize(self, url: str) -> str:
        """The browser's part: where this provider sends it back to, its user having signed in.

        Raises:
            AssertionError: the address is not this provider's, or it shows an error instead of sending back.
        """
        assert url.startswith(f"{self.address}/"), url
        return followed(url)

    def times(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(asked.path == path for asked in self.asked)

    def _misbehaving(self, body: str) -> Response:
        if body == "elsewhere":
            return Response(status=302, headers={"Location": self.elsewhere})
        if body in NONSENSE:
            return Response(NONSENSE[body], mimetype="application/json")
        return Response({"huge": self._huge, "slow": self._slow}[body](), mimetype="application/json")

    def _huge(self) -> Iterator[bytes]:
        while self.sent < HUGE and not self._over.is_set():
            self.sent += len(PIECE)
            yield PIECE

    def _slow(self) -> Iterator[bytes]:
        """A byte now and then: no single read takes long, the whole never ends."""
        while not self._over.wait(0.1):
            self.sent += 1
            yield b" "
