"""Keys in a real browser: a rotation to its statement, a destruction that two people decide, a key that is not fit."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from hq.authz.roles import Role
from hq.db.context import tenant
from keys.models import Destruction
from tests.browser.conftest import Open
from tests.browser.eyes import Eyes
from tests.factories import Place, make_member, make_person, make_place, run_jobs
from tests.keys.support import settle
from vault import actions as vault

VERIFY = settings.ROOT / "bin" / "verify"


@pytest.fixture
def place(transactional_db: None) -> Place:
    made = make_place("Alder Peak", make_person(name="Inês Carvalho"))
    for number in range(3):
        vault.put_object(actor=made.actor(), path=f"claims/{number}", chunks=[b"content"])
    return made


def keys_of(eyes: Eyes, place: Place) -> Page:
    return eyes.go(f"/o/{place.slug}/live/keys/")


def test_a_rotation_is_started_followed_and_ends_with_a_statement_that_a_stranger_can_check(
    open_browser: Open, place: Place, tmp_path: Path
):
    owner = open_browser().sign_in(place.owner)
    page = keys_of(owner, place)
    page.get_by_role("link", name="Rotate now").click()
    page.get_by_label("Reason").fill("Somebody left")
    page.get_by_role("button", name="Rotate now").click()
    expect(page.get_by_role("heading", name="Rotation in progress")).to_be_visible()
    expect(page.get_by_text("Waits for a worker")).to_be_visible()
    assert owner.faults("keys-waiting") == []

    run_jobs()
    expect(page.get_by_text("when no process can hold it")).to_be_visible()  # the page asks by itself
    expect(page.get_by_role("row", name=re.compile("File contents.*3 of 3.*Done"))).to_be_visible()
    page.reload()
    expect(page.get_by_text("Rotating to version 2")).to_be_visible()
    assert owner.faults("keys-settling") == []

    settle(place.id)
    expect(page.get_by_text("0 rows of Alder Peak were left on version 1 of its key")).to_be_visible(timeout=20_000)
    assert owner.faults("keys-rotated") == []
    check(page, owner, tmp_path)


def check(page: Page, owner: Eyes, tmp_path: Path) -> None:
    """Take the file and the public keys home, and run what stands alone there; then change one byte."""
    with page.expect_download() as download:
        page.get_by_role("link", name="Statement", exact=True).click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps(owner.context.request.get(f"{owner.base}/.well-known/jwks.json").json()))
    assert verified(file, jwks) == 0
    file.write_bytes(file.read_bytes().replace(b'"rows_left":0', b'"rows_left":1'))
    assert verified(file, jwks) == 1
    page.get_by_role("link", name="Check it yourself").click()
    expect(page.get_by_role("group", name="the command that checks the statement")).to_contain_text(file.name)


def verified(file: Path, jwks: Path) -> int:
    done = subprocess.run([sys.executable, VERIFY, file, "--jwks", jwks], check=False, capture_output=True)
    return done.returncode


def test_a_rotation_is_paused_and_goes_on(open_browser: Open, place: Place):
    page = keys_of(open_browser().sign_in(place.owner), place)
    page.get_by_role("link", name="Rotate now").click()
    page.get_by_role("button", name="Rotate now").click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Rotation paused", exact=True)).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("Rotating to version 2")).to_be_visible()


def test_it_is_read_without_a_script(open_browser: Open, place: Place):
    page = keys_of(open_browser(java_script_enabled=False).sign_in(place.owner), place)
    page.get_by_role("link", name="Rotate now").click()
    page.get_by_role("button", name="Rotate now").click()
    run_jobs()
    page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_text("when no process can hold it")).to_be_visible()


def test_destroying_takes_two_people_and_either_calls_it_off(open_browser: Open, place: Place):
    second = make_member(place, Role.ADMIN, name="Tomasz Wrona")
    owner, admin = open_browser().sign_in(place.owner), open_browser(reduced_motion="reduce").sign_in(second)
    ask(keys_of(owner, place), place)
    expect(owner.page.get_by_text("Inês Carvalho asks to destroy every key of Alder Peak.")).to_be_visible()

    page = admin.go(f"/o/{place.slug}/live/")
    expect(page.get_by_text("Decide on destroying a key")).to_be_visible()
    page.get_by_role("link", name="Decide").click()
    page.get_by_role("link", name="Look and decide").click()
    expect(page.get_by_text("The company closes")).to_be_visible()
    assert admin.faults("keys-decide") == []
    agree = page.get_by_role("button", name="Agree, and begin the wait")
    expect(agree).to_have_attribute("aria-disabled", "true")
    page.get_by_label(f"Type {place.slug} to confirm").fill(place.slug)
    agree.click()
    expect(page.get_by_text("Destruction scheduled")).to_be_visible()
    assert admin.faults("keys-scheduled") + admin.faults_in_the_dark("keys-scheduled-dark") == []

    locked = owner.expect(503).go(f"/o/{place.slug}/live/audit/")
    expect(locked.get_by_text("This organization's key is scheduled for deletion on")).to_be_visible()
    assert owner.faults("keys-locked") == []
    locked.get_by_role("link", name="Go to the encryption keys").click()
    owner.page.get_by_role("button", name="Cancel the destruction").click()
    expect(owner.page.get_by_text("Cancelled. Everything is as before.")).to_be_visible()
    owner.go(f"/o/{place.slug}/live/audit/")
    expect(owner.page.locator(".hq-action", has_text="key:destruction_cancelled")).to_have_count(1)


def ask(page: Page, place: Place) -> None:
    page.get_by_role("link", name="Erase the organization’s keys").click()
    expect(page.get_by_role("button", name="Ask to erase Alder Peak")).to_have_attribute("aria-disabled", "true")
    page.get_by_label("Days to wait").fill("7")
    page.get_by_label("Reason").fill("The company closes")
    page.get_by_label(f"Type {place.slug} to confirm").fill(place.slug)
    page.get_by_role("button", name="Ask to erase Alder Peak").click()
    with tenant(place.id):
        assert Destruction.objects.get().days == 7


def test_a_second_person_refuses(open_browser: Open, place: Place):
    second = make_member(place, Role.OWNER, name="Tomasz Wrona")
    ask(keys_of(open_browser().sign_in(place.owner), place), place)
    page = keys_of(open_browser().sign_in(second), place)
    page.get_by_role("link", name="Look and decide").click()
    page.get_by_role("button", name="Refuse").click()
    expect(page.get_by_text("Cancelled. Everything is as before.")).to_be_visible()
    with tenant(place.id):
        assert Destruction.objects.get().state == Destruction.State.CANCELLED


def test_a_key_that_is_not_fit_is_refused_with_what_to_put_right(open_browser: Open, place: Place):
    owner = open_browser().sign_in(place.owner).expect(400)
    page = keys_of(owner, place)
    page.get_by_role("link", name="Bring your own key").click()
    page.get_by_label("ARN of your key").fill("arn:aws:kms:eu-central-1:111122223333:alias/hq")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("Paste the ARN of the key itself")).to_be_visible()
    expect(page.get_by_text("Nothing was changed.")).to_be_visible()
    expect(page.get_by_role("button", name="Move to this key")).to_have_count(0)
    assert owner.faults("keys-bring-refused") == []
