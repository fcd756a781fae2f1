"""Raw bytes over HTTP, in and out, whatever they are: bodies of any length, digests, preconditions, ranges.

Only WSGI's `wsgi.input` is relied on. Django's own reader is not used: it would know the length but not tell a body
that was cut from one that ended.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Protocol
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from hq.lib.errors import Denied, Invalid, PreconditionFailed, Problem
from hq.web.errors import answer

Allowed = Callable[[], bool]

READ_BYTES = 256 * 1024
ASKED_EVERY = 2.0  # seconds between two questions whether a transfer may go on
OCTETS = "application/octet-stream"
SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,127}"
_MEDIA_TYPE = re.compile(rf'{_TOKEN}/{_TOKEN}(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|"[^"\\\x00-\x1f\x7f-\uffff]*"))*')
_ETAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')
_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(\d{0,19})-(\d{0,19})", re.IGNORECASE | re.ASCII)
_CONTENT_DIGEST = re.compile(r"(?:^|,)[ \t]*sha-256=:([A-Za-z0-9+/=]*):", re.ASCII)
_HEX = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_LONGEST_NUMBER = 19


class LengthRequired(Invalid):
    """Send Content-Length: without it a body that was cut cannot be told from a whole one."""

    status = 411


class UnsupportedBody(Invalid):
    """Send the bytes of the file themselves as the body, neither as a form nor compressed."""

    status = 415


class BodyCut(Invalid):
    """The body ended before the length that was announced. Nothing of it was kept."""


class Withdrawn(Denied):
    """Your right to this file ended while it was on its way. Of an upload nothing was kept."""


class RangeNotSatisfiable(Problem):
    """The file is shorter than where the range begins."""

    status = 416


@dataclass(frozen=True, slots=True)
class Body:
    """A request's raw body: what was said of it, and its bytes, which can be read once. `sha256` is hex."""

    length: int
    sha256: str | None
    content_type: str
    chunks: Iterator[bytes]


class Asking:
    """Asks whether a transfer may go on, every few seconds: who began it may have been removed meanwhile."""

    def __init__(self, allowed: Allowed | None) -> None:
        self._allowed = allowed
        self._asked_at = monotonic()

    def now_and_then(self) -> None:
        """Ask if that was long ago. Raises Withdrawn."""
        if monotonic() - self._asked_at >= ASKED_EVERY:
            self.now()

    def now(self) -> None:
        """Ask. Raises Withdrawn."""
        if self._allowed is not None and not self._allowed():
            raise Withdrawn
        self._asked_at = monotonic()


def body(request: HttpRequest, allowed: Allowed | None = None) -> Body:
    """The body of a PUT, not yet read. `allowed` is asked while it comes, and once it is there.

    Raises:
        LengthRequired, UnsupportedBody, Invalid; Withdrawn from `chunks`.
    """
    if "Content-Range" in request.headers:
        raise Invalid("A part of a file cannot be stored by itself; send the whole file.")  # RFC 9110 section 14.5
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UnsupportedBody
    length = _length(request)
    kind = media_type(request.META.get("CONTENT_TYPE", ""))
    return Body(length, announced_sha256(request), kind, _chunks(request, length, Asking(allowed)))


def _length(request: HttpRequest) -> int:
    raw = request.META.get("CONTENT_LENGTH") or ""
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower() or not raw:
        raise LengthRequired
    if not (raw.isascii() and raw.isdigit() and len(raw) <= _LONGEST_NUMBER):
        raise Invalid("Content-Length is a number of bytes.")
    return int(raw)


def _chunks(request: HttpRequest, length: int, asking: Asking) -> Iterator[bytes]:
    source = request.META["wsgi.input"]
    while length:
        try:
            chunk: bytes = source.read(min(READ_BYTES, length))
        except OSError as error:
            raise BodyCut from error
        if not chunk:
            raise BodyCut
        length -= len(chunk)
        asking.now_and_then()
        yield chunk
    asking.now()  # or what was finished after a removal would be stored


def media_type(raw: str) -> str:
    """The type to store of what was sent as Content-Type. Raises UnsupportedBody, Invalid."""
    raw = raw.strip()
    kind = raw.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        raise UnsupportedBody
    # What curl says unasked of every body it sends.
    if not raw or kind == "application/x-www-form-urlencoded":
        return OCTETS
    if len(raw) > 255 or not _MEDIA_TYPE.fullmatch(raw):
        raise Invalid("Content-Type is no media type.")
    return raw


