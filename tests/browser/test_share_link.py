"""A share link's whole life, with a sender, a recipient and a stranger."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hq.db.context import tenant
from hq.lib.clock import now
from sharing.actions import links
from tests.browser.conftest import Open
from tests.browser.eyes import Eyes
from tests.factories import Place, make_place
from vault import actions as vault

FILES = {"claims/method.md": b"# Method\n", "claims/register.csv": b"claim,amount\n1,17\n" * 4000}
DEAD = "This link cannot be opened"


@pytest.fixture
def place(transactional_db: None) -> Place:
    place = make_place("Alder Peak")
    for path, content in FILES.items():
        vault.put_object(actor=place.actor(), path=path, chunks=[content])
    return place


def share(sender: Eyes, place: Place) -> str:
    """From the ticked files to the copied address, and on to the link's life."""
    page = sender.go(f"/o/{place.slug}/live/files/?folder=claims/")
    for name in ("method.md", "register.csv"):
        page.get_by_label(f"Select {name}").check()
    page.get_by_role("region", name="Selection").get_by_role("button", name="Share").click()
    expect(page.get_by_role("heading", name="Share 2 files")).to_be_visible()
    page.get_by_label(re.compile("^Purpose|^What")).fill("Q3 claims for the audit")
    page.get_by_role("button", name="Create link").click()
    expect(page.get_by_text("Copy it now. It is shown once.").first).to_be_visible()
    field = page.get_by_role("group", name="Share link")
    field.get_by_role("button").click()
    expect(field.get_by_text("Copied").first).to_be_visible()
    url = field.locator("code").inner_text()
    assert page.evaluate("navigator.clipboard.readText()") == url
    page.get_by_role("link", name="I have stored it").click()
    expect(page.get_by_text("Nobody has opened it.")).to_be_visible()
    assert url not in page.content()
    return url


def fetch(page: Page, path: str) -> bytes:
    with page.expect_download() as caught:
        page.get_by_role("link", name=f"Download {path}").click()
    return Path(caught.value.path()).read_bytes()


def refused(eyes: Eyes, url: str) -> str:
    """The neutral page, and everything on it but the id of the request."""
    eyes.expect(404).go(url)
    expect(eyes.page.get_by_role("heading", name=DEAD)).to_be_visible()
    expect(eyes.page.get_by_text("Ask the person who sent it for a new one.")).to_be_visible()
    return re.sub(r"req_\w+", "", eyes.page.locator("body").inner_text())


def test_a_link_opens_once_and_everybody_else_gets_the_same_neutral_page(open_browser: Open, place: Place):
    sender = open_browser(permissions=["clipboard-read", "clipboard-write"]).sign_in(place.owner)
    url = share(sender, place)

    scanner, recipient, stranger = open_browser(), open_browser(accept_downloads=True), open_browser()
    for _ in range(2):  # looking uses nothing up
        expect(scanner.go(url).get_by_role("heading", level=1)).to_contain_text("shared 2 files with you")
    page = recipient.go(url)
    expect(page.get_by_text("Q3 claims for the audit")).to_be_visible()
    expect(page.locator("body")).to_contain_text("Alder Peak")
    page.get_by_role("button", name="Open the files").click()
    expect(page).to_have_url(re.compile(r"/shared/$"))
    for path, content in FILES.items():
        assert fetch(page, path) == content

    spent = refused(stranger, url)
    tampered = refused(stranger, url[:-9] + ("A" if url[-9] != "A" else "B") + url[-8:])
    made_up = refused(stranger, f"{sender.base}/s/hqs_{'A' * 200}")
    assert spent == tampered == made_up == refused(recipient, url)

    page = sender.page
    page.reload()
    life = page.locator(".hq-timeline")
    for word in ("looked at, not opened", "Opened", "downloaded", "Refused: already opened", "Refused: "):
        expect(life).to_contain_text(re.compile(word, re.IGNORECASE))
    page.get_by_role("button", name="Revoke now").click()
    expect(page.get_by_text(re.compile("Revoked by .* It gives nothing any more"))).to_be_visible()
    recipient.expect(404).go("/shared/")
    expect(recipient.page.get_by_role("heading", name=DEAD)).to_be_visible()


def expired_link(place: Place, monkeypatch: pytest.MonkeyPatch) -> str:
    """One that was made two minutes ago to live for one."""
    with monkeypatch.context() as earlier, tenant(place.id):
        earlier.setattr(links, "now", lambda: now() - timedelta(minutes=2))
        made = links.create_share(actor=place.actor(), paths=list(FILES), permission="read", ttl_seconds=60)
    return made.url


def test_an_expired_and_a_revoked_link_look_like_one_that_never_was(
    open_browser: Open, place: Place, monkeypatch: pytest.MonkeyPatch
):
    sender = open_browser(permissions=["clipboard-read", "clipboard-write"]).sign_in(place.owner)
    stranger = open_browser()
    never = refused(stranger, f"{sender.base}/s/hqs_{'A' * 200}")
    assert refused(stranger, expired_link(place, monkeypatch)) == never
    url = share(sender, place)
    sender.page.get_by_role("button", name="Revoke now").click()
    expect(sender.page.get_by_text("It gives nothing any more")).to_be_visible()
    assert refused(stranger, url) == never
    sender.go(f"/o/{place.slug}/live/shares/")
    expect(sender.page.get_by_role("row", name=re.compile("Expired"))).to_contain_text("Refused once")
