"""Agreements as outsiders sign them, with nothing but the mail that they get."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, ViewportSize, expect

from signing.actions.drafts import Place as Spot
from signing.models import Agreement, Signer
from signing.paper.render import render_text
from signing.paper.text import read_text
from tests.browser.conftest import Mailbox, Open
from tests.browser.eyes import NARROW, WIDE, Eyes
from tests.browser.test_every_page import STILL, faults_of
from tests.browser.test_second_factors import Device
from tests.factories import Place, make_place, run_jobs
from tests.signing.core.conftest import lapse
from tests.signing.signer.support import CODE
from tests.signing.support import LINK, fresh, person, sent, signer, steps

AT_400 = ViewportSize(width=320, height=225)  # what 400 per cent leaves of 1280 by 900
PARAGRAPH = "Each party keeps to itself what it learns of the other, for three years. " * 12
LONG = "# Purchase of a lighthouse\n\n" + "\n\n".join(f"## Part {n}\n\n{PARAGRAPH}" for n in range(1, 15))


@pytest.fixture
def place(transactional_db: None) -> Place:
    return make_place("Alder Peak")


def long_pdf() -> bytes:
    """Some pages of text, as somebody else's program makes them."""
    return render_text(read_text(LONG), {}, title="Lighthouse", language="en", attachments={}, certificate=None)


def spot(signer: int, kind: str, page: int, y: int, **more: Any) -> Spot:
    return Spot(signer=signer, kind=kind, page=page, x=120_000, y=y, width=300_000, height=40_000, **more)


def open_mail(eyes: Eyes, mailbox: Mailbox, one: Signer) -> Page:
    """The link in the newest message."""
    run_jobs("network")
    found = LINK.findall(mailbox.newest(one.email))
    assert found, mailbox.newest(one.email)
    return eyes.go(f"/sign/{found[0]}")


def come_in(eyes: Eyes, mailbox: Mailbox, one: Signer) -> Page:
    cache.clear()
    page = open_mail(eyes, mailbox, one)
    page.get_by_role("button", name="Send me a code").click()
    give_code(page, mailbox, one)
    expect(page).to_have_url(re.compile(f"/sign/{one.id}/$"))
    return page


def give_code(page: Page, mailbox: Mailbox, one: Signer) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Type the code from your mail")
    code = CODE.search(mailbox.newest(one.email))
    assert code
    page.get_by_label("Code").fill(code[1])
    page.get_by_role("button", name="Go on").click()


def agree(page: Page) -> None:
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Agree and go on").click()


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words)


def draw(page: Page) -> None:
    expect(page.locator(".hq-sign-page canvas").first).to_be_attached()
    page.get_by_label("Draw it").check()
    pad = page.locator("[data-pad]")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box
    for start, end in ((20, 120), (140, 220)):
        page.mouse.move(box["x"] + start, box["y"] + 30)
        page.mouse.down()
        page.mouse.move(box["x"] + end, box["y"] + 70, steps=6)
        page.mouse.up()


def test_a_pdf_is_signed_in_turn_by_name_and_by_hand_with_a_passkey(open_browser: Open, place: Place, mailbox: Mailbox):
    spots = [
        spot(1, "name", 1, 300_000),
        spot(1, "text", 2, 500_000, label="Purpose"),
        spot(1, "signature", 2, 600_000),
        spot(2, "signature", 2, 700_000),
        spot(2, "checkbox", 1, 400_000, label="Paid", required=False),
    ]
    people = [person(1, name="Ada Buyer"), person(2, name="Ben Keeper", turn=2)]
    agreement = sent(place, people, pdf=long_pdf(), places=spots, title="Purchase of a lighthouse", may_delegate=True)
    ada = open_browser(**STILL)
    faults = first_signs(ada, mailbox, agreement)
    ben = open_browser(**STILL)
    faults += second_signs(ben, mailbox, agreement)
    run_jobs()
    page = ben.go(f"/sign/{signer(agreement, 2).id}/")
    heading(page, "Everybody has signed")
    faults += faults_of(ben, "sign_sealed")
    with page.expect_download() as caught:
        page.get_by_role("link", name="Sealed PDF").click()
    assert b"ByteRange" in Path(caught.value.path()).read_bytes()
    page.get_by_role("link", name="Certificate").click()
    faults += faults_of(ben, "sign_certificate")
    faults += all_documents(ada, mailbox, agreement)
    assert not faults, "\n".join(faults)


