"""Taking one's data along in a browser: asked for with a passphrase, made while one looks, opened by age."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.exports.support import checked, decrypt_by_passphrase
from tests.factories import Place, make_place, run_jobs
from vault import actions as vault

pytestmark = pytest.mark.age
PASSPHRASE = "otter granite lamp 71 violin"


@pytest.fixture
def place(transactional_db: None) -> Place:
    place = make_place("Alder Peak")
    vault.put_object(actor=place.actor(), path="claims/2026.csv", chunks=[b"claim,amount\n"])
    return place


def test_an_export_is_asked_for_made_and_opened(open_browser: Open, place: Place, tmp_path: Path) -> None:
    page = open_browser(accept_downloads=True).sign_in(place.owner).go("/me/data")
    page.get_by_role("link", name="Alder Peak", exact=True).last.click()
    expect(page.get_by_role("textbox", name="Public key")).to_be_hidden()
    page.locator("#id_passphrase").fill(PASSPHRASE)
    page.locator("#id_again").fill(PASSPHRASE)
    page.get_by_role("button", name="Export my data").click()
    expect(page.get_by_text("Being made", exact=True)).to_be_visible()
    run_jobs()
    expect(page.get_by_text("Ready", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Another export")).to_be_visible()
    page.get_by_text("How to open it").click()
    expect(page.get_by_role("group", name="the commands that open the export")).to_contain_text("age -d -i")
    saved = {}
    for kind in ("identity.age", "0001.tar.age"):
        with page.expect_download() as download:
            page.get_by_role("link", name=kind).click()
        saved[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[kind])
    archive = decrypt_by_passphrase(saved["0001.tar.age"], saved["identity.age"], PASSPHRASE)
    assert checked({saved["0001.tar.age"].name: archive}).members["files/live/claims/2026.csv"] == b"claim,amount\n"
    page.get_by_role("button", name="Remove now").click()
    expect(page.get_by_text("No exports yet")).to_be_visible()
