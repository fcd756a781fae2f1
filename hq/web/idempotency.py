"""Idempotency-Key: a POST that is sent again under the same key is answered again, and not done again.

As draft-ietf-httpapi-idempotency-key-header has it. A key counts for whoever sent it, and for one request. The answer
is written in the transaction of the act itself, so there are both or neither, whenever the process dies. What was
refused is not kept: it did nothing, and the same key may be tried again. Members that are shown once are never kept.

With an answer is kept what its sender could do then, and where. The gate is asked the same before the answer is given
again: whoever lost any of it meanwhile (a role, a scope, a rule) is not told it.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

import orjson
from django.http import HttpRequest
from rest_framework.response import Response

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.roles import Role, may_assign
from hq.db.locks import try_hold
from hq.lib.errors import Denied, Invalid, Problem, Refused
from hq.web.renderers import JSONRenderer

HEADER = "Idempotency-Key"
REPLAYED, WITHHELD = "Idempotency-Replayed", "Idempotency-Withheld"
HEADERS_KEPT = ("ETag", "Location")
# Blanks at either end would be gone before they came here (RFC 9110 section 5.5).
KEY = r"[!-~]([ -~]{0,253}[!-~])?"


class IdempotencyKeyReused(Problem):
    """This Idempotency-Key came with another request before. A new request needs a new key."""

    status = 422


class RequestInFlight(Refused):
    """The request with this Idempotency-Key is being done right now. Send it again in a moment to get its answer."""

    wait = 1.0


class AnswerWithheld(Denied):
    """This was done when it came first. You may do less by now than then, so its answer is not given again."""


class KeyNotTaken(Invalid):
    """Nothing is kept of this request, so it takes no Idempotency-Key. Leave the header out."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it is kept: for which request (a digest), and what it was, without what is shown once.

    `standing` is what its sender could do then; None: nobody knows.
    """

    request: bytes
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    standing: str | None = None


class Store(Protocol):
    """Where answers are kept, by whom they were given to and the digest of their key."""

    def find(self, actor: Actor, key: bytes) -> Kept | None: ...
    def keep(self, actor: Actor, key: bytes, kept: Kept) -> None:
        """In the transaction of the act."""
        ...


_stores: list[Store] = []


def keep_in(store: Store) -> None:
    """Called once at start-up by the room that has the table; the last one wins."""
    _stores[:] = [store]


def key_of(request: HttpRequest) -> str | None:
    """The key that a request came with. Raises Invalid for one that is none."""
    key = request.headers.get(HEADER)
    if key is not None and not re.fullmatch(KEY, key):
        raise Invalid(f"{HEADER} has 1 to 255 printable characters of ASCII.")
    return key


def answered(
    *, request: HttpRequest, actor: Actor, key: str, shown_once: frozenset[str], body: bytes
) -> Response | None:
    """What was answered the first time, for an endpoint that does much before its own transaction; None if nothing.

    Raises IdempotencyKeyReused, AnswerWithheld. In the organization's context. `body` as `once` takes it.
    """
    kept = _stores[0].find(actor, _name(actor, key))
    return None if kept is None else _again(kept, actor, _asked(request, key, body), shown_once)


def once(
    do: Callable[[], Response],
    *,
    request: HttpRequest,
    actor: Actor,
    key: str,
    shown_once: frozenset[str],
    body: bytes | None = None,
) -> Response:
    """Do it, or answer as it was answered the first time. Runs in the actor's transaction.

    `body` stands for a request's where that is not kept at hand: a digest of it.

    Raises:
        IdempotencyKeyReused, RequestInFlight, AnswerWithheld, and whatever `do` raises.
    """
    store = _stores[0]
    name, asked = _name(actor, key), _asked(request, key, body)
    kept = store.find(actor, name)
    if kept is None:
        _begin(name)
        kept = store.find(actor, name)  # the one before may have ended since
    if kept is not None:
        return _again(kept, actor, asked, shown_once)
    standing = _standing(actor)
    response = do()
    if 200 <= response.status_code < 300:
        store.keep(actor, name, _kept(response, asked, shown_once, standing))
    return response


def _name(actor: Actor, key: str) -> bytes:
    """Two who send the same key mean two things by it."""
    return _digest(actor.organization_id.bytes, actor.kind.encode(), actor.id.bytes, key.encode())


def _asked(request: HttpRequest, key: str, body: bytes | None) -> bytes:
    """What a request asks for. The key is in it, which nobody knows who reads the table: bodies could be guessed."""
    parts = (request.method or "", request.path_info, request.META.get("QUERY_STRING", ""))
    return _digest(key.encode(), *(part.encode("utf-8", "surrogateescape") for part in parts), _body(request, body))


def _body(request: HttpRequest, body: bytes | None) -> bytes:
    return request.body if body is None else body


def _digest(*parts: bytes) -> bytes:
    """Of all parts, each with its length before it: no two lists have the same bytes."""
    return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def _begin(name: bytes) -> None:
    """Until the transaction ends nobody else does this. Nobody waits for it either. Raises RequestInFlight."""
    if not try_hold(f"hq.idempotency:{name.hex()}"):
        raise RequestInFlight


def _kept(response: Response, asked: bytes, shown_once: frozenset[str], standing: str) -> Kept:
    """What may be kept of an answer."""
    data: Any = response.data
    if shown_once:
        data = {name: None if name in shown_once else value for name, value in data.items()}
    headers = {name: response[name] for name in HEADERS_KEPT if response.has_header(name)}
    return Kept(asked, response.status_code, headers, JSONRenderer().render(data).decode(), standing)


def _again(kept: Kept, actor: Actor, asked: bytes, shown_once: frozenset[str]) -> Response:
    if kept.request != asked:
        raise IdempotencyKeyReused
    if kept.standing is None or not _still_stands(orjson.loads(kept.standing), actor):
        raise AnswerWithheld
    body = orjson.loads(kept.body) if kept.body else None
    more = {REPLAYED: "true"} | ({WITHHELD: ", ".join(sorted(shown_once))} if shown_once else {})
    return Response(body, status=kept.status, headers=kept.headers | more)


# ---- what whoever asks may do


def _standing(actor: Actor) -> str:
    return orjson.dumps({"role": actor.role, "may": _may(actor)}).decode()


def _may(actor: Actor) -> dict[str, tuple[str, ...] | None]:
    """By permission, where the actor may do it: at these prefixes, or everywhere (None)."""
    found: dict[str, tuple[str, ...] | None] = dict.fromkeys(
        each.value for each in actor.permissions if gate.allows(actor, each)
    )
    if actor.environment_id is not None:  # rules belong to one
        for each in sorted(actor.within - actor.permissions):
            with suppress(Denied):
                found[each.value] = gate.reach(actor, each)
    return found


def _still_stands(then: dict[str, Any], actor: Actor) -> bool:
    """Whether the actor may do all that it could do then, everywhere where it could, and is no lower in rank."""
    role = Role(then["role"]) if then["role"] else None
    if role is not None and role is not actor.role and not may_assign(actor.role, role):
        return False
    may = _may(actor)
    return all(name in may and _covers(may[name], before) for name, before in then["may"].items())


def _covers(here: tuple[str, ...] | None, before: list[str] | None) -> bool:
    return here is None or (before is not None and all(prefix.startswith(here) for prefix in before))
