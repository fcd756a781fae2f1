"""Second factors in a real browser, with an authenticator that Chromium itself plays."""

import re
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from playwright.sync_api import CDPSession, Page, expect

from tenants.models import User
from tests.browser.conftest import Mailbox, Open
from tests.browser.eyes import Eyes
from tests.browser.test_every_page import STILL, faults_of
from tests.factors import PASSWORD, App, Clock, clock, with_password

__all__ = ["clock"]
SECURITY = "/account/2fa/"


class Device:
    """A telephone or a laptop with passkeys, or a plain security key."""

    def __init__(self, eyes: Eyes, *, plain: bool = False) -> None:
        self.cdp: CDPSession = eyes.context.new_cdp_session(eyes.page)
        self.cdp.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "usb" if plain else "internal",
            "hasResidentKey": not plain,
            "hasUserVerification": not plain,
            "isUserVerified": not plain,
            "automaticPresenceSimulation": True,
        }
        self.id = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    @property
    def credentials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.id})[
            "credentials"
        ]
        return found

    def forget_everything(self) -> None:
        self.cdp.send("WebAuthn.clearCredentials", {"authenticatorId": self.id})


@pytest.fixture
def person(transactional_db: None) -> User:
    return with_password("maren@alderpeak.example")


@pytest.fixture
def eyes(open_browser: Open, person: User) -> Eyes:
    made = open_browser(accept_downloads=True)
    made.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return made


def give_password(eyes: Eyes, person: User) -> Page:
    page = eyes.go("/account/login/")
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    return page


def confirm_if_asked(page: Page) -> None:
    """By the password, where it was not given just now."""
    expect(page.get_by_role("heading", level=1, name=re.compile("Confirm it is you|^\\s*Add a"))).to_be_visible()
    if not page.get_by_role("heading", name="Confirm it is you").count():
        return
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def signed_in(page: Page) -> None:
    page.wait_for_url(re.compile(r".*/organizations/.*"))


def sign_out(eyes: Eyes) -> None:
    eyes.go("/account/logout/").get_by_role("main").get_by_role("button", name="Sign out").click()
    eyes.page.wait_for_url(re.compile(r".*/account/login/.*"))


def add_key(eyes: Eyes, name: str, *, alone: bool = True) -> Page:
    """From the page of sign-in and security; the password is asked for where it has not just been given."""
    page = eyes.go(SECURITY)
    page.get_by_role("link", name="Add a passkey or key").click()
    confirm_if_asked(page)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Sign in with it alone").set_checked(alone)
    page.get_by_role("button", name="Continue in the browser").click()
    expect(page.get_by_role("heading", level=1, name=re.compile("Recovery codes|Sign-in"))).to_be_visible()
    return page


def test_a_passkey_is_added_signs_in_alone_confirms_and_is_removed(eyes: Eyes, person: User, mailbox: Mailbox):
    device = Device(eyes)
    give_password(eyes, person)
    signed_in(eyes.page)
    page = add_key(eyes, "Maren’s laptop")
    assert len(device.credentials) == 1
    page.get_by_role("link", name="I have saved them").click()
    row = page.get_by_role("listitem").filter(has_text="Maren’s laptop")
    expect(row).to_contain_text("Passkey")
    expect(row).to_contain_text("Not used yet")
    assert "A passkey or security key was added" in mailbox.newest(person.email)

    sign_out(eyes)
    page.get_by_role("button", name="Sign in with a passkey").click()
    signed_in(page)
    eyes.go(SECURITY)
    expect(row).to_contain_text("Last used")

    row.get_by_role("link", name="Remove").click()
    page.get_by_role("link", name=re.compile("security key", re.IGNORECASE)).click()  # instead of the password
    page.get_by_role("button", name="Confirm with a passkey or key").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Nothing but one step stands before your account")).to_be_visible()
    assert not Authenticator.objects.exists()
    assert "was removed" in mailbox.newest(person.email)

    sign_out(eyes)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("This passkey or security key was not accepted.")).to_be_visible()


def test_a_security_key_is_the_second_step_and_never_the_only_one(eyes: Eyes, person: User):
    Device(eyes, plain=True)
    give_password(eyes, person)
    page = add_key(eyes, "Blue key", alone=False)
    expect(page.get_by_role("list", name="Recovery codes")).to_be_visible()
    sign_out(eyes)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_have_text("It was not used. You can try again.")
    give_password(eyes, person)
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    page.get_by_role("button", name="Use a passkey or security key").click()
    signed_in(page)


