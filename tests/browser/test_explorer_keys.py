"""The explorer by keys alone: along both lists, an event beside the list, and away again."""

import re

from playwright.sync_api import ViewportSize, expect

from tests.browser.conftest import Open
from tests.factories import make_place
from tests.streams.support import make_events

LARGE = ViewportSize(width=1440, height=900)


def test_both_lists_are_walked_by_keys(open_browser: Open) -> None:
    place = make_place("Alder Peak")
    make_events(place, 3)
    eyes = open_browser(viewport=LARGE).sign_in(place.owner)
    page = eyes.go(f"/o/{place.slug}/live/audit/")
    rows, beside = page.locator("tr[data-index]"), page.locator(".hq-trail-event")
    page.keyboard.press("j")
    expect(beside.get_by_role("heading", level=2)).to_have_text(rows.nth(0).locator("th").inner_text())
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_have_class("is-selected")
    expect(beside).to_contain_text("Before and after")
    expect(page).to_have_url(re.compile(r"event=\d+"))
    page.keyboard.press("k")
    expect(rows.nth(0)).to_have_class("is-selected")
    page.keyboard.press("Escape")
    expect(beside).to_be_hidden()
    expect(rows.nth(0).get_by_role("link")).to_be_focused()

    eyes.go(f"/o/{place.slug}/live/audit/?kind=access")
    page.keyboard.press("j")
    expect(rows.nth(0).get_by_role("link")).to_be_focused()
    page.keyboard.press("j")
    expect(rows.nth(1).get_by_role("link")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Request id")).to_be_visible()
