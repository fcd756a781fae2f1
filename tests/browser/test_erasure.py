"""Erasing an organization in a browser: looked at, asked for, agreed to, called off, asked for again, carried out."""

import re

import pytest
from playwright.sync_api import Page, expect

from hq.authz.roles import Role
from retention.models import Erasure
from tests.browser.conftest import Mailbox, Open
from tests.browser.eyes import Eyes
from tests.factories import Place, make_member, make_person, make_place
from tests.retention.support import erasure_of, make_due, work
from vault import actions as vault


@pytest.fixture
def place(transactional_db: None) -> Place:
    made = make_place("Alder Peak", make_person(name="Inês Carvalho", email="ines@alderpeak.example"))
    vault.put_object(actor=made.actor(), path="claims/register.csv", chunks=[b"claim,amount\n"])
    return made


def erasure(eyes: Eyes, place: Place) -> Page:
    return eyes.go(f"/o/{place.slug}/live/retention/erasure")


def ask(eyes: Eyes, place: Place) -> None:
    page = erasure(eyes, place)
    page.get_by_label("Reason").fill("We merge with Birch Hill")
    button = page.get_by_role("button", name="Ask to erase Alder Peak")
    page.get_by_label("Type Alder Peak to confirm").fill(place.slug)
    expect(button).to_be_disabled()
    page.get_by_label("Type Alder Peak to confirm").fill("Alder Peak")
    button.click()
    expect(page.get_by_text("Nothing happens until another owner agrees.").first).to_be_visible()


def agree(eyes: Eyes, place: Place) -> None:
    """From the banner, which stands on every page."""
    page = eyes.go(f"/o/{place.slug}/live/files/")
    page.get_by_role("region", name="Erasure").get_by_role("link", name="Look at it").click()
    expect(page.get_by_text("We merge with Birch Hill")).to_be_visible()
    page.get_by_label("Type Alder Peak to confirm").fill("Alder Peak")
    page.get_by_role("button", name="Agree, and begin the wait").click()
    expect(page.get_by_text("It begins in 7 days, unless an owner calls it off.")).to_be_visible()


def test_two_owners_decide_one_calls_it_off_and_in_the_end_nothing_is_left(
    open_browser: Open, place: Place, mailbox: Mailbox
):
    second = make_member(place, Role.OWNER, email="priya@alderpeak.example")
    still = {"reduced_motion": "reduce"}
    one, other = open_browser(**still).sign_in(place.owner), open_browser(**still).sign_in(second)

    page = one.go(f"/o/{place.slug}/live/retention/")
    page.get_by_role("link", name="See what would go").click()
    expect(page.get_by_role("row", name=re.compile("^Versions of files 1$"))).to_be_visible()
    ask(one, place)
    expect(page.get_by_text("You asked for this, so another owner has to agree.")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Agree"))).to_have_count(0)
    assert one.faults_in_every_look("erasure-asked") == []

    agree(other, place)
    assert other.faults_in_every_look("erasure-waiting") == []
    one.go(f"/o/{place.slug}/live/")
    expect(page.get_by_role("region", name="Erasure")).to_contain_text("Alder Peak will be erased.")
    erasure(one, place).get_by_role("button", name="Call it off").click()
    expect(page.get_by_text("Called off. The organization stays as it is.")).to_be_visible()
    expect(page.get_by_role("region", name="Erasure")).to_have_count(0)

    ask(one, place)
    agree(other, place)
    make_due(place.id)
    work()
    assert erasure_of(place.id).state == Erasure.State.ERASED
    one.expect(404)
    one.go(f"/o/{place.slug}/live/files/")
    expect(page.get_by_text("claims")).to_have_count(0)
    assert "certificate" in mailbox.newest("ines@alderpeak.example")
