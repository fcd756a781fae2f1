"""Entity tags of what /v1 answers in JSON, and the conditions that a request sets by them (RFC 9110 section 13).

A tag is made of the answer's bytes, so it covers all that is in it, also what changes by itself (when a key was last
used). Requests with If-Match on one address come one after the other; one that sends no condition waits for nobody and
may change the thing between another's comparison and its writing. Whoever must not lose a change sends If-Match always.
"""

from hashlib import sha256
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from hq.db.locks import hold
from hq.lib.errors import Invalid, PreconditionFailed
from hq.web.transfer import if_match, if_none_match

READS = frozenset({"GET", "HEAD"})


class NoTagHere(Invalid):
    """Nothing at this address has an entity tag that If-Match could name. Leave the header out."""


def tag_of(body: bytes) -> str:
    """The strong entity tag of a body as it is sent, without quotes."""
    return sha256(body).hexdigest()[:32]


def tagged(request: HttpRequest, response: Any) -> HttpResponseBase:
    """The answer to a GET with its entity tag, or that the caller has it already (304).

    What streams or is no whole answer stays as it is. Raises PreconditionFailed, Invalid.
    """
    answer: HttpResponseBase = response
    if request.method not in READS or answer.status_code != 200 or answer.streaming:
        return answer
    tag = answer["ETag"].strip('"') if answer.has_header("ETag") else tag_of(sent(response))
    require_match(request, tag)
    answer["ETag"] = f'"{tag}"'
    known = if_none_match(request)
    if known is None or not known & {"*", tag}:
        return answer
    unchanged = HttpResponse(status=304, headers={"ETag": answer["ETag"]})
    del unchanged["Content-Type"]
    return unchanged


def sent(response: Any) -> bytes:
    """The bytes of an answer that does not stream."""
    if hasattr(response, "render"):
        response.render()  # does nothing the second time
    body: bytes = response.content
    return body


def require_match(request: HttpRequest, tag: str) -> None:
    """Raises PreconditionFailed if the request names other tags than this one."""
    wanted = if_match(request)
    if wanted is not None and not wanted & {"*", tag}:
        raise PreconditionFailed


def wait_turn(request: HttpRequest, organization_id: UUID) -> None:
    """Requests with If-Match on one address of an organization go on one at a time, until their transactions end."""
    hold(f"hq.if-match:{organization_id}:{request.path_info}")