def announced_sha256(request: HttpRequest) -> str | None:
    """From `Content-Digest: sha-256=:…:` (RFC 9530) or `X-Content-SHA256`, hex; None if neither is there."""
    said = set()
    if plain := request.headers.get("X-Content-SHA256"):
        if not _HEX.fullmatch(plain.strip()):
            raise Invalid("X-Content-SHA256 has 64 hex digits.")
        said.add(plain.strip().lower())
    if found := _CONTENT_DIGEST.search(request.headers.get("Content-Digest", "")):
        try:
            digest = b64decode(found[1], validate=True)
        except Base64Error:
            digest = b""
        if len(digest) != 32:
            raise Invalid("Content-Digest has a sha-256 that is not 32 bytes in base64.")
        said.add(digest.hex())
    if len(said) > 1:
        raise Invalid("The two digests in the request contradict each other.")
    return said.pop() if said else None


def if_match(request: HttpRequest) -> frozenset[str] | None:
    """The tags of If-Match, without quotes, or `*`; weak ones never match (RFC 9110 section 13.1.1)."""
    return _tags(request.headers.get("If-Match"), weak=False)


def if_none_match(request: HttpRequest) -> frozenset[str] | None:
    """The tags of If-None-Match, without quotes, or `*` (RFC 9110 section 13.1.2)."""
    return _tags(request.headers.get("If-None-Match"), weak=True)


def _tags(header: str | None, *, weak: bool) -> frozenset[str] | None:
    if header is None:
        return None
    if header.strip() == "*":
        return frozenset({"*"})
    found, at = set(), 0
    while at < len(header):
        tag = _ETAG.match(header, at)
        if tag is None:
            raise Invalid('If-Match and If-None-Match hold entity tags in double quotes, or "*".')
        if weak or not tag[1]:
            found.add(tag[2])
        at = tag.end()
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Described:
    """What is sent. `sha256` in hex is its entity tag. Not `hashed`: a tag only, which says nothing of the bytes."""

    name: str
    size: int
    sha256: str
    content_type: str
    hashed: bool = True

    @property
    def etag(self) -> str:
        return f'"{self.sha256}"'


class Closeable(Protocol):
    """Pieces of a body, and what must be closed after them."""

    def __iter__(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


class _Watched:
    """Pieces that break off once they may not be given any more. A generator that never began would close nothing."""

    def __init__(self, pieces: Closeable, allowed: Allowed) -> None:
        self._pieces, self._next = pieces, iter(pieces)
        self._asking = Asking(allowed)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._asking.now_and_then()
        return next(self._next)

    def close(self) -> None:
        self._pieces.close()


def download(
    request: HttpRequest,
    what: Described,
    read: Callable[[int, int], Closeable],
    allowed: Allowed | None = None,
) -> HttpResponseBase:
    """Answer GET or HEAD: a file or its slice (200, 206), that the caller has it (304), that it is shorter (416).

    `read(start, stop)` is called only when bytes are to be sent, and `allowed` every few seconds while they are: when
    it says no, the answer is broken off, short of its length. Whatever the file is, a browser saves it and runs nothing
    of it. Raises PreconditionFailed.
    """
    match, none_match = if_match(request), if_none_match(request)
    if match is not None and not match & {"*", what.sha256}:
        raise PreconditionFailed
    if none_match is not None and none_match & {"*", what.sha256}:
        return HttpResponse(status=304, headers={"ETag": what.etag})
    try:
        part = _range(request, what)
    except RangeNotSatisfiable as problem:
        refusal = answer(request, problem)
        refusal["Content-Range"] = f"bytes */{what.size}"
        return refusal
    start, stop = part or (0, what.size)
    headers = _headers(what) | {"Content-Length": str(stop - start)}
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{what.size}"
    if request.method == "HEAD":
        return HttpResponse(headers=headers)
    pieces = read(start, stop)
    watched = pieces if allowed is None else _Watched(pieces, allowed)
    return StreamingHttpResponse(watched, status=206 if part else 200, headers=headers)


def _range(request: HttpRequest, what: Described) -> tuple[int, int] | None:
    """The one range asked for, `[start, stop)`, or None for all: another unit, several ranges, no such syntax.

    RFC 9110 section 14.2 lets a server ignore a range; a failed If-Range makes it. Raises RangeNotSatisfiable.
    """
    if request.method != "GET" or request.headers.get("If-Range", what.etag).strip() != what.etag:
        return None
    found = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, stop = max(0, what.size - int(found[2])), what.size
    else:
        start, stop = int(found[1]), min(int(found[2]) + 1, what.size) if found[2] else what.size
        if found[2] and int(found[2]) < start:
            return None
    if start >= stop:
        raise RangeNotSatisfiable
    return start, stop


def _headers(what: Described) -> dict[str, str]:
    headers = {
        "Content-Type": what.content_type,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(what.name, safe='')}",
        "Content-Security-Policy": SANDBOX,
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
        "ETag": what.etag,
    }
    if what.hashed:  # RFC 9530: of the whole file, also beside a part of it
        headers["Repr-Digest"] = f"sha-256=:{b64encode(bytes.fromhex(what.sha256)).decode()}:"
    return headers
