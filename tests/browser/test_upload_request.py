"""A stranger sends files to an upload request: the page stays, says what came, and counts what is still taken."""

from urllib.parse import urlsplit

from playwright.sync_api import FilePayload, expect

from hq.db.context import tenant
from sharing import actions as sharing
from sharing.actions.requests import Limits
from tests.browser.conftest import Open
from tests.factories import make_place


def test_a_stranger_sends_files_and_sees_which_came(open_browser: Open) -> None:
    place = make_place("Alder Peak")
    with tenant(place.id):
        limits = Limits(files=3, file_size=10, size=20)
        made = sharing.create_request(actor=place.actor(), folder="inbox/", purpose="Your invoices", limits=limits)
    eyes = open_browser(reduced_motion="reduce").expect(413)
    page = eyes.go(urlsplit(made.url).path)
    expect(page.get_by_text("Choose or drop files")).to_have_css("text-decoration-line", "underline")
    small = FilePayload(name="small.csv", mimeType="text/csv", buffer=b"1,2")
    large = FilePayload(name="large.csv", mimeType="text/csv", buffer=b"1,2,3,4,5,6")
    page.locator("#file").set_input_files([small, large])
    expect(page.get_by_role("heading", name="1 of 2 stored")).to_be_visible()
    expect(page.get_by_text("larger than the request takes")).to_be_visible()
    expect(page.get_by_text("2 files, 17 bytes in all")).to_be_visible()
    assert eyes.faults_in_every_look("request-sent") == []

    page.locator("#file").set_input_files([small])
    expect(page.get_by_role("heading", name="2 of 3 stored")).to_be_visible()
    expect(page.get_by_text("1 file, 14 bytes in all")).to_be_visible()