def test_a_name_can_be_changed_and_the_same_device_is_not_added_twice(eyes: Eyes, person: User):
    Device(eyes)
    give_password(eyes, person)
    page = add_key(eyes, "Old name")
    page.get_by_role("link", name="I have saved them").click()
    page.get_by_role("link", name="Rename").click()
    page.get_by_label("Name").fill("New name")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("listitem").filter(has_text="New name")).to_be_visible()
    page.get_by_role("link", name="Add a passkey or key").click()
    page.get_by_role("button", name="Continue in the browser").click()
    expect(page.get_by_role("alert")).to_have_text("This one is part of your account already.")


def test_without_the_device_the_page_says_so_and_recovery_codes_help(eyes: Eyes, person: User):
    device = Device(eyes)
    give_password(eyes, person)
    page = add_key(eyes, "Lost")
    codes = page.get_by_role("list", name="Recovery codes").get_by_role("listitem").all_text_contents()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download").click()
    assert Path(saved.value.path()).read_text().split() == codes
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_attached()
    assert page.evaluate("navigator.clipboard.readText()").split() == codes
    page.reload()
    expect(page.get_by_text("are not shown again")).to_be_visible()

    device.forget_everything()
    sign_out(eyes)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_have_text("It was not used. You can try again.")
    give_password(eyes, person)
    page.get_by_label("Code").fill(codes[4])
    page.get_by_role("button", name="Sign in", exact=True).click()
    signed_in(page)
    eyes.go(SECURITY)
    expect(page.get_by_text("9 codes left")).to_be_visible()


def add_app(eyes: Eyes, clock: Clock) -> App:
    page = eyes.go(SECURITY)
    page.get_by_role("link", name="Add an app").click()
    confirm_if_asked(page)
    expect(page.get_by_role("img", name="QR code for an authenticator app")).to_be_visible()
    app = App(page.locator("code").inner_text().replace(" ", ""), clock)
    page.get_by_label("Code from the app").fill(app.code())
    page.get_by_role("button", name="Add the app").click()
    expect(page.get_by_role("list", name="Recovery codes")).to_be_visible()
    return app


def test_an_app_needs_no_script(open_browser: Open, person: User, clock: Clock):
    eyes = open_browser(java_script_enabled=False)
    give_password(eyes, person)
    signed_in(eyes.page)
    expect(eyes.go("/account/login/").get_by_role("button", name="passkey")).to_have_count(0)
    app = add_app(eyes, clock)
    sign_out(eyes)
    page = give_password(eyes, person)
    page.get_by_label("Code").fill(app.next_code())
    page.get_by_role("button", name="Sign in", exact=True).click()
    signed_in(page)


def test_pages_behind_a_factor_are_without_fault(open_browser: Open, person: User, clock: Clock):
    eyes = open_browser(**STILL)
    Device(eyes)
    give_password(eyes, person)
    signed_in(eyes.page)
    app = add_app(eyes, clock)
    faults = faults_of(eyes, "mfa_codes_shown")
    add_key(eyes, "Maren’s laptop")
    key = Authenticator.objects.get(type="webauthn").pk
    faults += faults_of(eyes, "mfa_all")
    pages = {"totp": "totp/deactivate/", "codes": "recovery-codes/", "generate": "recovery-codes/generate/"}
    pages |= {"remove": f"webauthn/keys/{key}/remove/", "rename": f"webauthn/keys/{key}/edit/"}
    pages |= {"reauthenticate": "reauthenticate/", "reauthenticate_key": "webauthn/reauthenticate/"}
    for name, path in pages.items():
        eyes.go(SECURITY + path)
        assert eyes.page.url.endswith(path)
        faults += faults_of(eyes, f"mfa_{name}")
    sign_out(eyes)
    page = give_password(eyes, person)
    faults += faults_of(eyes, "mfa_second_step")
    page.get_by_label("Code").fill("1")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    faults += faults_of(eyes, "mfa_second_step_refused")
    page.get_by_label("Code").fill(app.next_code())
    page.get_by_role("button", name="Sign in", exact=True).click()
    signed_in(page)
    assert not faults, "\n".join(faults)
