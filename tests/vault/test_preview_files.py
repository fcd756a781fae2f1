"""A file is looked at from an origin of its own, where it runs nothing, loads nothing and opens for five minutes."""

import re
from base64 import b64decode
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from edge.app import Edge
from hq.db.context import tenant
from hq.lib.clock import now
from tests.factories import make_place, sign_in
from tests.vault.limited import let_rules_decide, member
from tests.vault.support import found
from vault import actions, selectors
from vault.actions.previews import MIB, make_preview, preview_origin

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
SCRIPT = b"<script>alert(1)</script>"
HOSTILE_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
PORTAL = settings.BASE_URL


class Seen:
    """What the edge answers to an address."""

    def __init__(self, url, host=None, method="GET"):
        said: dict[str, Any] = {}

        def start(line, headers):
            said.update(status=int(line.split()[0]), headers=headers)

        path = url.removeprefix(preview_origin())
        host = host or preview_origin().partition("://")[2]
        asked = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": host, "REMOTE_ADDR": "::1"}
        pieces = Edge()(asked | {"wsgi.input": BytesIO()}, start)
        self.body = b"".join(pieces)
        if close := getattr(pieces, "close", None):
            close()
        self.status, self.headers = said["status"], dict(said["headers"])

    @property
    def policy(self):
        return self.headers["Content-Security-Policy"]

    @property
    def type(self):
        return self.headers["Content-Type"]


@pytest.fixture
def preview(committed_place):
    def preview(path, content, content_type="application/octet-stream"):
        stored = actions.put_object(
            actor=committed_place.actor(), path=path, chunks=[content], content_type=content_type
        )
        with tenant(committed_place.id):
            return make_preview(committed_place.actor(), stored.version)

    return preview


def assert_runs_nothing(seen):
    assert seen.status == 200
    assert seen.policy.startswith("sandbox; default-src 'none'; ")
    assert f"frame-ancestors {PORTAL}" in seen.policy
    assert "script" not in seen.policy
    assert seen.headers["X-Content-Type-Options"] == "nosniff"
    assert seen.headers["Cache-Control"] == "no-store"
    assert "X-Frame-Options" not in seen.headers


@pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml", "application/octet-stream"])
@pytest.mark.parametrize("path", ["a.txt", "a.html", "a.js", "a.csv"])
def test_text_is_shown_as_the_characters_it_is_whatever_it_calls_itself(preview, path, content_type):
    seen = Seen(preview(path, b"\xef\xbb\xbf" + SCRIPT + b"\0 \xff &amp;", content_type).url)
    assert_runs_nothing(seen)
    assert seen.type == "text/html; charset=utf-8"
    assert "<pre>&lt;script&gt;alert(1)&lt;/script&gt;\ufffd \ufffd &amp;amp;</pre>".encode() in seen.body
    assert b"<script" not in seen.body


def test_of_long_text_the_beginning_is_shown_and_it_says_so(preview):
    shown = preview("a.log", b"a" * (MIB - 1) + "ü".encode() + b"end")
    assert shown.cut
    seen = Seen(shown.url)
    assert b"Only the beginning is shown" in seen.body
    assert b"end</pre>" not in seen.body
    assert "\ufffd".encode() not in seen.body
    whole = preview("b.log", b"a" * MIB)
    assert not whole.cut
    assert b"Only the beginning" not in Seen(whole.url).body


MARKDOWN = b"""# Title
<script>alert(1)</script> <img src=x onerror=alert(1)> <iframe src=//evil.example></iframe>
[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](data:text/html,x) [d](https://fine.example/ "t")
![image](https://evil.example/pixel.png) <https://auto.example/> [e](&#106;avascript:alert(1)) [f](//evil.example)
<a href="vbscript:x" onclick="x">raw</a>

| a | b |
|---|---|
| 1 | 2 |
"""


def test_markdown_is_rendered_and_nothing_in_it_runs_or_loads(preview):
    seen = Seen(preview("a.md", MARKDOWN).url)
    assert_runs_nothing(seen)
    page = seen.body.decode()
    assert "<h1>Title</h1>" in page
    assert "<td>1</td>" in page
    assert 'href="https://fine.example/"' in page
    assert "img-src 'none'" in seen.policy
    tags = set(re.findall(r"<([a-z0-9]+)", page.partition("<body>")[2]))
    assert tags <= {"h1", "p", "a", "table", "thead", "tbody", "tr", "th", "td"}
    links = re.findall(r'<a [^>]*href="([^"]*)"', page)
    assert links
    assert all(link.startswith(("https://", "//evil")) for link in links), links
    assert not re.search(r"<[^>]*\son\w+=", page)


def test_an_svg_is_only_ever_an_image_in_a_page(preview):
    seen = Seen(preview("a.svg", HOSTILE_SVG, "image/svg+xml").url)
    assert_runs_nothing(seen)
    assert seen.type == "text/html; charset=utf-8"
    assert "img-src data:" in seen.policy
    assert b"<script" not in seen.body
    encoded = found(rb'<img src="data:image/svg\+xml;base64,([^"]+)"', seen.body)
    assert b64decode(encoded[1]) == HOSTILE_SVG


