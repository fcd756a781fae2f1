"""A receiver of syslog over TLS on a loopback address."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

from tests.lib.loopback import next_port


@dataclass
class Syslogd:
    """Keeps the messages of each connection. `ends`: how it ends one: `notify` (TLS's way), `fin`, `reset`, `never`."""

    port: int
    ends: str = "notify"
    connections: list[list[str]] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    @property
    def messages(self) -> list[str]:
        return [message for each in self.connections for message in each]


@contextmanager
def receiving(tls: ssl.SSLContext) -> Iterator[Syslogd]:
    syslogd = Syslogd(next_port())
    listener = socket.create_server(("127.0.0.1", syslogd.port))
    thread = Thread(target=_serve, args=[syslogd, listener, tls], daemon=True)
    thread.start()
    try:
        yield syslogd
    finally:
        syslogd.over.set()
        with socket.create_connection(("127.0.0.1", syslogd.port)):
            thread.join(5)
        listener.close()


def _serve(syslogd: Syslogd, listener: socket.socket, tls: ssl.SSLContext) -> None:
    while not syslogd.over.is_set():
        plain, _ = listener.accept()
        if not syslogd.over.is_set():
            Thread(target=_attend, args=[syslogd, plain, tls], daemon=True).start()


def _attend(syslogd: Syslogd, plain: socket.socket, tls: ssl.SSLContext) -> None:
    try:
        with tls.wrap_socket(plain, server_side=True, suppress_ragged_eofs=False) as talk:
            got: list[str] = []
            syslogd.connections.append(got)
            rest = b""
            if syslogd.ends == "reset":
                talk.recv(10)
                talk.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                return
            while more := talk.recv(65536):
                rest = _take(rest + more, got)
            if syslogd.ends == "never":
                syslogd.over.wait(20)
            if syslogd.ends == "notify":
                talk.unwrap()
    except OSError:
        return


def _take(raw: bytes, got: list[str]) -> bytes:
    """Whole messages by their lengths (RFC 5425 section 4.3); what is left over."""
    while b" " in raw:
        size, _, rest = raw.partition(b" ")
        if len(rest) < int(size):
            return raw
        got.append(rest[: int(size)].decode())
        raw = rest[int(size) :]
    return raw
