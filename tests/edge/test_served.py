"""Files as the edge serves them: right bytes, right headers, never anybody else's."""

import pytest

from artifacts import actions
from artifacts.models import Artifact
from edge import published
from edge.memory import Entry, Memory
from hq.db.context import tenant
from tests.artifacts.conftest import deploy, make_artifact
from tests.artifacts.tars import SITE
from tests.edge.asking import HOST, ask
from tests.factories import Place

SCRIPT = b"<script>alert(document.domain)</script>"
FILES = {
    **SITE,
    "report.pdf": b"%PDF-1.7",
    "page.xhtml": SCRIPT,
    "notes.txt": SCRIPT,
    "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
    "data/2026-11.json": b"{}",
    "app.20261122.js": b"1",
    "caf\u00e9.html": b"<p>caf\xc3\xa9</p>",
    "empty.css": b"",
}


@pytest.fixture
def site(place: Place) -> Artifact:
    made = make_artifact(place)
    deploy(place, made, FILES)
    return made


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/", "index.html"),
        ("/index.html", "index.html"),
        ("/about", "about.html"),
        ("/docs/", "docs/index.html"),
        ("/caf\u00c3\u00a9", "caf\u00e9.html"),
        ("/empty.css", "empty.css"),
        ("/assets/app.3f2a9c1d.js", "assets/app.3f2a9c1d.js"),
    ],
)
def test_a_path_gives_its_file(site: Artifact, path: str, file: str):
    for _ in range(2):  # from the store, then from memory
        got = ask(site.label, path)
        assert (got.status, got.body) == (200, FILES[file])
        assert got.headers["Content-Length"] == str(len(got.body))
    head = ask(site.label, path, "HEAD")
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", got.headers["ETag"])


def test_a_folder_leads_to_its_index(site: Artifact):
    got = ask(site.label, "/docs")
    assert (got.status, got.headers["Location"]) == (302, "/docs/")


@pytest.mark.parametrize(
    "path", ["/nothing", "/docs/../index.html", "//index.html", "/a\\b", "/%69ndex.html", "/about/"]
)
def test_what_is_not_there_gets_the_sites_own_page(site: Artifact, path: str):
    got = ask(site.label, path)
    assert (got.status, got.body, got.headers["Cache-Control"]) == (404, FILES["404.html"], "no-store")


def test_a_name_that_nobody_has_and_an_artifact_that_shows_nothing_look_alike(place: Place):
    empty, nobody, foreign = ask(make_artifact(place).label), ask("nobody"), ask("", host="localhost")
    assert empty == nobody == foreign
    assert empty.status == 404


@pytest.mark.parametrize(
    ("path", "kind", "attached"),
    [
        ("/index.html", "text/html; charset=utf-8", False),
        ("/notes.txt", "text/plain; charset=utf-8", False),
        ("/drawing.svg", "image/svg+xml", False),
        ("/page.xhtml", "application/octet-stream", True),
        ("/report.pdf", "application/pdf", False),
    ],
)
def test_a_browser_reads_a_file_as_its_name_says_and_nothing_else(site: Artifact, path: str, kind: str, attached: bool):
    headers = ask(site.label, path).headers

    assert headers["Content-Type"] == kind
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert ("Content-Disposition" in headers) == attached
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "connect-src 'self' data: blob:;" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Origin-Agent-Cluster"] == "?1"
    assert headers["Cross-Origin-Resource-Policy"] == headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Set-Cookie" not in headers


def test_only_names_made_of_the_content_are_kept_for_ever(site: Artifact):
    def kept(path: str) -> str:
        return ask(site.label, path).headers["Cache-Control"]

    assert "immutable" in kept("/assets/app.3f2a9c1d.js")
    assert kept("/app.20261122.js") == kept("/") == kept("/data/2026-11.json") == "no-cache"


def test_who_has_it_is_told_so(site: Artifact):
    etag = ask(site.label).headers["ETag"]

    for said in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        got = ask(site.label, if_none_match=said)
        assert (got.status, got.body, got.headers["ETag"]) == (304, b"", etag)
    assert ask(site.label, if_none_match='"other"').status == 200


