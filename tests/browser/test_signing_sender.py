"""An agreement from its upload to its sending, in a browser: fields placed by key, by mouse, and without script."""

import pytest
from playwright.sync_api import Page, expect

from hq.db.context import tenant
from signing import selectors
from signing.actions import drafts, templates
from signing.models import Agreement
from tests.browser.conftest import Open
from tests.browser.eyes import Eyes
from tests.factories import Place, make_place
from tests.signing import support

TITLE = "Lease of the survey office"


@pytest.fixture
def place(transactional_db: None) -> Place:
    return make_place("Alder Peak")


def patient(eyes: Eyes, place: Place) -> Eyes:
    """A busy machine judges the PDF in a process of its own for a while."""
    eyes.context.set_default_timeout(60_000)
    expect.set_options(timeout=30_000)
    return eyes.sign_in(place.owner)


def begin(page: Page) -> None:
    page.get_by_label("Title").fill(TITLE)
    page.get_by_label("PDF", exact=True).set_input_files(
        {"name": "lease.pdf", "mimeType": "application/pdf", "buffer": support.pdf_of(2)}
    )
    page.get_by_role("button", name="Go on to people").click()


def name(page: Page, number: int, email: str) -> None:
    person = page.get_by_role("group", name=f"Person {number}")
    person.get_by_label("Name").fill(f"Person {number}")
    person.get_by_label("E-mail").fill(email)


def fields_of(place: Place) -> list[tuple[int, str, int, int, int, int, int]]:
    with tenant(place.id):
        found = selectors.list_fields(Agreement.objects.get())
        return [(one.signer.position, one.kind, one.page, one.x, one.y, one.width, one.height) for one in found]