@pytest.mark.parametrize(
    ("path", "content", "content_type"),
    [
        ("a.png", PNG, "image/png"),
        ("a.jpg", b"\xff\xd8\xff\xe0" + bytes(40), "image/jpeg"),
        ("a.JPEG", PNG, "image/png"),  # what it is counts, not what it is called
        ("a.gif", b"GIF89a" + bytes(40), "image/gif"),
        ("a.webp", b"RIFF1234WEBPVP8 " + bytes(40), "image/webp"),
        ("a.avif", b"\0\0\0\x1cftypavif\0\0\0\0" + bytes(40), "image/avif"),
        ("a.gif", b"GIF89a=1;" + SCRIPT, "image/gif"),  # a polyglot is sent as an image and as nothing else
    ],
)
def test_an_image_is_sent_as_what_its_first_bytes_say(preview, path, content, content_type):
    seen = Seen(preview(path, content, "text/html").url)
    assert_runs_nothing(seen)
    assert (seen.type, seen.body) == (content_type, content)


def test_a_pdf_is_sent_as_a_pdf_and_can_load_nothing(preview):
    seen = Seen(preview("a.pdf", b"%PDF-1.7 " + SCRIPT, "text/html").url)
    assert (seen.status, seen.type) == (200, "application/pdf")
    assert seen.policy.startswith("default-src 'none'; ")
    assert "script" not in seen.policy
    assert f"frame-ancestors {PORTAL}" in seen.policy


@pytest.mark.parametrize("path", ["a.png", "a.pdf", "a.webp"])
def test_what_is_not_what_its_name_says_is_not_shown(preview, path):
    seen = Seen(preview(path, SCRIPT, "image/png").url)
    assert_runs_nothing(seen)
    assert b"not what its name says" in seen.body
    assert SCRIPT not in seen.body


def test_what_cannot_be_shown_has_no_address(preview):
    assert preview("a.zip", b"PK") is None
    assert preview("a.svg", b" " * (MIB + 1)) is None
    assert preview("a", b"x") is None
    assert preview("a.unknown", b"x", "text/x-own").kind == "text"


def test_an_address_that_was_altered_expired_or_is_of_another_environment_looks_like_nothing(
    preview, committed_place, monkeypatch
):
    url = preview("a.txt", b"secret").url
    assert b"secret" in Seen(url).body
    nothing = Seen(f"{preview_origin()}/").body
    other = make_place()
    environment = url.split("/")[3]
    for wrong in (
        url[:-1] + ("A" if url[-1] != "A" else "B"),
        url.replace(environment, committed_place.test_id.hex),
        url.replace(environment, other.live_id.hex),
        url.replace(environment, UUID(int=1).hex),
        f"{preview_origin()}/{environment}/hqs_x",
        f"{url}/x",
    ):
        seen = Seen(wrong)
        assert (seen.status, seen.body) == (404, nothing), wrong
    for host in ("preview-x", "previews"):
        assert Seen(url, host=preview_origin().partition("://")[2].replace("preview", host)).status == 404
    assert Seen(url, method="POST").status == 405
    monkeypatch.setattr("vault.actions.previews.now", lambda: now() + timedelta(minutes=5))
    assert (Seen(url).status, Seen(url).body) == (404, nothing)


def test_the_page_frames_the_previews_origin_and_no_other(committed_place):
    actions.put_object(actor=committed_place.actor(), path="a/b.txt", chunks=[b"x"])
    client = sign_in(committed_place.owner)
    base = f"/o/{committed_place.slug}/live/files"
    answer = client.get(f"{base}/preview", {"path": "a/b.txt"})
    assert f"frame-src {preview_origin()}" in answer["Content-Security-Policy"]
    assert answer["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    page = answer.content.decode()
    frame = found(r"<iframe[^>]*>", page)[0]
    assert re.search(r"\ssandbox\s", frame)
    assert b"x</pre>" in Seen(found(r'src="([^"]+)"', frame)[1]).body
    assert "frame-src" not in client.get(f"{base}/")["Content-Security-Policy"]


def test_an_older_version_is_shown_as_it_was_and_to_readers_only(committed_place):
    for content in (b"first", b"second"):
        actions.put_object(actor=committed_place.actor(), path="a/b.txt", chunks=[content])
    url = f"/o/{committed_place.slug}/live/files/preview"
    page = sign_in(committed_place.owner).get(url, {"path": "a/b.txt", "version": "1"}).content.decode()
    assert b"first</pre>" in Seen(found(r'<iframe[^>]*src="([^"]+)"', page, re.DOTALL)[1]).body
    let_rules_decide(committed_place)
    reader = member(committed_place)
    assert sign_in(reader.person).get(url, {"path": "a/b.txt"}).status_code == 403
    with tenant(committed_place.id):
        assert selectors.get_object(committed_place.actor(), "a/b.txt").number == 2


@pytest.mark.parametrize(
    "block",
    [
        "|" + "a|" * 200 + "\n|" + "-|" * 200 + "\n" + "|\n" * 300,
        "> a|" * 100 + "\r> " + "-|" * 100 + "\r" + "> |\r" * 300,
    ],
)
def test_tables_whose_few_bytes_would_become_very_many_cells_are_shown_as_text(preview, block):
    seen = Seen(preview("a.md", (block + "\n\n").encode() * 20).url)
    assert_runs_nothing(seen)
    assert b"<td" not in seen.body
    assert b"<pre>" in seen.body
    assert len(seen.body) < MIB


def test_of_long_markdown_the_beginning_is_rendered(preview):
    shown = preview("a.md", b"[" * MIB)
    assert shown.cut
    seen = Seen(shown.url)
    assert len(seen.body) < MIB // 4
    assert b"Only the beginning is shown" in seen.body


def test_who_tries_many_addresses_is_slowed_down(preview, settings):
    url = preview("a.txt", b"secret").url
    settings.LIMIT_UNKNOWN = (3, 3600)
    assert [Seen(f"{url}x").status for _ in range(4)] == [404, 404, 404, 429]
    assert b"secret" in Seen(url).body
