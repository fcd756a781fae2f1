"""One line in the access log for every request, refusals included (AUD-1)."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from psycopg_pool import PoolTimeout

from audit import recorder
from hq.authz.actor import Actor, Origin
from hq.db.models import PLATFORM_ID
from hq.db.sealing import KeyUnavailable
from hq.lib.errors import Problem
from hq.lib.redaction import redact
from hq.web.errors import answer
from hq.web.request import origin

log = logging.getLogger("hq.audit")
# Parts of an address that say what was touched. Tokens are never among them.
RECORDED = frozenset({"path", "id", "org_slug", "env_name", "index", "number"}) | {
    f"{noun}_id" for noun in ("delivery", "entry", "job", "link", "member", "request", "signer")
}
UNRECORDED = ("/healthz", "/readyz", settings.STATIC_URL, "/favicon.ico")


class NotLogged(Problem):
    """HQ could not write this request into the access log, so it keeps the answer back. What was asked for may be done.

    The line is written once it is known how a request ended, so an act stands by then, with its event in the trail:
    both were written at once. What was read is not given out. Look whether the act happened before you send it again;
    with the same Idempotency-Key it is answered, and not done twice.
    """

    status = 500


class AccessLog:
    """Outermost, so that its own transaction is apart from the request's and sees what was answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = monotonic()
        caller = origin(request)
        response = self.get_response(request)
        # Of many refusals by a limit, hq.web.limits keeps the first of a minute.
        if not request.path_info.startswith(UNRECORDED) and not getattr(request, "unlogged", False):
            try:
                self._record(request, response, caller, began)
            except (DatabaseError, KeyUnavailable, PoolTimeout):
                log.exception("a request could not be written down", extra={"request_id": caller.request_id})
                response.close()
                response = answer(request, NotLogged())
        response.headers["X-Request-Id"] = caller.request_id
        return response

    def _record(self, request: HttpRequest, response: HttpResponse, caller: Origin, began: float) -> None:
        actor: Actor | None = getattr(request, "actor", None)
        organization_id: UUID = actor.organization_id if actor else PLATFORM_ID
        match = request.resolver_match
        # Some routes take the path of an object as a parameter.
        parts = {"path": request.GET.get("path")} | (match.kwargs if match else {})
        touched = {key: str(value)[:1100] for key, value in parts.items() if key in RECORDED and value is not None}
        if searched := getattr(request, "searched", None):  # what was looked for in the trail
            # Redacted as it was typed: what is written for an address hides a number's spaces.
            touched["search"] = urlencode([(redact(name), redact(value)) for name, value in searched.items()])[:1100]
        line: dict[str, Any] = {
            "actor": actor,
            "origin": caller,
            "verb": (request.method or "")[:10],
            "route": (match.route if match else "")[:200],
            "status": response.status_code,
            "milliseconds": int((monotonic() - began) * 1000),
        }
        try:
            recorder.record_access(organization_id=organization_id, detail=touched, **line)
        except KeyUnavailable:
            # An organization that is still being made has no key of its own yet; the deployment keeps the line for it.
            named = touched | {"organization": str(organization_id)}
            recorder.record_access(organization_id=PLATFORM_ID, detail=named, **line)
