"""The ASGI application: a stream at `/live/<organization>/<environment>`, and `/healthz` and `/readyz`."""

import asyncio
import json
import logging
import random
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from http import HTTPStatus
from math import ceil
from typing import Any, Final
from urllib.parse import parse_qs

from django.conf import settings
from django.db import DatabaseError

from hq.lib.errors import Denied, NotFound, Problem, Unavailable
from hq.lib.ids import new_id
from hq.web.health import database_answers
from streams.live.events import END, MISSED, TRAIL, Event, Position, written
from streams.live.hub import Connection, Hub
from streams.live.people import Viewer, asked_by

log = logging.getLogger("hq.live")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Pairs = list[tuple[bytes, bytes]]
_PATH: Final = re.compile(r"/live/([-a-zA-Z0-9_]{1,100})/(live|test)")
HEARTBEAT = 20.0
UNREAD = 60.0  # a client that takes nothing of what is written for so long has no stream any more
# How often an idle connection's right to be open is asked about: every 15 seconds, or so seldom that the questions of
# all of them together are at most this many a second.
CHECK, CHECKS_A_SECOND = 15.0, 100.0
ALWAYS: Pairs = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-site"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"vary", b"Origin, Cookie"),
]
STREAM: Pairs = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]


class Live:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self.hub = Hub()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = _joined(scope["headers"])
        allowed = _cross_origin(headers)
        try:
            opened = await self._open(scope, headers)
        except Problem as problem:
            await _refuse(send, problem, allowed)
            return
        except DatabaseError:
            await _refuse(send, Unavailable(), allowed)
            return
        if not isinstance(opened, Connection):
            await _answer(send, 200 if opened else 503, b"ok\n" if opened else b"The database does not answer.\n")
            return
        try:
            await self._stream(opened, receive, send, allowed)
        finally:
            self.hub.leave(opened)

    async def _open(self, scope: Scope, headers: dict[str, str]) -> Connection | bool:
        """A connection that may be open, or whether all is well for who asks that. Raises Problem, DatabaseError."""
        path = scope["path"]
        if path in {"/healthz", "/readyz"}:
            return path == "/healthz" or bool(await self.hub.ask(database_answers))
        matched = _PATH.fullmatch(path)
        if matched is None or scope["method"] != "GET":
            raise NotFound
        _require_own_page(headers)
        asked = asked_by(headers, (scope.get("client") or ("", 0))[0], *matched.groups())
        viewer = await self.hub.viewer_of(asked)
        after = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("after", [""])[0]
        return await self.hub.join(asked, viewer, Position.read(headers.get("last-event-id", "") or after))

    # ---- one stream

    async def _stream(self, own: Connection, receive: Receive, send: Send, allowed: Pairs) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [*STREAM, *ALWAYS, *allowed]})
        listening = asyncio.ensure_future(_listen(own, receive))
        try:
            await _write(send, b"retry: 5000\n" + written("hello", {}, own.position))
            await self._talk(own, send)
        except TimeoutError:  # its place is for somebody who reads
            return
        finally:
            listening.cancel()

    async def _talk(self, own: Connection, send: Send) -> None:
        """Until the client goes, the server stops, or they may not see it any more."""
        checked, time = asyncio.get_running_loop().time(), asyncio.get_running_loop().time
        own.bell.set()  # there may be something already
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(own.bell.wait(), _patience(len(self.hub.connections)))
            own.bell.clear()
            if own.gone:
                return
            if self.hub.stopping:
                await _end(send, "stopping", "HQ restarts. The page comes back by itself.")
                return
            news = self.hub.news_for(own)
            if news or time() - checked >= _interval(len(self.hub.connections)):
                if (fault := await self._fault(own)) is not None:
                    await _end(send, *fault)
                    return
                checked = time()
            await _write(send, b"".join(_told(own, event) for event in news) or b": still here\n\n")

    async def _fault(self, own: Connection) -> tuple[str, str] | None:
        """What ends the stream, as a word and a sentence; None while they are who they were and may what they might."""
        try:
            now: Viewer = await self.hub.viewer_of(own.asked)
        except Problem as problem:
            return _OVER if problem.status < 500 else _AWAY
        except DatabaseError:
            return _AWAY
        return None if now == own.viewer else ("changed", "What you may see here has changed. Reload the page.")


_OVER = ("ended", "Your session is over, or you may not come in here any more.")
_AWAY = ("unavailable", "HQ cannot look up what you may see right now.")


def _interval(connections: int) -> float:
    return max(CHECK, connections / CHECKS_A_SECOND)


def _patience(connections: int) -> float:
    """Heartbeats come often enough for proxies, checks as often as they should; not all at the same moment."""
    return min(HEARTBEAT, _interval(connections)) * random.uniform(0.8, 1.0)  # noqa: S311 - spreads load, hides nothing


def _told(own: Connection, event: Event) -> bytes:
    """One event as it is written; before it, how many could not be told any more."""
    missed = b""
    if event.kind == TRAIL and event.place > own.position.admin + 1:
        missed = written(MISSED, {"from": own.position.admin + 1, "to": event.place - 1})
    own.position = own.position.after(event)
    return missed + written(event.kind, event.data, own.position)


async def _listen(own: Connection, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
    own.gone = True
    own.bell.set()


async def _write(send: Send, body: bytes, *, more: bool = True) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(UNREAD):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _end(send: Send, reason: str, said: str) -> None:
    await _write(send, written(END, {"reason": reason, "said": said}), more=False)


async def _answer(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *ALWAYS, *headers]})
    await _write(send, body, more=False)


async def _refuse(send: Send, problem: Problem, allowed: Pairs) -> None:
    document = {
        "type": f"{settings.BASE_URL}/problems/{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": str(problem),
        "instance": f"urn:hq:request:req_{new_id().hex}",
    }
    waiting = [(b"retry-after", str(ceil(problem.wait)).encode())] if problem.wait else []
    kind = (b"content-type", b"application/problem+json")
    await _answer(send, problem.status, json.dumps(document).encode(), kind, *waiting, *allowed)


def _joined(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as WSGI has them, where the portal reads the same ones: what comes in several lines is one list."""
    found: dict[str, str] = {}
    for name, value in ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in pairs):
        between = "; " if name == "cookie" else ","
        found[name] = f"{found[name]}{between}{value}" if name in found else value
    return found


def _cross_origin(headers: dict[str, str]) -> Pairs:
    """Our own pages, which may be at another port or host, can read the answer; nobody else's."""
    if headers.get("origin") != settings.BASE_URL:
        return []
    return [
        (b"access-control-allow-origin", settings.BASE_URL.encode()),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", b"Retry-After"),
    ]


def _require_own_page(headers: dict[str, str]) -> None:
    """A page of another origin must not even hold a connection open in somebody's name. Raises Denied."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
    if origin != settings.BASE_URL and not (origin is None and site == "same-origin"):
        raise Denied("Live updates are for HQ’s own pages.")
