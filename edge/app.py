"""The edge's one WSGI application: a host name says whose, a path says what.

It neither runs Django's middleware nor its request handling: a file that is in memory is answered from there. Whatever
fails inside is a neutral 500; whatever is not there, of whomever, is the same 404.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection

from edge import hosts, previews, published
from edge.answers import ALWAYS, Answer, Asked, Headers, text
from hq.web.health import database_answers
from vault.actions.previews import HOST

log = logging.getLogger("hq.edge")
StartResponse = Callable[[str, Headers], Any]
View = Callable[[Asked], Answer]
METHODS = frozenset({"GET", "HEAD", "POST"})


# Labels that are ours; every other is a published artifact's. None of those is one of these: it has twelve characters
# that nobody chose.
RESERVED: dict[str, View] = {HOST: previews.view}


class Edge:
    """The WSGI application."""

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        method: str = environ["REQUEST_METHOD"]
        try:
            answer = self._answer(method, environ)
        except Exception:
            log.exception("the edge could not answer")
            answer = text(500, b"Something broke on our side.\n")
        always = [pair for pair in ALWAYS if pair[0] not in answer.without] if answer.without else ALWAYS
        start_response(answer.line, [*always, *answer.headers])
        if method == "HEAD":
            if close := getattr(answer.body, "close", None):
                close()
            return []
        return answer.body

    def _answer(self, method: str, environ: dict[str, Any]) -> Answer:
        label = hosts.label_of(environ.get("HTTP_HOST", ""))
        if label is None:
            return _own(environ["PATH_INFO"])
        if method not in METHODS:
            return text(405, b"This address answers GET, HEAD and its own forms.\n", ("Allow", "GET, HEAD, POST"))
        asked = Asked(label, method, environ["PATH_INFO"], environ)
        return RESERVED.get(label, published.view)(asked)


def _own(path: str) -> Answer:
    """Hosts that are nobody's: a probe may ask whether we are there, and nothing else is."""
    if path == "/healthz":
        return text(200, b"ok\n")
    if path == "/readyz":
        return text(200, b"ok\n") if _ready() else text(503, b"The database does not answer.\n")
    return text(404)


def _ready() -> bool:
    try:
        return database_answers()
    finally:
        connection.close()
