"""With JavaScript off everything can be read, and what a form can do works."""

import pytest
from playwright.sync_api import expect

from tests.browser import addresses
from tests.browser.conftest import Open
from tests.browser.test_every_page import place, with_a_key
from tests.factories import Place

__all__ = ["place"]

# What stands on a page if it can be read.
WORDS = {
    "overview": "Recent events",
    "vault:browse": "handbook",
    "vault:versions": "Version 2",
    "sharing:list": "November digests",
    "sharing:share": "Life of this link",
    "audit": "share:created",
    "audit_event": "Before and after",
    "audit_request": "Request id",
    "keys:list": "Data keys",
    "people": "Priya Raman",
    "api_keys": "claims-triage",
    "workloads:trust": "Another workload sent it",
    "support": "Opal Operator asks to be let in",
    "console:jobs": "tenants.provision",
    "console:organizations": "Alder Peak",
    "console:trail": "operator:promoted",
    "docs": "verify-chain",
}


@pytest.fixture
def silent(open_browser: Open):
    return lambda: open_browser(java_script_enabled=False, accept_downloads=True)


def test_every_page_can_be_read(silent, place: Place):
    eyes = with_a_key(silent(), place.owner)
    found = addresses.for_members(place) | addresses.for_anybody(place)
    for name, words in WORDS.items():
        page = eyes.go(found[name][0])
        expect(page.locator("main")).to_contain_text(words)
        expect(page.locator(".hq-js:visible")).to_have_count(0)


def test_uploading_deleting_and_verifying_are_forms(silent, place: Place):
    eyes = silent().sign_in(place.owner)
    page = eyes.go(f"/o/{place.slug}/live/files/")
    page.locator("#upload-files").set_input_files([{"name": "plain.txt", "mimeType": "text/plain", "buffer": b"plain"}])
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("link", name="plain.txt", exact=True)).to_be_visible()
    page.get_by_label("More for plain.txt").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("plain.txt deleted.")).to_be_visible()
    eyes.go(f"/o/{place.slug}/live/audit/").get_by_role("button", name="Verify chain").click()
    expect(page.get_by_text("Chain verified.")).to_be_visible()


def test_a_link_can_be_opened(silent, place: Place):
    page = silent().go(addresses.for_link(place))
    page.get_by_role("button", name="Open the files").click()
    with page.expect_download() as caught:
        page.get_by_role("link", name="Download handbook/README.md").click()
    assert caught.value.suggested_filename == "README.md"
