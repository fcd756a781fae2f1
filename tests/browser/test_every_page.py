"""Every page in light, in dark and at 320 px: no fault of accessibility, no sideways scroll, no word in the console."""

import re
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from playwright.sync_api import expect

from hq.db.context import tenant
from overview.management import story
from tenants import actions, selectors
from tenants.models import Organization, User
from tests.browser import addresses
from tests.browser.conftest import Open
from tests.browser.eyes import Eyes
from tests.factories import Place
from tests.operators import as_owner, desk_of

STILL = {"color_scheme": "light", "reduced_motion": "reduce"}
PARTS = 2  # of the pages of members: each worker takes some
DEAD_ADDRESSES = ("/s/hqs_nothing", "/invitations/hqi_nothing", "/sign-in/hqo_nothing", "/nothing/here")


@pytest.fixture
def place(transactional_db: None) -> Place:
    """What the demo makes; its owner is an operator too."""
    call_command("demo", "--json", stdout=StringIO())
    with as_owner():
        owner = actions.promote_operator(email=story.OWNER.email)
    belonging = selectors.find_belonging(owner.pk, "alder-peak")
    assert belonging is not None
    with tenant(belonging.organization_id):
        return Place(Organization.objects.get(), owner, belonging.live_id, belonging.test_id)


def with_a_key(eyes: Eyes, person: User) -> Eyes:
    """Signed in with a security key: the operator's rooms ask for one."""
    cookie = desk_of(person).cookies[settings.SESSION_COOKIE_NAME]
    eyes.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": eyes.base}])
    return eyes


def look(eyes: Eyes, found: dict[str, list[str]]) -> list[str]:
    faults = []
    for name, paths in found.items():
        for number, path in enumerate(paths):
            eyes.go(path)
            faults += faults_of(eyes, f"{name.replace(':', '_')}{number or ''}")
    return faults


def faults_of(eyes: Eyes, name: str) -> list[str]:
    # Its selection bar always stands, and at 320 px over whatever is behind it.
    faults = eyes.faults_in_every_look(name)
    return [fault for fault in faults if not fault.startswith("narrow-components: target-size")]


def test_no_page_is_left_out(place: Place):
    known = {*addresses.for_members(place), *addresses.for_anybody(place), "shared"}
    assert addresses.names() - known - addresses.NO_PAGES == set()
    assert addresses.NO_PAGES & known == set()


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_of_a_member_is_without_fault(part: int, open_browser: Open, place: Place):
    found = dict(list(addresses.for_members(place).items())[part::PARTS])
    faults = look(with_a_key(open_browser(**STILL), place.owner), found)
    assert not faults, "\n".join(faults)


def test_every_page_of_anybody_is_without_fault(open_browser: Open, place: Place):
    anybody = open_browser(**STILL).expect(401)
    faults = look(anybody, addresses.for_anybody(place))
    faults += opened_link(anybody, place)
    anybody.expect(404)
    faults += look(anybody, {f"dead{number}": [path] for number, path in enumerate(DEAD_ADDRESSES)})
    assert not faults, "\n".join(faults)


def opened_link(eyes: Eyes, place: Place) -> list[str]:
    """The page behind a link, which only opening it shows."""
    page = eyes.go(addresses.for_link(place))
    page.get_by_role("button", name="Open the files").click()
    expect(page).to_have_url(re.compile(r"/shared/$"))
    return faults_of(eyes, "shared")
