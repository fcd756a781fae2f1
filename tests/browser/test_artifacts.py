"""Publishing: choose a folder, see it, deploy again, roll back, ask for a password."""

import re
from collections.abc import Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from threading import Thread
from wsgiref.simple_server import WSGIServer, make_server

import pytest
from django.conf import settings
from playwright.sync_api import expect

from edge.app import Edge
from edge.published import MEMORY, SITES
from tests.browser.conftest import Open
from tests.factories import make_place
from tests.serving import Quiet

PASSWORD = "correct horse battery"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


@pytest.fixture
def edge(transactional_db: None) -> Iterator[None]:
    """The edge at its own address, beside the portal."""
    with make_server("127.0.0.1", settings.EDGE_PORT, Edge(), _Server, Quiet) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()
    SITES.forget()
    MEMORY.forget()


def folder(root: Path, name: str, heading: str) -> Path:
    made = root / name / "site"
    (made / "docs").mkdir(parents=True)
    (made / "index.html").write_text(
        f"<!doctype html><title>Q3</title><link rel=stylesheet href=style.css><h1>{heading}</h1><a href=docs/>Docs</a>"
    )
    (made / "style.css").write_text("h1 { color: rgb(0, 99, 104) }")
    (made / "docs" / "index.html").write_text(
        "<h1>Docs</h1><script>document.title = document.cookie || 'none'</script>"
    )
    return made


def test_a_folder_is_published_rolled_back_and_put_behind_a_password(open_browser: Open, edge: None, tmp_path: Path):
    place = make_place("Alder Peak")
    sharer, reader = open_browser().sign_in(place.owner), open_browser()
    page = sharer.go(f"/o/{place.slug}/live/artifacts/new")
    page.get_by_label("Name").fill("Q3 report")
    page.get_by_text("Open", exact=True).click()
    page.get_by_label("Address begins with").fill("q3")
    page.get_by_role("button", name="Make it").click()

    for name, heading in (("one", "First"), ("two", "Second")):
        page.locator("#deploy-folder").set_input_files(folder(tmp_path, name, heading))
        expect(page.get_by_text(re.compile(rf"Deployment {1 if name == 'one' else 2} is shown at"))).to_be_visible()
    address = page.get_by_role("link", name=re.compile("^http")).get_attribute("href")
    assert address is not None
    SITES.forget()
    seen = reader.go(address)
    expect(seen.get_by_role("heading", name="Second")).to_have_css("color", "rgb(0, 99, 104)")
    seen.get_by_role("link", name="Docs").click()
    expect(seen).to_have_url(f"{address}docs/")
    expect(seen).to_have_title("none")

    page.get_by_role("button", name="Show this one, deployment 1").click()
    expect(page.get_by_text("Deployment 1 is shown now.")).to_be_visible()
    SITES.forget()
    expect(reader.go(address).get_by_role("heading", name="First")).to_be_visible()

    page.get_by_role("link", name="Name and access").click()
    page.get_by_text("By password", exact=True).click()
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_text(re.compile("is out within a minute"))).to_be_visible()
    SITES.forget()
    seen = reader.expect(403).go(f"{address}docs/")
    seen.get_by_label("Password").fill("wrong")
    seen.get_by_role("button", name="Open").click()
    expect(seen.get_by_text("This is not the password.")).to_be_visible()
    seen.get_by_label("Password").fill(PASSWORD)
    seen.get_by_role("button", name="Open").click()
    expect(seen).to_have_url(f"{address}docs/")
    expect(seen.get_by_role("heading", name="Docs")).to_be_visible()
    expect(seen).to_have_title("none")  # no script reads the cookie

    page.reload()
    expect(page.get_by_text("Password entered")).to_be_visible()
