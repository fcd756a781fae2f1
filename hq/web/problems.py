"""`/problems/…`: what the `type` of a problem document leads to (RFC 9457 section 3.1.1), one page for each code."""

import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from hq.lib import errors
from hq.web.errors import document
from hq.web.portal import public

# What whoever gets an answer can do about it, by its status.
WHAT_TO_DO = {
    400: "Change the request before you send it again: the same one will be refused again. Where `errors` is there,"
    " each `pointer` names the member of the body, or the parameter, that is at fault.",
    401: "Send `Authorization: Bearer` with a key of this HQ that is neither revoked nor expired, from a network"
    " that it may be used from. Nothing is told about a key that is not valid, not even why.",
    403: "The key is known, and may not do this. A key does what its scopes say, as long as whoever made it may do it"
    " too. An owner or an admin of the organization can give the scope or the role.",
    404: "Look at the address and the ids in it. A key sees its own environment only, so a live key finds nothing of"
    " test; and below some folders only, where access rules say so.",
    405: "Use one of the methods that the answer's `Allow` names; each address is described in the documentation.",
    409: "Read the thing again and decide anew. Sent again at once, the request meets the same state; if the answer has"
    " `Retry-After`, it may be sent again after as many seconds.",
    411: "Send the body with its `Content-Length`.",
    412: "Read it again with GET, make your change to what is there now, and send it with the `ETag` of that answer.",
    413: "Send less at once. The documentation says how much an address takes.",
    415: "Send the body in the form that the documentation names for this address, with its `Content-Type`.",
    416: "Ask for a part that is within the file, or for the whole of it. `Content-Range` says how long it is.",
    422: "Send a new request with a new `Idempotency-Key`; keep a key only to repeat the very same request.",
    429: "Wait as many seconds as `Retry-After` says, then go on more slowly.",
    500: "It is nothing that you did. It may be sent again: reading always, and a POST with the same `Idempotency-Key`"
    " without being done twice. If it stays so, give the request id to the people who run this HQ.",
    503: "Send it again in a moment, or after as many seconds as `Retry-After` says, and more slowly each time. A POST"
    " with the same `Idempotency-Key` is not done twice.",
    507: "Ask the people who run this HQ for more room, or delete what is no longer needed.",
}


SEND_AGAIN = "Send the very same request again after as many seconds as `Retry-After` says."


@dataclass
class Kind:
    """One code: its status and what its classes say. Two rooms may use the same word for two cases."""

    code: str
    status: int
    waits: bool
    sentences: list[str] = field(default_factory=list)
    more: list[str] = field(default_factory=list)

    @property
    def phrase(self) -> str:
        return HTTPStatus(self.status).phrase

    @property
    def meaning(self) -> list[SafeString]:
        """What it says, and what more there is to know."""
        return [marked(text) for text in self.sentences + self.more]

    @property
    def advice(self) -> SafeString:
        """What to do about it. Every status that a problem has stands in the table; a test looks."""
        return marked(SEND_AGAIN if self.waits else WHAT_TO_DO[self.status])


def marked(text: str) -> SafeString:
    """What stands between backticks is marked as code."""
    parts = text.split("`")
    forms = ("{}", "<code>{}</code>")
    return format_html_join("", "{}", ((format_html(forms[at % 2], part),) for at, part in enumerate(parts)))


def _classes(kind: type[errors.Problem] = errors.Problem) -> Iterator[type[errors.Problem]]:
    for below in kind.__subclasses__():
        yield below
        yield from _classes(below)


def kinds() -> dict[str, Kind]:
    """Every code that a document can have, by status and name. The base class itself is nobody's answer."""
    found: dict[str, Kind] = {}
    for each in _classes():
        # Not `each()`: some are made of a case, and what is told here is of every case.
        blank = each.__new__(each)
        kind = found.setdefault(blank.code, Kind(blank.code, blank.status, blank.wait is not None))
        paragraphs = [" ".join(part.split()) for part in (inspect.getdoc(each) or "").split("\n\n")]
        kind.sentences += [paragraphs[0]] if paragraphs[0] not in kind.sentences else []
        kind.more += [part for part in paragraphs[1:] if part not in kind.more]
    return {kind.code: kind for kind in sorted(found.values(), key=lambda kind: (kind.status, kind.code))}


def _example(request: HttpRequest, kind: Kind) -> str:
    listed = [{"pointer": "/name", "detail": "This field may not be blank."}] if kind.code == "invalid" else None
    body = document(request, status=kind.status, detail=kind.sentences[0], code=kind.code, listed=listed)
    return json.dumps(body | {"instance": "urn:hq:request:req_019aa9a53c1e7c3d9f0a2f6d1d1f4a10"}, indent=2)


@public
def problem(request: HttpRequest, code: str) -> HttpResponse:
    """What one code means, what to do about it, and a document of it."""
    kind = kinds().get(code)
    if kind is None:
        raise errors.NotFound
    return render(request, "docs/problem.html", {"kind": kind, "example": _example(request, kind)})


@public
def problems(request: HttpRequest) -> HttpResponse:
    """Every code."""
    groups: dict[int, list[Kind]] = {}
    for kind in kinds().values():
        groups.setdefault(kind.status, []).append(kind)
    told = [(marked(WHAT_TO_DO[status]), found) for status, found in groups.items()]
    return render(request, "docs/problems.html", {"groups": told})
