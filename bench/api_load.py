"""The clients of `bin/bench api`: a process that sends the same requests over and over on connections that stay open.

Each client has one connection and one request under way. Requests are written and answers read as bytes, so that the
load takes little of the machine it measures.
"""

import re
import selectors
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter

from bench.hands import FORK

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END, _LAST_CHUNK = b"\r\n\r\n", b"0\r\n\r\n"


@dataclass
class Told:
    """What clients were told: how long it took in all, each answer's status, and each one's time in seconds."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.times) / self.seconds

    def only(self, status: int) -> "Told":
        """Itself. Raises RuntimeError when another status was among the answers: then the figure means nothing."""
        if set(self.statuses) != {status}:
            raise RuntimeError(f"The server answered {dict(self.statuses)}, not {status} alone.")
        return self


def get(path: str, secret: str = "", scheme: str = "Bearer") -> bytes:
    """A GET request as bytes."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "User-Agent: bench"]
    if secret:
        lines.append(f"Authorization: {scheme} {secret}")
    return "\r\n".join([*lines, "", ""]).encode()


def load(port: int, requests: Sequence[bytes], *, clients: int, seconds: float, pause: float = 0.0) -> Told:
    """Send these requests in turn, from a second process, for so long. With `pause`, one begins every so often."""
    with loading(port, requests, clients=clients, seconds=seconds, pause=pause) as told:
        return told()


@contextmanager
def loading(
    port: int, requests: Sequence[bytes], *, clients: int, seconds: float, pause: float = 0.0
) -> Iterator[Callable[[], Told]]:
    """The same while something else is done. What is given waits until the load is over and tells."""
    here, there = FORK.Pipe(duplex=False)

    def work() -> None:
        there.send(_Clients(port, requests, clients, pause).run(seconds))

    process = FORK.Process(target=work, daemon=True)
    process.start()
    there.close()
    try:
        yield here.recv
    finally:
        process.join()


def status_of(port: int, request: bytes) -> int:
    """What one request is answered with."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        answer = _Answer(connection, perf_counter())
        while not answer.whole():
            pass
        return answer.status


class _Clients:
    def __init__(self, port: int, requests: Sequence[bytes], clients: int, pause: float) -> None:
        self._requests, self._pause = cycle(requests), pause
        self._waiting = selectors.DefaultSelector()
        self._idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(clients)]
        self._told = Told()

    def run(self, seconds: float) -> Told:
        began = due = perf_counter()
        until = began + seconds
        while (at := perf_counter()) < until or self._waiting.get_map():
            while self._idle and due <= at < until:
                self._send(self._idle.pop())
                due = max(due + self._pause, at - 1) if self._pause else at
            for key, _ in self._waiting.select(timeout=max(0.0, min(due, until) - at) if self._idle else None):
                self._read(key.data)
        self._told.seconds = perf_counter() - began
        for connection in self._idle:
            connection.close()
        return self._told

    def _send(self, connection: socket.socket) -> None:
        connection.sendall(next(self._requests))
        self._waiting.register(connection, selectors.EVENT_READ, _Answer(connection, perf_counter()))

    def _read(self, answer: "_Answer") -> None:
        if answer.whole():
            self._waiting.unregister(answer.connection)
            self._idle.append(answer.connection)
            self._told.statuses[answer.status] += 1
            self._told.times.append(perf_counter() - answer.began)


@dataclass
class _Answer:
    connection: socket.socket
    began: float
    data: bytes = b""

    def whole(self) -> bool:
        """Read what is there; True once the answer is complete."""
        came = self.connection.recv(65536)
        if not came:
            raise RuntimeError("The server ended the connection.")
        self.data += came
        head, end, body = self.data.partition(_END)
        if not end:
            return False
        length = _LENGTH.search(head)
        return len(body) >= int(length[1]) if length else body.endswith(_LAST_CHUNK)

    @property
    def status(self) -> int:
        return int(self.data[9:12])
