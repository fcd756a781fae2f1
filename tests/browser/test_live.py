"""A page that says what is new, goes on without anybody to ask, and comes back by itself."""

import re

import pytest
from django.conf import settings as configured
from django.contrib.sessions.models import Session
from playwright.sync_api import expect
from pytest_django.fixtures import Settings

from tests.browser.conftest import Open
from tests.factories import make_place
from tests.streams.live import live_process
from tests.streams.support import make_events


@pytest.mark.django_db(transaction=True)
def test_the_overview_says_how_many_events_came_and_shows_them(open_browser: Open, settings: Settings) -> None:
    settings.LIVE_URL = f"http://localhost:{configured.LIVE_PORT}"
    place = make_place("Alder Peak")
    eyes = open_browser().sign_in(place.owner)
    with live_process() as first:
        page = eyes.go(f"/o/{place.slug}/live/")
        button = page.locator("hq-live button")
        expect(page.locator("hq-live")).to_have_count(1)
        expect(button).to_be_hidden()
        make_events(place, 2)
        expect(button).to_have_text("2 new events", timeout=15_000)
        expect(page.locator("[data-live-since]")).to_have_text(", 2 since")
        first.stop()
    make_events(place, 1)  # while nobody tells
    with live_process():
        expect(button).to_have_text("3 new events", timeout=30_000)
        button.click()
        expect(page.locator("hq-live button")).to_be_hidden()
        expect(page.get_by_text("Key 1").first).to_be_visible()


@pytest.mark.django_db(transaction=True)
def test_a_page_whose_session_is_over_says_so(open_browser: Open, settings: Settings) -> None:
    settings.LIVE_URL = f"http://localhost:{configured.LIVE_PORT}"
    place = make_place("Alder Peak")
    eyes = open_browser().sign_in(place.owner).expect(401)
    with live_process():
        page = eyes.go(f"/o/{place.slug}/live/audit/")
        make_events(place, 1)
        expect(page.locator("hq-live button")).to_have_text("1 new event", timeout=15_000)
        Session.objects.all().delete()
        make_events(place, 1)  # what they may see is asked again before anything is written
        expect(page.locator("hq-live p")).to_contain_text("Your session is over", timeout=15_000)
        assert eyes.faults("live-over") == []
        page.get_by_role("link", name="Reload").click()
        expect(page).to_have_url(re.compile(".*/login.*"))


@pytest.mark.django_db(transaction=True)
def test_a_page_too_many_says_why_it_hears_nothing(open_browser: Open, settings: Settings) -> None:
    settings.LIVE_URL = f"http://localhost:{configured.LIVE_PORT}"
    place = make_place("Alder Peak")
    eyes = open_browser().sign_in(place.owner).expect(429)
    with live_process(HQ_LIVE_PER_PERSON="1"):
        first = eyes.go(f"/o/{place.slug}/live/")
        make_events(place, 1)
        expect(first.locator("hq-live button")).to_be_visible(timeout=15_000)  # it has the one place
        second = eyes.context.new_page()
        second.goto(f"{eyes.base}/o/{place.slug}/live/audit/")
        expect(second.locator("hq-live p")).to_contain_text("as many live pages open as one person may")
