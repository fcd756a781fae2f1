"""Files of the deployment that an artifact shows: GET and HEAD, ranges, entity tags, clean addresses."""

import re
from collections.abc import Hashable, Iterable
from contextlib import closing
from time import monotonic
from typing import cast

from artifacts import selectors
from artifacts.actions.contents import UNKNOWN
from artifacts.actions.serving import read_served
from artifacts.selectors import ServedFile, Site
from edge import cookies, door, paths
from edge.answers import PUBLISHED_POLICY, Answer, Asked, Headers, text
from edge.database import release
from edge.memory import FILE_MOST, SECONDS, Entry, Memory
from edge.sites import Sites
from edge.strangers import nothing_here
from hq.lib.errors import Problem

SITES, MEMORY = Sites(), Memory()
FOREVER = "public, max-age=31536000, immutable"
_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(\d{0,19})-(\d{0,19})", re.IGNORECASE | re.ASCII)
# A name that its builder makes of what is in the file: only then may a browser never ask again.
_HASHED = re.compile(
    r"[.-](?:(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{8,64}|(?=\w*[a-z])(?=\w*[A-Z])(?=\w*[0-9])[\w-]{8,22})"
    r"\.(?:js|mjs|css|map|wasm|woff2?|ttf|otf|png|jpe?g|gif|webp|avif|svg|ico)"
)


def view(asked: Asked) -> Answer:
    """Whatever is asked of an artifact's host."""
    try:
        return _view(asked)
    except Problem as problem:
        return text(problem.status, f"{problem}\n".encode())


def _view(asked: Asked) -> Answer:
    site = SITES.find(asked.label)
    if site is None:
        return nothing_here(asked)
    if asked.path.startswith(door.BELOW):
        return _at_the_door(site, asked)
    claims = None
    if site.protected:
        claims = cookies.of_request(asked.header("HTTP_COOKIE"), site)
        if claims is None:
            return door.closed(site, asked)
    if asked.method == "POST":
        return text(405, b"This address answers GET and HEAD.\n", ("Allow", "GET, HEAD"))
    answer = _serve(site, asked)
    if claims is not None and (values := cookies.renewed(claims, site)) is not None:
        answer.headers = [*answer.headers, *cookies.headers(values)]
    return answer


def _at_the_door(site: Site, asked: Asked) -> Answer:
    try:
        return door.answer(site, asked)
    finally:
        release()


def _serve(site: Site, asked: Asked) -> Answer:
    entry = MEMORY.get(_key(site, asked.path))
    if entry is None:
        try:
            entry = _found(site, asked.path)
        finally:
            release()
    if entry is None:
        return text(404)
    if asked.header("HTTP_SERVICE_WORKER"):
        return text(404)  # it would outlive the deployment, and the right to see it, in the browser
    if entry.status != 200:
        return Answer(entry.status, entry.headers, [entry.body or b""])
    none_match = asked.header("HTTP_IF_NONE_MATCH")
    if none_match and (none_match.strip() == "*" or entry.etag in none_match):
        return Answer(304, [pair for pair in entry.headers if pair[0] not in {"Content-Length", "Content-Type"}])
    if asked.header("HTTP_RANGE") and asked.method == "GET":
        return _part(site, asked, entry)
    return Answer(200, entry.headers, _body(site, asked, entry, 0, entry.size))


def _body(site: Site, asked: Asked, entry: Entry, start: int, stop: int) -> Iterable[bytes]:
    if entry.body is not None:
        return [entry.body if (start, stop) == (0, entry.size) else entry.body[start:stop]]
    if asked.method == "HEAD" or start == stop:
        return []
    try:
        return read_served(site, cast("ServedFile", entry.file), start, stop)
    finally:
        release()


def _part(site: Site, asked: Asked, entry: Entry) -> Answer:
    """The one range that is asked for. Several, another unit or another version: the whole file (RFC 9110, 14.2)."""
    found = _RANGE.fullmatch(asked.header("HTTP_RANGE").strip())
    if_range = asked.header("HTTP_IF_RANGE").strip()
    whole = Answer(200, entry.headers, ())
    if found is None or not (found[1] or found[2]) or if_range not in {"", entry.etag}:
        whole.body = _body(site, asked, entry, 0, entry.size)
        return whole
    if found[1]:
        start, stop = int(found[1]), min(int(found[2]) + 1, entry.size) if found[2] else entry.size
    else:
        start, stop = max(0, entry.size - int(found[2])), entry.size
    if found[1] and found[2] and int(found[2]) < int(found[1]):
        whole.body = _body(site, asked, entry, 0, entry.size)
        return whole
    if start >= stop:
        return text(
            416, b"The file is shorter than where the range begins.\n", ("Content-Range", f"bytes */{entry.size}")
        )
    headers = [pair for pair in entry.headers if pair[0] != "Content-Length"]
    headers += [("Content-Length", str(stop - start)), ("Content-Range", f"bytes {start}-{stop - 1}/{entry.size}")]
    return Answer(206, headers, _body(site, asked, entry, start, stop))


def _key(site: Site, path: str | None) -> Hashable:
    """None stands for the page of what is not there."""
    return site.deployment_id, site.protected, path


def _found(site: Site, path: str) -> Entry | None:
    """The answer for a path, looked up and remembered."""
    name = paths.name_of(path)
    wanted = paths.candidates(name) if name is not None else []
    files = selectors.find_served(site, [*wanted, paths.NOT_FOUND])
    for place, candidate in enumerate(wanted):
        if candidate not in files:
            continue
        if place == 2:
            return _moved(site, paths.address_of_folder(str(name)))
        return _remembered(site, path, files[candidate], 200)
    page = files.get(paths.NOT_FOUND)
    if page is None or page.size > FILE_MOST:
        return None
    return MEMORY.get(_key(site, None)) or _remembered(site, None, page, 404)


def _moved(site: Site, address: str) -> Entry:
    headers: Headers = [("Location", address), ("Content-Length", "0"), ("Cache-Control", _kept(site, ""))]
    return Entry(302, headers, "", 0, b"", None, 0.0)


def _remembered(site: Site, path: str | None, file: ServedFile, status: int) -> Entry:
    entry = _entry(site, file, status)
    MEMORY.put(_key(site, path), entry)
    return entry


def _entry(site: Site, file: ServedFile, status: int) -> Entry:
    body: bytes | None = None
    if file.size == 0:
        body = b""
    elif file.size <= FILE_MOST:
        with closing(read_served(site, file, 0, file.size)) as pieces:
            body = b"".join(pieces)
    etag = f'"{file.sha256}"'
    return Entry(status, _headers(site, file, etag, status), etag, file.size, body, file, monotonic() + SECONDS)


def _headers(site: Site, file: ServedFile, etag: str, status: int) -> Headers:
    headers: Headers = [
        ("Content-Type", file.content_type),
        ("Content-Length", str(file.size)),
        ("Content-Security-Policy", PUBLISHED_POLICY),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store" if status != 200 else _kept(site, file.path)),
    ]
    if status == 200:
        headers += [("ETag", etag), ("Accept-Ranges", "bytes")]
    if file.content_type == UNKNOWN:
        headers.append(("Content-Disposition", "attachment"))
    return headers


def _kept(site: Site, path: str) -> str:
    """What is protected is asked for each time, so that who is out sees nothing; the tag saves sending it again."""
    if site.protected:
        return "private, no-cache"
    return FOREVER if _HASHED.search(path) else "no-cache"
