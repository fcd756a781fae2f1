"""Signing up, making an organization, and landing on its overview."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Mailbox, Open
from tests.browser.eyes import Eyes
from tests.factories import run_jobs

PASSWORD = "a calm register, well kept"


def sign_up(eyes: Eyes, mailbox: Mailbox, name: str, address: str) -> None:
    """From the form to a confirmed address."""
    page = eyes.page
    page.get_by_label("Your name").fill(name)
    page.get_by_label("E-mail").fill(address)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_label("Code")).to_be_visible()
    code = re.search(r"^\s*([A-Z0-9]{3,}(?:-[A-Z0-9]{3,})*)\s*$", mailbox.newest(address), re.MULTILINE)
    assert code
    page.get_by_label("Code").fill(code[1])
    page.get_by_role("button", name="Confirm").click()


def test_a_newcomer_signs_up_makes_an_organization_and_sees_it_being_made(open_browser: Open, mailbox: Mailbox):
    eyes = open_browser(timezone_id="Europe/Lisbon")
    page = eyes.go("/")
    page.get_by_role("link", name="Create an account").click()
    sign_up(eyes, mailbox, "Inês Carvalho", "ines@alderpeak.example")

    expect(page.get_by_role("heading", name="New organization", level=1)).to_be_visible()
    page.get_by_label("Name").fill("Alder Peak")
    page.get_by_role("button", name="Create organization").click()

    expect(page.get_by_role("heading", name="Making Alder Peak")).to_be_visible()
    for step in ("the organization's own key", "the environments live and test", "the bucket"):
        expect(page.get_by_text(f"Making {step}")).to_be_visible()
    run_jobs()

    page.wait_for_url("**/o/alder-peak/live/")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    facts = page.locator(".hq-facts")
    expect(facts).to_contain_text("Made today")
    expect(facts).to_contain_text("hq-alder-peak-")
    expect(facts).to_contain_text("Not verified yet")
    expect(page.get_by_text("Put the first file in")).to_be_visible()


def test_a_wrong_code_and_a_taken_name_are_said_at_the_field(open_browser: Open, mailbox: Mailbox):
    eyes = open_browser().expect(400)
    page = eyes.go("/account/signup/")
    page.get_by_label("Your name").fill("Inês Carvalho")
    page.get_by_label("E-mail").fill("ines@alderpeak.example")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create account").click()
    expect(page.locator(".hq-error").first).to_contain_text("12 characters")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_label("Code").fill("WRONG1")
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".hq-error").first).to_be_visible()
