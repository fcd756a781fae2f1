"""HQ on a port, in this process: what is prepared and looked at by a test is what the server sees."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler


class Quiet(WSGIRequestHandler):
    disable_nagle_algorithm = True  # or an answer's second packet waits 40 ms for word of its first

    def log_message(self, *_: Any) -> None:
        """Every request line would be noise; what fails is told by the test."""


@contextmanager
def served() -> Iterator[str]:
    """The address of a running HQ: the one that settings believe in, so that links in mails lead here."""
    from hq.wsgi import application  # looks at the static files, which are there by now

    address = urlsplit(settings.BASE_URL)
    server = ThreadedWSGIServer((str(address.hostname), int(address.port or 0)), Quiet)
    server.set_app(application)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield settings.BASE_URL
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def address(django_db_setup: None) -> Iterator[str]:
    """One server for all tests of a worker: there is one address that settings believe in."""
    with served() as url:
        yield url