def first_signs(eyes: Eyes, mailbox: Mailbox, agreement: Agreement) -> list[str]:
    """By name, with the keyboard where a mouse could be used."""
    one = signer(agreement, 1)
    page = open_mail(eyes, mailbox, one)
    faults = faults_of(eyes, "sign_link")
    cache.clear()
    page.get_by_role("button", name="Send me a code").click()
    eyes.expect(400, 403).page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert")).to_contain_text("This is not the code")
    faults += faults_of(eyes, "sign_code")
    give_code(page, mailbox, one)
    heading(page, "Purchase of a lighthouse")
    shown = page.get_by_role("region", name="Page 1 of", exact=False)
    expect(shown.get_by_text("Each party keeps to itself").first).to_be_attached()  # the layer of text
    expect(shown.locator("canvas")).to_be_attached()
    expect(page.locator("[data-where]")).to_have_text(re.compile("Page 1 of [3-9]"))
    faults += faults_of(eyes, "sign_read")
    page.get_by_role("button", name="Larger").press("Enter")
    expect(page.locator("[data-zoomed]")).to_have_text("125 %")
    page.get_by_role("button", name="Smaller").press("Enter")
    agree(page)
    page.get_by_role("button", name="Next field").press("Enter")
    expect(page.locator(":focus")).to_have_text("Ada Buyer")
    page.set_viewport_size(AT_400)
    page.get_by_role("button", name="Next field").press("Enter")
    expect(page.locator("[data-where]")).to_have_text(re.compile("Page 2 of"))
    expect(page.locator(":focus")).to_be_in_viewport(ratio=1)
    page.set_viewport_size(WIDE)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Purpose")).to_be_focused()
    page.keyboard.type("To watch ships")
    expect(page.get_by_role("button", name="To watch ships")).to_be_attached()
    faults += faults_of(eyes, "sign_sign")
    page.get_by_role("button", name="Sign “Purchase of a lighthouse”").click()
    page.get_by_role("link", name="Type your name as your signature").press("Enter")
    faults += faults_of(eyes, "sign_refused")
    page.get_by_label("Your name, as your signature").fill("Ada Buyer")
    page.get_by_role("button", name="Sign “Purchase of a lighthouse”").press("Enter")
    heading(page, "You have signed")
    return faults + faults_of(eyes, "sign_waiting")


def second_signs(eyes: Eyes, mailbox: Mailbox, agreement: Agreement) -> list[str]:
    """By hand, and by a key of their own."""
    Device(eyes)
    one = signer(agreement, 2)
    page = come_in(eyes, mailbox, one)
    page.get_by_role("link", name="Somebody else signs for me").click()
    faults = faults_of(eyes, "sign_delegate")
    page.get_by_role("link", name="Back to the document").click()
    page.get_by_role("link", name="Decline").click()
    faults += faults_of(eyes, "sign_decline")
    page.get_by_role("link", name="Back to the document").click()
    agree(page)
    draw(page)
    page.get_by_role("button", name="Undo").click()
    faults += faults_of(eyes, "sign_drawn")
    page.get_by_role("button", name="Sign with a passkey, too").click()
    heading(page, "Make a passkey first")
    faults += faults_of(eyes, "sign_make_passkey")
    page.get_by_role("button", name="Make a passkey").click()
    heading(page, "Sign with your passkey")
    faults += faults_of(eyes, "sign_passkey")
    page.get_by_role("button", name="Sign “Purchase of a lighthouse”").click()
    heading(page, "Everybody has signed; the document is being sealed")
    told = steps(agreement)[-1]
    facts = json.loads(told.document)["facts"]
    assert (facts["how"], facts["passkey"], facts["label"]) == ("drawn", True, "Sign “Purchase of a lighthouse”")
    assert len(told.detail["signature"]["strokes"]) == 1  # the other was taken back
    return faults


def all_documents(eyes: Eyes, mailbox: Mailbox, agreement: Agreement) -> list[str]:
    cache.clear()
    one = signer(agreement, 1)
    eyes.context.clear_cookies()
    page = eyes.go(f"/sign/documents/{agreement.organization_id}/")
    faults = faults_of(eyes, "documents_ask")
    page.get_by_label("E-mail").fill(one.email)
    page.get_by_role("button", name="Send me a code").click()
    heading(page, "Type the code from your mail")
    faults += faults_of(eyes, "documents_code")
    run_jobs("network")
    give_code(page, mailbox, one)
    expect(page.get_by_role("list", name="Documents").get_by_role("listitem")).to_contain_text("Signed by everybody")
    faults += faults_of(eyes, "documents")
    page.get_by_role("button", name="Open Purchase of a lighthouse").click()
    heading(page, "Everybody has signed")
    eyes.expect(404).page.get_by_role("button", name="Not you, or not your device? Leave").press("Enter")
    heading(page, "You have left")
    page.go_back()
    heading(page, "This link cannot be opened")
    return faults


