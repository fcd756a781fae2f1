"""Inviting, joining, a role, an API key, and all of it in the trail."""

import json
import re
import urllib.error
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from jobs.registry import NETWORK
from tests.browser.conftest import Mailbox, Open
from tests.browser.test_first_day import sign_up
from tests.factories import make_person, make_place, run_jobs


def test_an_admin_invites_changes_a_role_makes_a_key_and_reads_all_of_it(open_browser: Open, mailbox: Mailbox):
    place = make_place("Alder Peak", make_person(name="Inês Carvalho"))
    admin = open_browser().sign_in(place.owner)
    where = f"/o/{place.slug}/live"

    page = admin.go(f"{where}/people/")
    page.get_by_role("link", name="Invite").first.click()
    page.get_by_label("E-mail address").fill("priya@alderpeak.example")
    page.get_by_label("Role").select_option("analyst")
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_text("Shown once")).to_be_visible()
    run_jobs(NETWORK)

    link = re.search(r"https?://\S+/invitations/\S+", mailbox.newest("priya@alderpeak.example"))
    assert link
    invited = open_browser()
    invited.go(link[0]).get_by_role("link", name="Create an account").click()
    sign_up(invited, mailbox, "Priya Raman", "priya@alderpeak.example")
    invited.page.get_by_role("button", name="Join as priya@alderpeak.example").click()
    expect(invited.page.get_by_text("You joined Alder Peak.")).to_be_visible()
    expect(invited.page.get_by_role("link", name="People and access")).to_have_count(0)

    page = admin.go(f"{where}/people/")
    row = page.get_by_role("row", name=re.compile("Priya Raman"))
    row.get_by_label("Role of Priya Raman").select_option("developer")
    row.get_by_role("button", name="Change").click()
    expect(page.get_by_text("Priya Raman is now Developer.")).to_be_visible()

    secret = make_key(admin.go(f"{where}/api-keys/"))
    assert me(admin.base, secret)["actor"]["label"] == "nightly-backup"
    page.get_by_role("link", name="I have stored it").click()
    expect(page.get_by_role("link", name="nightly-backup", exact=True)).to_be_visible()
    assert secret not in page.content()

    read_the_trail(admin.go(f"{where}/audit/"))


def make_key(page: Page) -> str:
    page.get_by_role("link", name="New API key").first.click()
    page.get_by_label("Name").fill("nightly-backup")
    page.get_by_label("objects:read").check()
    page.get_by_label("objects:write").check()
    page.get_by_role("button", name="Create key").click()
    secret = shown(page)
    assert re.fullmatch(r"hd_live_[A-Za-z0-9]{32}", secret)
    return secret


def me(base: str, secret: str) -> dict[str, Any]:
    request = urllib.request.Request(f"{base}/v1/me", headers={"Authorization": f"Bearer {secret}"})
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def read_the_trail(page: Page) -> None:
    for tag in ("member:invited", "member:joined", "member:role_changed", "api_key:created"):
        expect(page.locator(".hq-action", has_text=tag)).to_have_count(1)
    row = page.get_by_role("row").filter(has_text="member:role_changed")
    row.get_by_role("link").click()
    difference = page.locator(".hq-diff")
    expect(difference).to_contain_text("role")
    expect(difference).to_contain_text("analyst")
    expect(difference).to_contain_text("developer")
    expect(page.get_by_text("This event fits its hash")).to_be_visible()
    page.get_by_role("button", name="Verify chain").click()
    expect(page.get_by_text(re.compile(r"Chain verified\. \d+ events, no gap\."))).to_be_visible()
    expect(page.locator("#hq-side")).to_contain_text("Chain verified")


def test_a_key_is_revoked_only_after_its_name_was_typed(open_browser: Open):
    place = make_place("Alder Peak")
    eyes = open_browser().sign_in(place.owner).expect(400)
    page = eyes.go(f"/o/{place.slug}/live/api-keys/")
    secret = make_key(page)
    page.get_by_role("link", name="I have stored it").click()
    page.get_by_role("link", name="Revoke nightly-backup", exact=True).click()
    revoke = page.get_by_role("button", name="Revoke")
    expect(revoke).to_be_disabled()
    page.get_by_label("Type nightly-backup to confirm").fill("nightly-backup")
    revoke.click()
    expect(page.get_by_text("nightly-backup revoked.")).to_be_visible()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        me(eyes.base, secret)


def test_a_key_begins_with_a_preset_is_rotated_and_both_work(open_browser: Open):
    place = make_place("Alder Peak")
    eyes = open_browser().sign_in(place.owner)
    page = eyes.go(f"/o/{place.slug}/live/api-keys/new")
    page.get_by_label("Name").fill("exporter")
    page.get_by_role("checkbox", name="audit:read").check()
    page.get_by_role("link", name="Read files and links", exact=True).click()
    expect(page.get_by_label("Name")).to_have_value("exporter")  # the page was not loaded again
    expect(page.get_by_role("checkbox", name="audit:read")).not_to_be_checked()
    page.get_by_role("button", name="Create key").click()
    old = shown(page)
    page.get_by_role("link", name="I have stored it").click()
    page.get_by_role("link", name="Rotate exporter", exact=True).click()
    page.get_by_text("24 hours").click()
    page.get_by_role("button", name="Make the new key").click()
    expect(page.get_by_text("23 hours left.")).to_be_visible()
    assert [me(eyes.base, secret)["actor"]["label"] for secret in (old, shown(page))] == ["exporter", "exporter"]


def shown(page: Page) -> str:
    return page.get_by_role("group", name="API key").locator("code").inner_text()
