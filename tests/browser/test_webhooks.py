"""Webhooks in a browser: made without a script, and a test whose answer comes to the page by itself."""

import pytest
from playwright.sync_api import expect

from jobs.registry import NETWORK
from tests.browser.conftest import Open
from tests.factories import Place, make_place, run_jobs

HERE = "/o/{}/live/webhooks/"


@pytest.fixture
def place(transactional_db: None) -> Place:
    return make_place()


def test_an_endpoint_is_made_without_a_script_and_its_test_tells_how_it_went(open_browser: Open, place: Place):
    here = HERE.format(place.slug)
    page = open_browser(java_script_enabled=False).sign_in(place.owner).go(f"{here}new")
    page.get_by_role("textbox", name="Name").fill("Claims intake")
    page.get_by_role("textbox", name="Address").fill("https://hooks.nowhere.invalid/hq")
    picker = page.get_by_role("group", name="Events to choose from")
    expect(picker).to_be_hidden()
    page.get_by_text("Only some").check()
    expect(picker).to_be_visible()
    picker.get_by_text("Share links", exact=True).click()
    picker.get_by_role("group", name="Share links").get_by_label("All of these 3").check()
    page.get_by_role("button", name="Make endpoint").click()
    expect(page.locator("pre", has_text="import os")).to_have_count(2)
    expect(page.locator("pre", has_text="process.env")).to_be_hidden()
    page.get_by_role("radio", name="JavaScript").check()
    expect(page.locator("pre", has_text="process.env")).to_be_visible()
    page.get_by_role("link", name="I have stored it").click()
    expect(page.get_by_role("heading", name="Claims intake")).to_be_visible()
    address = page.url

    page = open_browser().sign_in(place.owner).go(address)
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("On its way").last).to_be_visible()
    run_jobs(NETWORK)
    expect(page.get_by_text("No server is known by the name in the address.")).to_be_visible()
    expect(page.get_by_text("On its way")).to_have_count(0)