@pytest.mark.parametrize("large", [False, True])
def test_a_range_is_a_part(place: Place, large: bool, monkeypatch: pytest.MonkeyPatch):
    content = bytes(range(256)) * 600
    monkeypatch.setattr(published, "FILE_MOST", 10 if large else 10**6)
    site = make_artifact(place)
    deploy(place, site, {"before.bin": b"x" * 70_000, "film.mp4": content, "after.bin": b"y"})
    etag = ask(site.label, "/film.mp4").headers["ETag"]

    def part(said: str, if_range: str = "") -> tuple[int, bytes, str]:
        got = ask(site.label, "/film.mp4", range=said, if_range=if_range)
        return got.status, got.body, got.headers.get("Content-Range", "")

    size = len(content)
    assert part("bytes=0-9") == (206, content[:10], f"bytes 0-9/{size}")
    assert part("bytes=65530-65545") == (206, content[65530:65546], f"bytes 65530-65545/{size}")
    assert part("bytes=-5") == (206, content[-5:], f"bytes {size - 5}-{size - 1}/{size}")
    assert part(f"bytes={size - 1}-") == (206, content[-1:], f"bytes {size - 1}-{size - 1}/{size}")
    assert part("bytes=0-9", if_range=etag)[0] == 206
    assert part("bytes=0-9", if_range='"other"') == (200, content, "")
    for ignored in ("bytes=5-1", "lines=1-2", "bytes=0-1,4-5", "bytes=-", "bytes=a-b"):
        assert part(ignored) == (200, content, "")
    assert part(f"bytes={size}-") == (416, b"The file is shorter than where the range begins.\n", f"bytes */{size}")


def test_a_switch_shows_the_other_deployment_and_keeps_nothing_of_the_one(place: Place, site: Artifact):
    deploy(place, site, {"index.html": b"new"})
    published.SITES.forget()
    assert ask(site.label).body == b"new"
    assert ask(site.label, "/about").status == 404

    with tenant(place.id):
        actions.show_deployment(actor=place.actor(), artifact_id=site.id, number=1)
    published.SITES.forget()

    assert ask(site.label).body == FILES["index.html"]
    assert ask(site.label, "/about").body == FILES["about.html"]


def test_what_was_removed_is_gone_although_it_is_in_memory(place: Place, site: Artifact):
    assert ask(site.label).status == 200
    with tenant(place.id):
        actions.remove_artifact(actor=place.actor(), artifact_id=site.id)
    published.SITES.forget()

    assert ask(site.label) == ask("nobody")


def test_a_file_is_never_served_under_another_artifacts_name(place: Place, site: Artifact):
    other = make_artifact(place)
    deploy(place, other, {"index.html": b"other"})

    assert ask(site.label, "/about").status == 200
    assert ask(other.label, "/about").status == 404
    assert ask(other.label).body == b"other"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT"])
def test_nothing_but_reading_is_answered(site: Artifact, method: str):
    assert ask(site.label, method=method).status == 405


def test_no_service_worker_outlives_its_deployment(site: Artifact):
    assert ask(site.label, "/assets/app.3f2a9c1d.js", service_worker="script").status == 404


def test_the_host_decides_whatever_else_a_request_names(site: Artifact):
    got = ask("nobody", x_forwarded_host=f"{site.label}.{HOST}", x_host=f"{site.label}.{HOST}")
    assert got.status == 404


def test_memory_is_bounded_and_forgets_the_least_used():
    memory = Memory(whole=10_000)
    entry = Entry(200, [], "", 3_000, bytes(3_000), None, float("inf"))
    for key in "abc":
        memory.put(key, entry)
        assert memory.get("a") is entry
    assert (memory.get("b"), memory.get("c")) == (None, entry)
    assert memory.held <= 10_000
    memory.put("old", Entry(200, [], "", 0, b"", None, 0.0))
    assert memory.get("old") is None
