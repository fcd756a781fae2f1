"""Servers on loopback addresses that answer as badly as they are told, with certificates made on the spot."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.aws.servers import worker
from tests.database import free_port


def next_port() -> int:
    return free_port(worker())


class Authority:
    """A certificate authority that nobody trusts who was not told of `path`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Loopback authority")])
        self.path = folder / "authority.pem"
        certificate = self._certificate(self.name, self.key.public_key(), 1)
        basics = x509.BasicConstraints(ca=True, path_length=0)
        self._write(self.path, certificate.add_extension(basics, critical=True))

    def server_context(self, *names: str, days: int = 1) -> ssl.SSLContext:
        """What a server needs that goes by these host names or addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        path = self.folder / f"{'-'.join(names)}{days}.pem"
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        carried = x509.SubjectAlternativeName([_general(name) for name in names])
        self._write(path, self._certificate(subject, key.public_key(), days).add_extension(carried, critical=False))
        with path.open("ab") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _certificate(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
        end = datetime.now(UTC) + timedelta(days=days)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
        return (
            builder.serial_number(x509.random_serial_number()).not_valid_before(end - timedelta(9)).not_valid_after(end)
        )

    def _write(self, path: Path, builder: x509.CertificateBuilder) -> None:
        path.write_bytes(builder.sign(self.key, SHA256()).public_bytes(Encoding.PEM))


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


TLS_HANDSHAKE = b"\x16"  # the first byte of somebody who takes a plain server for an encrypted one
Answer = Callable[["Server", socket.socket], None]


class Server:
    """Takes connections one after the other, each in a thread; `heads` are the requests as they came."""

    def __init__(self, answer: Answer, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, port: int = 0):
        self.answer = answer
        self.tls = tls
        self.heads: list[bytes] = []
        self.connections = 0
        self.names_asked_for: list[str | None] = []
        self.over = Event()
        if tls is not None:
            tls.sni_callback = lambda _socket, name, _context: self.names_asked_for.append(name)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, port or next_port()), family=family)
        self.port = self.listener.getsockname()[1]
        self.thread = Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            if self.over.is_set():
                connection.close()
                return
            self.connections += 1
            Thread(target=self._attend, args=[connection], daemon=True).start()

    def _attend(self, connection: socket.socket) -> None:
        try:
            with self.tls.wrap_socket(connection, server_side=True) if self.tls else connection as talk:
                head = b""
                while b"\r\n\r\n" not in head and head[:1] != TLS_HANDSHAKE and (more := talk.recv(65536)):
                    head += more
                self.heads.append(head)
                self.answer(self, talk)
        except OSError:
            return  # the client hung up: what many of these tests are about

    def close(self) -> None:
        self.over.set()
        with socket.create_connection(self.listener.getsockname()[:2]):  # wakes the accepting thread
            self.thread.join()
        self.listener.close()


@contextmanager
def serving(answer: Answer, **named: object) -> Iterator[Server]:
    server = Server(answer, **named)  # type: ignore[arg-type]  # handed through as they are
    try:
        yield server
    finally:
        server.close()


def saying(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> Answer:
    """An honest answer, its length told."""
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), b"Connection: close", *headers]
    content = b"\r\n".join(lines) + b"\r\n\r\n" + body
    return lambda _, talk: talk.sendall(content)


def pouring(first: bytes, then: bytes, *, pause: float = 0.0, until: float = 3.0) -> Answer:
    """Say `first`, then `then` again and again, until the client has had enough or so many seconds are over."""

    def answer(server: Server, talk: socket.socket) -> None:
        end = monotonic() + until
        talk.sendall(first)
        while monotonic() < end and not server.over.wait(pause):
            talk.sendall(then)

    return answer


def sipping(server: Server, talk: socket.socket) -> None:
    """Read a little now and then, for as long as the client sends: often enough that it is never stuck for long."""
    while all(talk.recv(16384) for _ in range(16)) and not server.over.wait(0.03):
        continue


def silent(server: Server, _: socket.socket) -> None:
    """Neither say nor read anything more."""
    server.over.wait(20)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