TEXT = """# Tenancy of a boat

The rent is **40** a month. Begins [[date:1 First day]], for [[text:1 Purpose?]]. Keys taken: [[checkbox:1 Keys]].

Initials [[initials:1]], signed [[signature:1]], and by the owner [[signature:2]].

| For the tenant | For the owner |
|---|---|
| [[name:1]] | [[date:2 Day of handing over]] |
"""


def test_a_text_is_signed_without_script_handed_on_declined_and_expires(
    open_browser: Open, place: Place, mailbox: Mailbox
):
    people = [person(1, name="Ada Tenant"), person(2, name="Ben Owner")]
    agreement = sent(place, people, text=TEXT, title="Tenancy of a boat", may_delegate=True)
    ada, one = open_browser(**STILL, java_script_enabled=False), signer(agreement, 1)
    page = come_in(ada, mailbox, one)
    agree(page)
    page.get_by_label("Purpose").fill("Fishing")
    page.get_by_label("Keys").check()
    expect(page.get_by_label("Draw it")).to_be_hidden()
    page.get_by_label("Your name, as your signature").fill("Ada Tenant")
    page.get_by_label("Your initials").fill("AT")
    page.get_by_role("button", name="Finish later").click()
    expect(page.get_by_text("What you filled in is kept.")).to_be_visible()
    expect(page.get_by_label("Purpose")).to_have_value("Fishing")
    page.get_by_label("Your name, as your signature").fill("Ada Tenant")
    page.get_by_label("Your initials").fill("AT")
    page.get_by_role("button", name="Sign “Tenancy of a boat”").click()
    heading(page, "You have signed")

    ben = open_browser(**STILL)
    page = come_in(ben, mailbox, signer(agreement, 2))
    agree(page)
    faults = faults_of(ben, "sign_text")
    page.set_viewport_size(NARROW)
    page.get_by_label("Day of handing over").scroll_into_view_if_needed()
    expect(page.get_by_label("Day of handing over")).to_be_in_viewport(ratio=1)
    page.set_viewport_size(WIDE)
    page.get_by_role("link", name="Somebody else signs for me").click()
    page.get_by_label("Their name").fill("Cleo Deputy")
    page.get_by_label("Their e-mail address").fill("cleo@signer.example")
    page.get_by_role("button", name="Hand it on").click()
    heading(page, "You have handed this on")
    faults += faults_of(ben, "sign_delegated")

    cleo = open_browser(**STILL)
    page = come_in(cleo, mailbox, signer(agreement, 3))
    expect(page.get_by_text("Fishing")).to_be_visible()
    page.get_by_role("link", name="Decline").click()
    page.get_by_label("Why").fill("The boat leaks")
    page.get_by_role("button", name="Decline").click()
    heading(page, "You have declined")
    faults += faults_of(cleo, "sign_declined")
    heading(ada.go(f"/sign/{one.id}/"), "Somebody has declined")
    assert fresh(agreement).state == "declined"

    late = sent(place, [person(4)])
    page = come_in(cleo, mailbox, signer(late))
    lapse(late)
    page.reload()
    heading(page, "The time to sign is over")
    faults += faults_of(cleo, "sign_expired")
    assert not faults, "\n".join(faults)


def test_fields_in_a_text_stay_on_its_paper_on_a_small_screen(open_browser: Open, place: Place, mailbox: Mailbox):
    text = "Between Alder Peak and [[name:1]].\n\n[[text:1 Company?]] [[date:1]]\n\n[[signature:1]]"
    one = signer(sent(place, [person(1)], text=text))
    eyes = open_browser(viewport=NARROW)
    page = come_in(eyes, mailbox, one)
    agree(page)
    expect(page.get_by_label("Company")).to_be_visible()
    paper = page.locator(".hq-sign-text").bounding_box()
    boxes = [box.bounding_box() for box in page.locator(".hq-sign-text input").all()]
    assert paper
    assert len(boxes) == 3
    assert all(box and box["x"] + box["width"] < paper["x"] + paper["width"] for box in boxes)
    assert not eyes.faults("fields_in_a_text")
