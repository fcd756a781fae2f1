"""To an identity provider on another site and back, with a browser's own rules for cookies and forms."""

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.directory.support import EMAIL, Saml, saml_config
from tests.idp.saml_site import serve


def test_who_is_not_invited_is_led_there_and_back_and_told_whom_to_ask(open_browser: Open):
    saml = Saml.make(joins=False)
    with serve(saml.idp) as site:  # 127.0.0.1, where HQ is localhost: another site
        saml.set(config=saml_config(saml.idp, sso_url=site.sso_url))
        eyes = open_browser().expect(400, 403)
        page = eyes.go("/account/login/")
        page.get_by_role("link", name="Use single sign-on").click()
        page.get_by_label("Work e-mail").fill("ines@nobodys.example")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("alert")).to_contain_text("There is no single sign-on for this address")
        assert eyes.faults("sso-unknown") == []
        page.get_by_label("Work e-mail").fill(EMAIL)
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("heading", name="Identity provider").wait_for()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("Ask one of its owners or admins")).to_be_visible()
        assert eyes.faults("sso-refused") == []
        page.get_by_role("link", name="Back to sign-in").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
