"""Looking at files: found by name, shown where they can do nothing, and what changed between two versions."""

from collections.abc import Iterator
from threading import Thread
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.servers.basehttp import ThreadedWSGIServer
from playwright.sync_api import expect

from edge.app import Edge
from tests.browser.conftest import Open
from tests.factories import make_place
from tests.serving import Quiet
from vault import actions

HOSTILE = b"""# Method

<script>top.location = 'https://evil.example/'</script>
<img src="https://evil.example/pixel.png" onerror="alert(1)">
"""
SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="top.alert(1)">
<script>top.location = 'https://evil.example/'</script><rect width="40" height="40" fill="teal"/></svg>"""


@pytest.fixture
def edge(transactional_db: None) -> Iterator[None]:
    """The edge, where addresses of previews lead."""
    server = ThreadedWSGIServer(("127.0.0.1", urlsplit(settings.EDGE_URL).port or 0), Quiet)
    server.set_app(Edge())
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_member_finds_a_file_looks_at_it_and_at_what_changed(open_browser: Open, edge: None):
    place = make_place("Alder Peak")
    for path, content in (
        ("claims/2026/Method.md", b"# Method\n\nfirst thoughts\n"),
        ("claims/2026/Method.md", HOSTILE),
        ("claims/logo.svg", SVG),
        ("claims/notes.txt", b"<b>one</b>"),
    ):
        actions.put_object(actor=place.actor(), path=path, chunks=[content])
    eyes = open_browser().sign_in(place.owner)
    page = eyes.go(f"/o/{place.slug}/live/files/")

    # By the keyboard alone: to the search box, the words, the file that was found.
    page.keyboard.press("/")
    page.keyboard.type("METH")
    page.get_by_role("button", name="Find in every folder").press("Enter")
    found = page.get_by_role("link", name="Method.md", exact=True)
    expect(found).to_be_visible()
    assert eyes.faults("search") == []
    found.press("Enter")

    # Shown as what it says, with nothing of it run or loaded; whatever it tried would be a complaint.
    expect(page.get_by_role("heading", name="Method.md", level=1)).to_be_visible()
    frame = page.frame_locator("iframe.hq-preview")
    expect(frame.get_by_role("heading", name="Method", exact=True)).to_be_visible()
    expect(frame.locator("script, img")).to_have_count(0)
    expect(frame.get_by_text("top.location")).to_be_visible()
    assert eyes.faults("preview") == []

    # What changed, from the versions.
    page.get_by_role("link", name="Versions").press("Enter")
    page.get_by_role("link", name="Changes of version 2").press("Enter")
    expect(page.get_by_role("cell", name="first thoughts")).to_be_visible()
    assert eyes.faults("diff") == []

    # A drawing is an image and nothing else; text is the characters it is.
    page = eyes.go(f"/o/{place.slug}/live/files/preview?path=claims/logo.svg")
    expect(page.frame_locator("iframe.hq-preview").locator("img")).to_be_visible()
    assert page.url.startswith(settings.BASE_URL)
    page = eyes.go(f"/o/{place.slug}/live/files/preview?path=claims/notes.txt")
    expect(page.frame_locator("iframe.hq-preview").get_by_text("<b>one</b>")).to_be_visible()