def test_an_agreement_is_prepared_by_keyboard_and_mouse_and_sent(open_browser: Open, place: Place) -> None:
    eyes = patient(open_browser(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce"), place)
    page = eyes.go(f"/o/{place.slug}/live/agreements/new")
    begin(page)
    name(page, 1, "one@signer.example")
    page.get_by_role("button", name="Add a person").press("Enter")
    expect(page.get_by_role("group", name="Person 2")).to_be_visible()
    name(page, 2, "two@signer.example")
    page.get_by_role("button", name="Move person 2 up").press("Enter")
    expect(page.get_by_label("E-mail").first).to_have_value("two@signer.example")
    page.get_by_role("button", name="Save and go on").click()

    page.get_by_role("button", name="Signature").press("Enter")
    box = page.get_by_role("button", name="Signature of 1. Person 2, page 1")
    expect(box).to_be_focused()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Shift+ArrowRight", "Alt+ArrowUp"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Date").press("Enter")
    page.keyboard.press("Delete")
    expect(page.get_by_role("group", name="Field 2")).to_have_count(0)

    page.get_by_role("button", name="Page after").click()
    page.locator("#new_signer").select_option("2")
    page.get_by_role("button", name="Signature", exact=True).click()
    second = page.get_by_role("button", name="Signature of 2. Person 1, page 2")
    at, sheet = second.bounding_box(), page.locator("[data-over]").bounding_box()
    assert at
    assert sheet
    page.mouse.move(at["x"] + 10, at["y"] + 10)
    page.mouse.down()
    page.mouse.move(at["x"] + 10 + sheet["width"] / 10, at["y"] + 10, steps=4)
    page.mouse.up()
    page.mouse.move(at["x"] + 2000, at["y"] - 5000)
    row = page.get_by_role("group", name="Field 2")
    expect(row.get_by_label("Left")).to_have_value("20")
    row.get_by_label("Top").fill("70.25")
    page.get_by_role("button", name="Save and go on").click()
    expect(page.get_by_label("Message")).to_be_visible()
    first, other = fields_of(place)
    assert first[:3] == (1, "signature", 1)
    assert first[3:] == (110_000, 264_000, 305_000, 50_000)
    assert other == (2, "signature", 2, 200_000, 702_500, 300_000, 50_000)

    page.get_by_label("Message").fill("As discussed.")
    page.get_by_role("button", name="Go on to review").click()
    page.get_by_role("button", name="Send it").click()
    expect(page.get_by_text(f"{TITLE} is out.")).to_be_visible()
    expect(page.get_by_text("0 of 2")).to_be_visible()
    assert not eyes.faults_in_every_look("signing_sent")


def test_fields_are_placed_by_numbers_where_no_script_runs(open_browser: Open, place: Place) -> None:
    eyes = patient(open_browser(java_script_enabled=False), place).expect(400)
    page = eyes.go(f"/o/{place.slug}/live/agreements/new")
    begin(page)
    name(page, 1, "one@signer.example")
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_label("Field", exact=True).select_option("signature")
    page.get_by_role("button", name="Add a field").click()
    row = page.get_by_role("group", name="Field 1")
    row.get_by_label("Page").fill("3")
    page.get_by_role("button", name="Save and go on").last.click()
    expect(page.get_by_text("The document has 2 pages.").first).to_be_visible()
    row.get_by_label("Page").fill("2")
    page.get_by_role("button", name="Save and go on").last.click()
    expect(page.get_by_label("Message")).to_be_visible()
    assert fields_of(place) == [(1, "signature", 2, 100_000, 800_000, 300_000, 50_000)]


def names_of(page: Page) -> list[str]:
    return [box.input_value() for box in page.get_by_label("E-mail").all()]


def test_people_are_dragged_to_another_place(open_browser: Open, place: Place) -> None:
    eyes = patient(open_browser(viewport={"width": 1440, "height": 1400}, reduced_motion="reduce"), place)
    draft = support.make_agreement(place, support.people_of(3))
    page = eyes.go(f"/o/{place.slug}/live/agreements/{draft.id}/people")
    first, second, third = names_of(page)

    def take(number: int, to: int) -> None:
        grip = page.locator("[data-grip]").nth(number)
        row = page.get_by_role("group", name=f"Person {to + 1}", exact=True)
        at, there = grip.bounding_box(), row.bounding_box()
        assert at
        assert there
        page.mouse.move(at["x"] + 5, at["y"] + 5)
        page.mouse.down()
        page.mouse.move(at["x"] + 5, there["y"] + there["height"] * (0.9 if to > number else 0.1), steps=5)

    take(2, 0)
    expect(page.locator(".hq-person[data-before]")).to_have_count(1)
    page.mouse.up()
    expect(page.get_by_label("E-mail").first).to_have_value(third)
    assert names_of(page) == [third, first, second]
    take(0, 1)
    page.mouse.up()
    expect(page.get_by_label("E-mail").first).to_have_value(first)
    take(2, 0)
    page.keyboard.press("Escape")
    page.mouse.up()
    assert names_of(page) == [first, third, second]
    page.get_by_role("button", name="Save and go on").click()
    expect(page.get_by_role("heading", name="People")).to_have_count(0)
    with tenant(place.id):
        assert [one.email for one in selectors.list_signers(draft)] == [first, third, second]


def test_the_fields_of_a_template_are_moved_in_place(open_browser: Open, place: Place) -> None:
    people = support.people_of(2)
    draft = support.make_agreement(place, people, pdf=support.pdf_of(2))
    with tenant(place.id):
        drafts.set_fields(actor=place.actor(), agreement_id=draft.id, places=support.places_for(people))
        made = templates.keep_as_template(actor=place.actor(), agreement_id=draft.id, name="Lease")
        before = templates.places_in(made)[0]
    eyes = patient(open_browser(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce"), place)
    page = eyes.go(f"/o/{place.slug}/live/agreements/templates/{made.id}")
    page.get_by_role("link", name="Change the fields").click()
    box = page.locator(".hq-box:visible").first
    box.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    assert not eyes.faults_in_every_look("template_fields")
    page.get_by_role("button", name="Keep these fields").click()
    expect(page.get_by_text("Fields changed.")).to_be_visible()
    with tenant(place.id):
        after = templates.places_in(templates.get_template(place.actor(), made.id))
    assert after[0].x == before.x + 10_000
    assert len(after) == len(people)
