"""What stands above every page while an operator is inside, in a real browser: nobody can overlook it."""

import re

from django.conf import settings
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.eyes import NARROW, WIDE
from tests.browser.test_every_page import STILL
from tests.factories import make_place
from tests.operators import make_operator
from tests.tenants.support_access import REASON, inside


def test_it_says_who_until_when_and_ends_it(open_browser: Open, transactional_db: None):
    place = make_place("Alder Peak")
    desk, request = inside(place, make_operator(name="Opal Operator"), email=place.owner.email)
    eyes = open_browser(**STILL)
    cookie = desk.cookies[settings.SESSION_COOKIE_NAME]
    eyes.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": eyes.base}])
    page = eyes.go(f"/o/{place.slug}/live/people/")
    banner = page.get_by_role("region", name="Support access")
    expect(banner).to_contain_text("Opal Operator is inside Alder Peak as Olive Owner. Read-only.")
    expect(banner).to_contain_text(REASON)
    expect(banner).to_contain_text(re.compile(r"Until \d\d:\d\d today.*(59|60) minutes left\."))
    assert eyes.faults_in_every_look("support_banner") == []
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        expect(banner).to_be_in_viewport()
    eyes.expect(403).go(f"/o/{place.slug}/live/people/invite")
    expect(page.get_by_role("region", name="Support access")).to_be_visible()
    page.get_by_role("button", name="End", exact=True).click()
    expect(page).to_have_url(re.compile(f"/operator/access/{request.id}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Access to Alder Peak")
    eyes.expect(404).go(f"/o/{place.slug}/live/people/")
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
