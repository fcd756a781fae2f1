"""Single sign-on in a real browser: from nothing to a member who comes in by the organization's own provider."""

import re
from ipaddress import ip_network
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.conftest import Open
from tests.browser.eyes import Eyes
from tests.factories import Place, make_person, make_place
from tests.idp.saml import SamlIdp
from tests.idp.saml_messages import ATTRIBUTES
from tests.idp.saml_site import SamlSite, serve
from tests.lib.test_txt_records import NameServer, answering, records

DOMAIN, ADDRESS = "alder.example", ATTRIBUTES["email"][0]


@pytest.fixture
def place(transactional_db: None) -> Place:
    return make_place("Alder Peak", make_person(name="Inês Carvalho"))


def test_an_admin_connects_a_provider_and_a_member_comes_in_by_it(open_browser: Open, place: Place, settings: Any):
    settings.OUTBOUND_NETWORKS = [ip_network("127.0.0.0/8")]
    with serve(SamlIdp.make()) as site, answering(records()) as dns_server:
        settings.DNS_SERVERS = [dns_server.address]
        admin = open_browser(reduced_motion="reduce").sign_in(place.owner)
        connect(admin, place, site)
        verify(admin, dns_server)
        switch_on(admin)
        come_in(open_browser(), place)


def connect(admin: Eyes, place: Place, site: SamlSite) -> None:
    page = admin.go(f"/o/{place.slug}/live/")
    page.get_by_role("link", name="Single sign-on").click()
    expect(page.get_by_text("Sign in where you sign in for everything else")).to_be_visible()
    page.get_by_role("link", name="Connect a provider").click()
    page.get_by_label("Okta").check()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("group", name="Audience URI (SP Entity ID)")).to_contain_text("/metadata")
    expect(page.get_by_role("group", name="Single sign-on URL")).to_contain_text("/acs")
    admin.expect(400)
    upload(page, b"<html></html>")
    expect(page.get_by_text("This is not the metadata of a SAML identity provider.").first).to_be_visible()
    upload(page, site.metadata.encode())
    expect(page.get_by_text("Saved. Now test it with a real sign-in.")).to_be_visible()


def upload(page: Page, content: bytes) -> None:
    file = FilePayload(name="metadata.xml", mimeType="text/xml", buffer=content)
    page.get_by_label("Metadata file").set_input_files(file)
    page.get_by_role("button", name="Upload").click()


def verify(admin: Eyes, dns_server: NameServer) -> None:
    page = admin.page
    here = page.url
    page.get_by_role("link", name="Verify a domain").click()
    page.get_by_label("Domain", exact=True).fill(f"{DOMAIN.upper()}.")
    page.get_by_role("button", name="Add domain").click()
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text(f"There is no TXT record at _hq-challenge.{DOMAIN} yet.")).to_be_visible()
    assert admin.faults_in_every_look("domain-not-found") == []
    value = page.get_by_role("group", name="the value of the record").locator("code").inner_text()
    dns_server.answer = records(f'_hq-challenge.{DOMAIN}. TXT "{value}"')
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text("Verified. People with addresses there can sign in")).to_be_visible()
    admin.go(here)


def switch_on(admin: Eyes) -> None:
    page = admin.page
    page.get_by_role("button", name="Test now").click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text(f"It works. An account would be made for {ADDRESS}, and join as analyst.")).to_be_visible()
    assert admin.faults_in_every_look("sso-tested") == []
    page.get_by_label("Group 1", exact=True).fill("Engineering")
    page.get_by_label("Role of group 1").select_option("developer")
    page.get_by_role("button", name="Save roles").click()
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("Switched on. Members sign in by it from now on.")).to_be_visible()
    assert admin.faults("sso-on") == []


def come_in(member: Eyes, place: Place) -> None:
    page = member.go("/sso")
    page.get_by_label(re.compile("e-?mail", re.IGNORECASE)).fill(ADDRESS)
    page.get_by_role("main").get_by_role("button").first.click()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(re.compile(rf".*/o/{place.slug}/.*|.*/organizations/?.*"))
    page = member.go(f"/o/{place.slug}/live/")
    expect(page.get_by_text("Ines Alder").first).to_be_attached()
    page.goto(f"{member.base}/o/{place.slug}/live/shares/")  # what a developer may see, and an analyst may not
    expect(page.get_by_role("heading", name="Share links")).to_be_visible()
