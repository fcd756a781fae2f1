"""From where a signer came, as the chain says it: what the last proxy saw, never what a browser says of itself."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.core.cache import cache

from tests.aws.servers import worker
from tests.database import free_port
from tests.factories import make_place
from tests.signing import support

pytestmark = pytest.mark.django_db(transaction=True)
SIGNER, CHOSEN = "127.0.0.9", "198.51.100.66"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
CLAIMS = {
    "X-Forwarded-For": CHOSEN,
    "Forwarded": f"for={CHOSEN};proto=https",
    "X-Real-IP": CHOSEN,
    "True-Client-IP": CHOSEN,
    "X-Client-IP": CHOSEN,
    "X-Forwarded-Host": "evil.example",
}


class Proxy(BaseHTTPRequestHandler):
    """Adds who came to it, as nginx does by $proxy_add_x_forwarded_for, and passes everything else on."""

    server: "Front"

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        hops = [*self.headers.get_all("X-Forwarded-For", []), self.client_address[0]]
        kept = {name: value for name, value in self.headers.items() if name.lower() != "x-forwarded-for"}
        behind = HTTPConnection(self.server.behind)
        behind.request(self.command, self.path, body, kept | {"X-Forwarded-For": ", ".join(hops)})
        answer = behind.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "transfer-encoding", "server", "date"}:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        behind.close()

    do_GET = do_POST = pass_on  # noqa: N815 - what http.server calls

    def log_message(self, *_: Any) -> None:
        """What matters is told by the test."""


class Front(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behind: str) -> None:
        self.behind = behind
        super().__init__(("127.0.0.1", free_port(worker())), Proxy)


@contextmanager
def in_front_of(behind: str) -> Iterator[str]:
    server = Front(behind)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def asked(door: str, host: str, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[Any, str]:
    """By a browser at SIGNER's address, that claims another one in every way."""
    line = HTTPConnection(door, source_address=(SIGNER, 0))
    given = CLAIMS | {"Host": host} | headers
    if form is None:
        line.request("GET", path, headers=given)
    else:
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{host}"}
        line.request("POST", path, urlencode(form), given | kind)
    answer = line.getresponse()
    body = answer.read().decode()
    line.close()
    return answer, body


@pytest.mark.parametrize(
    ("proxies", "trusted", "seen"),
    [
        (0, 0, SIGNER),
        (1, 1, SIGNER),
        (2, 2, SIGNER),
        (1, 0, "127.0.0.1"),  # nobody said that there is one
        (2, 1, "127.0.0.1"),
    ],
)
def test_a_signer_does_not_choose_the_address_that_the_chain_says(address, settings, proxies, trusted, seen):
    settings.TRUSTED_PROXIES = trusted
    agreement = support.sent(make_place(), [support.person(1, method="link")])
    path, host = support.link(support.signer(agreement)), urlsplit(address).netloc
    cache.clear()
    with ExitStack() as stack:
        door = f"127.0.0.1:{urlsplit(address).port}"
        for _ in range(proxies):
            door = stack.enter_context(in_front_of(door))
        answer, page = asked(door, host, path)
        assert answer.status == 200, page
        cookie = answer.getheader("Set-Cookie").partition(";")[0]
        found = TOKEN.search(page)
        assert found
        form = {"csrfmiddlewaretoken": found[1], "act": "enter"}
        entered, words = asked(door, host, path, form, Cookie=cookie)
        assert entered.status == 303, words
    step = support.steps(agreement)[-1]
    assert (step.kind, step.detail["ip"]) == ("identified", seen)
