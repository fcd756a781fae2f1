"""The identity provider as a site, for a real browser: a page with a button that posts the answer back."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.database import free_port
from tests.idp.saml import SamlIdp
from tests.idp.saml_messages import Asked, read_request

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in to the identity provider</title></head>
<body><main><h1>Identity provider</h1>
<form method="post" action="{acs_url}">
<input type="hidden" name="SAMLResponse" value="{response}">
<input type="hidden" name="RelayState" value="{relay_state}">
<button type="submit">Continue</button>
</form></main></body></html>
"""


class SamlSite(ThreadingHTTPServer):
    """`answer` holds the arguments of the next responses; `asked` every request that came."""

    daemon_threads = True

    def __init__(self, idp: SamlIdp, port: int, answer: dict[str, Any]) -> None:
        self.idp = idp
        self.answer = answer
        self.asked: list[Asked] = []
        super().__init__(("127.0.0.1", port), _Door)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def sso_url(self) -> str:
        return f"{self.address}/sso"

    @property
    def metadata(self) -> str:
        return self.idp.metadata(self.sso_url)

    def page(self, query: dict[str, list[str]]) -> str:
        """The page with the answer. Without a request it is one that nobody asked for."""
        request = query.get("SAMLRequest", [None])[0]
        acs_url = self.answer.get("acs_url")
        if request is not None:
            self.asked.append(read_request(request))
            acs_url = acs_url or self.asked[-1].acs_url
        return PAGE.format(
            acs_url=escape(str(acs_url)),
            response=escape(self.idp.respond(request, **self.answer)),
            relay_state=escape(query.get("RelayState", [""])[0]),
        )


class _Door(BaseHTTPRequestHandler):
    server: SamlSite

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/sso":
            self._answer("text/html; charset=utf-8", self.server.page(parse_qs(address.query)))
        elif address.path == "/metadata":
            self._answer("application/samlmetadata+xml", self.server.metadata)
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        """A request by the POST binding."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer("text/html; charset=utf-8", self.server.page(parse_qs(body)))

    def _answer(self, kind: str, body: str) -> None:
        content = body.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """What matters is told by the test."""


@contextmanager
def serve(idp: SamlIdp, port: int | None = None, **answer: Any) -> Iterator[SamlSite]:
    """The provider on a free loopback port. `answer` goes to `respond`, and may be changed between requests."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 1
    site = SamlSite(idp, port or free_port(worker), answer)
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.shutdown()
        site.server_close()
        thread.join()
