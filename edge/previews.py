"""Files that people look at in the portal, shown from an origin of their own (vault.actions.previews makes addresses).

Text and Markdown become a page that holds nothing but them; a drawing stands in one as an image, which runs nothing; an
image and a PDF are sent as what they are, once their first bytes say the same. Whatever it is, its type is forced, and
the policy lets it run nothing, load nothing and be framed by the portal alone. All of it is in a sandbox but a PDF,
which browsers do not show in one.
"""

import html
import logging
import re
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import UUID

import nh3
from django.conf import settings
from django.db import connection
from markdown_it import MarkdownIt

from edge.answers import Answer, Asked, Headers, text
from edge.strangers import nothing_here
from hq.crypto.aead import Tampered
from hq.lib.errors import NotFound, Problem
from vault.actions.previews import DRAWING, HOST, IMAGE, MARKDOWN, MOST, PDF, TEXT, Previewed, open_preview

log = logging.getLogger("hq.edge")
_PATH = re.compile(r"/([0-9a-f]{32})/([A-Za-z0-9_-]{1,4096})")
_EMPTY_LINE = re.compile(r"\n[ \t]*\n")
MOST_CELLS = 20_000
_STYLE = (
    ":root{color-scheme:light dark}"
    "body{margin:1rem;font:15px/1.55 system-ui,sans-serif;overflow-wrap:anywhere}"
    "pre{margin:0;font:13px/1.5 ui-monospace,monospace;white-space:pre-wrap;tab-size:4}"
    "pre code{font:inherit}img{max-width:100%;height:auto}"
    "table{border-collapse:collapse}td,th{border:1px solid;padding:.25rem .5rem}"
    ".cut{border-top:1px solid;margin-top:1rem;padding-top:.5rem}"
)
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_WORDS = "a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre s strong table tbody td th thead tr ul"
_TAGS = frozenset(_WORDS.split())
# The policy says who may frame it. In a sandbox its origin is nobody's, and no cluster of agents can be keyed by it.
_FRAMED = frozenset({"X-Frame-Options", "Origin-Agent-Cluster"})
_CUT = '<p class="cut">Only the beginning is shown. Download the file to see all of it.</p>'
_markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def _portal() -> str:
    parts = urlsplit(settings.BASE_URL)
    return f"{parts.scheme}://{parts.netloc}"


def view(asked: Asked) -> Answer:
    """Whatever is asked of the previews' host. Every address that does not open is answered alike."""
    if asked.method == "POST":
        return text(405, b"This address answers GET and HEAD.\n", ("Allow", "GET, HEAD"))
    found = _PATH.fullmatch(asked.path) if asked.label == HOST else None
    if found is None:
        return nothing_here(asked)
    try:
        previewed = open_preview(UUID(found[1]), found[2])
        return _SHOWN[previewed.kind](previewed)
    except NotFound:
        return nothing_here(asked)
    except Tampered:
        log.exception("stored bytes were altered")
        return text(500, b"Something broke on our side.\n")
    except Problem as problem:
        return text(problem.status, f"{problem}\n".encode())
    finally:
        connection.close()  # to the pool; nothing where none was taken


def _beginning(previewed: Previewed, most: int) -> bytes:
    with closing(previewed.read(most)) as pieces:
        return b"".join(pieces)


def _words(previewed: Previewed) -> str:
    """Its text: what is no UTF-8 is marked as such, and what no page can hold is left out."""
    content = _beginning(previewed, MOST[previewed.kind])
    read = content.decode("utf-8-sig", "replace")
    if previewed.size > len(content):
        read = read.rstrip("\ufffd")  # half a character, where it was cut
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "\ufffd", read)


def _as_text(previewed: Previewed) -> Answer:
    return _page(f"<pre>{html.escape(_words(previewed))}</pre>", previewed)


def _as_markdown(previewed: Previewed) -> Answer:
    """Rendered without raw HTML, then cleaned of all but these tags and links: neither trusts the other."""
    words = _words(previewed)
    if _most_cells(words) > MOST_CELLS:
        return _as_text(previewed)
    cleaned = nh3.clean(
        _markdown.render(words),
        tags=set(_TAGS),
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return _page(cleaned, previewed)


def _most_cells(words: str) -> int:
    """How many cells its tables have at most: every row is filled up to its widest, so few bytes may become many."""
    blocks = _EMPTY_LINE.split(words.replace("\r\n", "\n").replace("\r", "\n"))
    return sum(max(line.count("|") for line in lines) * len(lines) for lines in (block.split("\n") for block in blocks))


def _as_drawing(previewed: Previewed) -> Answer:
    """SVG only ever as an image: there it runs nothing and loads nothing, whatever is in it."""
    encoded = b64encode(_beginning(previewed, MOST[DRAWING])).decode()
    return _page(f'<img src="data:image/svg+xml;base64,{encoded}" alt="">', previewed, images="data:")


def _page(body: str, previewed: Previewed, *, images: str = "'none'") -> Answer:
    cut = _CUT if previewed.size > MOST[previewed.kind] else ""
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Preview</title>'
        f"<style>{_STYLE}</style></head><body>{body}{cut}</body></html>"
    ).encode("utf-8", "replace")
    policy = f"sandbox; default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src {images}; {_framed()}"
    return Answer(200, _headers("text/html; charset=utf-8", len(document), policy), [document], _FRAMED)


def _framed() -> str:
    return f"form-action 'none'; base-uri 'none'; frame-ancestors {_portal()}"


def _headers(content_type: str, length: int, policy: str) -> Headers:
    return [
        ("Content-Type", content_type),
        ("Content-Length", str(length)),
        ("Content-Disposition", "inline"),
        ("Content-Security-Policy", policy),
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "no-referrer"),
    ]


def _image_type(start: bytes) -> str:
    """By its first bytes; "" if it is none of these."""
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if start.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if start.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "image/webp"
    if start[4:8] == b"ftyp" and b"avi" in start[8:32]:
        return "image/avif"
    return ""


def _as_image(previewed: Previewed) -> Answer:
    # As an image alone a browser shows it by a style of its own.
    policy = f"sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; {_framed()}"
    return _sent(previewed, _image_type(_beginning(previewed, 32)), policy)


def _as_pdf(previewed: Previewed) -> Answer:
    is_pdf = _beginning(previewed, 5) == b"%PDF-"
    policy = f"default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; {_framed()}"
    return _sent(previewed, "application/pdf" if is_pdf else "", policy)


def _sent(previewed: Previewed, content_type: str, policy: str) -> Answer:
    if not content_type:
        return _page("<p>This file is not what its name says, so it is not shown.</p>", previewed)
    return Answer(200, _headers(content_type, previewed.size, policy), previewed.read(previewed.size), _FRAMED)


_SHOWN: dict[str, Callable[[Previewed], Answer]] = {
    DRAWING: _as_drawing,
    IMAGE: _as_image,
    MARKDOWN: _as_markdown,
    PDF: _as_pdf,
    TEXT: _as_text,
}
