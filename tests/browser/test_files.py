"""Files: uploading several, one of them refused; browsing, versions, deleting, restoring, downloading."""

import hashlib
import re
from pathlib import Path

from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.browser.conftest import Open
from tests.factories import make_place

REGISTER = b"claim,amount\n" + b"".join(b"%d,%d\n" % (number, number * 17) for number in range(60_000))
METHOD = "# Method\n\nHow the loss ratio is computed: größer, kleiner, 比率.\n".encode()


def payload(name: str, content: bytes, kind: str = "text/plain") -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": content}


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def download(page: Page, link: Locator) -> bytes:
    with page.expect_download() as caught:
        link.click()
    return Path(caught.value.path()).read_bytes()


def test_an_admin_uploads_browses_versions_deletes_restores_and_downloads(open_browser: Open):
    place = make_place("Alder Peak")
    eyes = open_browser(accept_downloads=True).sign_in(place.owner).expect(409)
    files = f"/o/{place.slug}/live/files/"
    page = eyes.go(files)

    # Two are stored, one stays on the machine; the page waits, so that the reason can be read.
    page.get_by_role("button", name="New folder").click()
    page.get_by_label("Name", exact=True).fill("claims")
    page.get_by_role("button", name="Open it").click()
    expect(page.get_by_role("heading", name="claims", level=1)).to_be_visible()
    page.locator("#upload-files").set_input_files(
        [
            payload("register.csv", REGISTER, "text/csv"),
            payload("method.md", METHOD),
            payload(".env", b"TOKEN=x\n"),
        ]
    )
    expect(page.get_by_role("heading", name="2 of 3 stored")).to_be_visible()
    expect(page.get_by_text("claims/.env was not uploaded").first).to_be_visible()
    expect(page.get_by_text("Credential files stay on your machine.")).to_be_visible()

    # One more by dragging; when all are stored the page shows them.
    page = eyes.go(f"{files}?folder=claims/")
    drop(page, "notes.txt", "first thoughts")
    expect(row(page, "notes.txt")).to_be_visible()
    for name in ("register.csv", "method.md"):
        expect(row(page, name)).to_be_visible()
    assert download(page, page.get_by_role("link", name="register.csv", exact=True)) == REGISTER

    versions_of_a_file(page)
    deleting_and_undoing(page)


def drop(page: Page, name: str, text: str) -> None:
    transfer = page.evaluate_handle(
        """([name, text]) => { const all = new DataTransfer(); all.items.add(new File([text], name)); return all; }""",
        [name, text],
    )
    page.dispatch_event("hq-upload form", "dragover", {"dataTransfer": transfer})
    page.dispatch_event("hq-upload form", "drop", {"dataTransfer": transfer})


def versions_of_a_file(page: Page) -> None:
    """A second version, the list of both in place, and the bytes of the first."""
    longer = METHOD + b"\nA second section.\n"
    page.locator("#upload-files").set_input_files([payload("method.md", longer)])
    opener = page.get_by_role("link", name="Version 2, show all versions of method.md")
    opener.click()
    expect(page.get_by_text("Version 1", exact=False).first).to_be_visible()
    assert download(page, page.get_by_role("link", name="Download version 1")) == METHOD
    assert download(page, page.get_by_role("link", name="method.md", exact=True)) == longer
    page.goto(page.url.split("?")[0] + "versions?path=claims/method.md")
    expect(page.get_by_role("row")).to_have_count(3)
    expect(page.get_by_role("row", name=re.compile("Version 2 .*Current"))).to_contain_text(
        hashlib.sha256(longer).hexdigest()[:8]
    )
    page.get_by_role("row", name=re.compile("Version 1")).get_by_role("button", name="Restore").click()
    expect(page.get_by_text("It is version 3, version 1 again.")).to_be_visible()


def deleting_and_undoing(page: Page) -> None:
    """Two by the selection bar, one brought back at once, the other from the deleted files."""
    for name in ("notes.txt", "register.csv"):
        page.get_by_label(f"Select {name}").check()
    bar = page.get_by_role("region", name="Selection")
    expect(bar).to_contain_text("2 selected")
    bar.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("2 files deleted. Their versions are kept.")).to_be_visible()
    expect(row(page, "register.csv")).to_have_count(0)
    page.locator("form", has_text="claims/register.csv is deleted").get_by_role("button", name="Restore").click()
    expect(row(page, "register.csv")).to_be_visible()
    page.get_by_role("link", name="Deleted files").click()
    page.get_by_role("row", name=re.compile("notes.txt")).get_by_role("button", name="Restore").click()
    expect(row(page, "notes.txt")).to_be_visible()
    assert download(page, page.get_by_role("link", name="register.csv", exact=True)) == REGISTER


def test_a_credential_directory_is_refused_with_its_reason(open_browser: Open):
    place = make_place("Alder Peak")
    eyes = open_browser().sign_in(place.owner).expect(409)
    page = eyes.go(f"/o/{place.slug}/live/files/?folder=.aws/")
    page.locator("#upload-files").set_input_files([payload("credentials", b"[default]\n")])
    expect(page.get_by_text(".aws/credentials was not uploaded").first).to_be_visible()
    expect(page.get_by_text("Credential directories stay on your machine.")).to_be_visible()
    page = eyes.go(f"/o/{place.slug}/live/files/")
    expect(page.get_by_text("No files yet")).to_be_visible()
