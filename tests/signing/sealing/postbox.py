"""A mail server that speaks as much SMTP (RFC 5321) as Django does, and refuses the recipients that a test names."""

import socketserver
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import Any

from django.test import override_settings

from tests.aws.servers import worker
from tests.database import free_port


class Postbox(socketserver.ThreadingTCPServer):
    """`taken` holds what came, as bytes."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, refused: Mapping[str, int]) -> None:
        super().__init__(("127.0.0.1", free_port(worker())), _Talk)
        self.refused, self.taken = refused, list[bytes]()


class _Talk(socketserver.StreamRequestHandler):
    server: Postbox

    def handle(self) -> None:
        self._say(220)
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"RCPT":
                address = line.decode().partition("<")[2].partition(">")[0]
                self._say(self.server.refused.get(address, 250))
            elif verb == b"DATA":
                self._say(354)
                self.server.taken.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                self._say(250)
            else:
                self._say(221 if verb == b"QUIT" else 250)
                if verb == b"QUIT":
                    return

    def _say(self, code: int) -> None:
        self.wfile.write(f"{code} said the server\r\n".encode())


@contextmanager
def postbox(refused: Mapping[str, int] | None = None) -> Iterator[Postbox]:
    """Where HQ's mail goes meanwhile."""
    box = Postbox(refused or {})
    thread = Thread(target=box.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    where: dict[str, Any] = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": box.server_address[1]}
    try:
        with override_settings(EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", **where):
            yield box
    finally:
        box.shutdown()
        box.server_close()
        thread.join()
