"""Every way of lying in SAML that is known to us, and every way of bringing an answer that is not one's own."""

import re
import socket
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from time import time
from urllib.parse import urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.test import Client
from lxml import etree

from hq.authz.roles import Role
from hq.db.context import tenant
from tenants.models import Organization, User
from tests.directory.support import EMAIL, NAMES, Browser, Saml, add_domain, saml_config, tried
from tests.factories import make_member, make_person, make_place, sign_in
from tests.idp.saml import ATTRIBUTES, FAULTS
from tests.idp.saml_faults import external_entity
from tests.idp.saml_messages import read_request
from tests.idp.saml_wrapping import DS, duplicate, first, text_of

pytestmark = pytest.mark.django_db(transaction=True)

SIGNED = "The Assertion of the Response is not signed"
BROKEN = "Signature validation failed"
ONE = "must contain 1 assertion"
UNREADABLE = "could not be read"
DOMAIN_GATE = "not at a verified domain"
# By which of the guards each is refused, so that none stands in for another.
REASONS = {
    "unsigned": SIGNED,
    "stripped_signature": SIGNED,
    "only_response_signed": SIGNED,
    "sha1": "rsa-sha1, which is not accepted",
    "sha1_digest": "sha1, which is not accepted",
    "another_key": BROKEN,
    "changed_name_id": BROKEN,
    "changed_attribute": BROKEN,
    "added_group": BROKEN,
    **{name: ONE for name in FAULTS if name.startswith("xsw")},
    "two_assertions": ONE,
    "same_id_twice": "Not match the saml-schema",
    "plain_as_encrypted": UNREADABLE,
    "wrong_issuer": "Invalid issuer",
    "wrong_audience": "is not a valid audience",
    "no_audience": "Audience is missing",
    "wrong_recipient": "A valid SubjectConfirmation was not found",
    "recipient_around_ours": "Recipient is missing or another",
    "no_recipient": "Recipient is missing or another",
    "wrong_destination": "The response was received at",
    "destination_beyond_ours": "Destination is missing or another",
    "no_destination": "Destination is missing or another",
    "expired": "expired",
    "not_yet_valid": "not yet valid",
    "never_expires": "never expires",
    "idp_initiated": "Nobody asked for this response",
    "another_request": "This browser did not ask",
    "not_a_success": "was not Success",
    "transient_name_id": "NameID is transient",
    "comment_in_name_id": DOMAIN_GATE,
    "comment_in_email": DOMAIN_GATE,
    "doctype": f"{UNREADABLE} (DTDForbidden)",
    "external_entity": f"{UNREADABLE} (DTDForbidden)",
    "external_parameter": f"{UNREADABLE} (DTDForbidden)",
    "entity_bomb": f"{UNREADABLE} (XMLSyntaxError)",
    "oversize": "too large",
}
BY_NAME_ID = {name: word for name, word in NAMES.items() if name != "email"}  # the address is the NameID


def use(saml: Saml, fault: str) -> None:
    """The connection as the fault needs it."""
    names = BY_NAME_ID if fault == "comment_in_name_id" else NAMES
    saml.set(config=saml_config(saml.idp, attributes=names))


def words_of(page) -> str:
    """What a page says, without what is new on each."""
    return re.sub(r'name="csrf-token" content="\w+"', "", page.content.decode())


def refused(page, browser: Browser) -> bool:
    return page.status_code == 403 and browser.person_id is None


def test_each_fault_is_refused_by_its_own_guard():
    saml = Saml.make(state="DRAFT", tested_at=None)
    tester = Browser(saml, sign_in(saml.place.owner))
    problems = {}
    for name, fault in FAULTS.items():
        use(saml, name)
        problems[name] = tried(tester, **fault).problem
    assert {name: reason for name, reason in REASONS.items() if reason not in problems[name]} == {}
    assert problems.keys() == REASONS.keys()
    assert saml.now("tested_at") is None


def test_each_fault_ends_in_the_same_page_and_changes_nothing():
    saml = Saml.make()
    people = User.objects.count()
    pages = {}
    for name, fault in FAULTS.items():
        use(saml, name)
        browser = Browser(saml)
        page = browser.sign_in(**fault)
        assert refused(page, browser), name
        pages[name] = words_of(page)
    gate = {pages.pop(name) for name in ("comment_in_name_id", "comment_in_email")}
    assert (len(set(pages.values())), len(gate)) == (1, 1)
    assert (User.objects.count(), SocialAccount.objects.count(), saml.role_of()) == (people, 0, None)


RUBBISH = [b"", b"<a/>", b"\xff\xfe", b"<a" * 9000, b"<a>" * 5000]


def test_rubbish_ends_in_that_page_too():
    browser = Browser(Saml.make())
    browser.ask()
    for answer in ("", "!", "not base64 at all", *(b64encode(raw).decode() for raw in RUBBISH)):
        assert refused(browser.answer(answer), browser), answer[:20]
    assert refused(browser.come_back(Client().post(browser.saml.at("acs"))), browser)


def test_an_external_entity_is_not_even_asked_for():
    browser = Browser(Saml.make())
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert refused(browser.sign_in(after=external_entity(address)), browser)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


def with_transform(root):
    transforms = first(root, "//ds:Transforms")
    etree.SubElement(transforms, f"{{{DS}}}Transform", Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116")
    return text_of(root)


def with_comments_signed(root):
    first(root, "//ds:CanonicalizationMethod").set("Algorithm", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments")
    return text_of(root)


def with_hmac(root):
    first(root, "//ds:SignatureMethod").set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
    return text_of(root)


def with_two_references(root):
    duplicate(first(root, "//ds:Reference"))
    return text_of(root)


def test_a_signature_is_worked_on_only_if_all_its_methods_are_listed():
    saml = Saml.make(state="DRAFT", tested_at=None)
    tester = Browser(saml, sign_in(saml.place.owner))
    for change in (with_transform, with_comments_signed, with_hmac):
        assert "which is not accepted" in tried(tester, after=change).problem, change.__name__
    assert "exactly one part" in tried(tester, after=with_two_references).problem


def test_an_assertion_that_is_good_for_days_is_refused():
    browser = Browser(Saml.make())
    assert refused(browser.sign_in(not_on_or_after=timedelta(days=2)), browser)
    to_the_end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - datetime.now(UTC)
    assert refused(browser.sign_in(not_on_or_after=to_the_end), browser)
    assert browser.sign_in(not_on_or_after=timedelta(hours=23)).status_code == 302


def test_a_value_that_is_given_twice_is_not_guessed():
    browser = Browser(Saml.make())
    for name in ("email", "firstName"):
        twice = {**ATTRIBUTES, name: [*ATTRIBUTES[name], "ceo@alder.example"]}
        assert refused(browser.sign_in(attributes=twice), browser), name


def test_more_groups_than_anybody_has_are_refused_and_not_cut():
    browser = Browser(Saml.make())
    assert refused(browser.sign_in(attributes={**ATTRIBUTES, "groups": [str(n) for n in range(600)]}), browser)


# ---- an answer that is somebody else's


def test_an_answer_counts_once_in_the_same_and_in_another_browser():
    saml = Saml.make()
    browser, other = Browser(saml), Browser(saml)
    answer = saml.idp.respond(browser.ask())
    posted = browser.post(answer)
    assert (posted.status_code, browser.post(answer).status_code) == (302, 403)  # before anybody has come back with it
    assert browser.come_back(posted).status_code == 302
    assert browser.person_id
    other.ask()
    assert refused(other.answer(answer), other)
    browser.client.logout()
    assert refused(browser.answer(answer), browser)


def test_an_answer_works_only_in_the_browser_that_asked():
    saml = Saml.make()
    asking, stranger = Browser(saml), Browser(saml)
    stranger.ask()
    posted = asking.post(saml.idp.respond(asking.ask()))
    assert refused(stranger.come_back(posted), stranger)
    assert refused(asking.come_back(posted), asking)  # spent by the attempt


def test_a_browser_that_lost_its_cookies_is_refused():
    browser = Browser(Saml.make())
    posted = browser.post(browser.saml.idp.respond(browser.ask()))
    browser.client.cookies.clear()
    assert refused(browser.come_back(posted), browser)


def test_the_way_back_works_once_and_for_one_connection():
    saml, other = Saml.make(), Saml.make(domain="other.example")
    browser = Browser(saml)
    of_the_other = {**ATTRIBUTES, "email": ["otto@other.example"]}
    posted = browser.post(saml.idp.respond(browser.ask(), attributes=of_the_other))
    query = urlsplit(posted["Location"]).query
    session = browser.session  # as if the other connection had made a request of the same name
    name = next(iter(session["socialaccount_states"]))
    session["socialaccount_states"] = {name: [{"process": "login"}, time(), f"sso-{other.row.id}"]}
    session.save()
    assert browser.client.get(f"{other.at('finish')}?{query}").status_code == 403
    for wrong in ("", "?answer=", "?answer=" + "x" * 43):
        assert browser.client.get(saml.at("finish") + wrong).status_code == 403
    assert browser.person_id is None


def test_one_request_is_answered_once_even_by_two_assertions():
    saml = Saml.make()
    browser = Browser(saml)
    address = browser.ask()
    assert browser.answer(saml.idp.respond(address)).status_code == 302
    browser.client.logout()
    assert refused(browser.answer(saml.idp.respond(address)), browser)


# ---- other tenants


def test_another_organizations_provider_cannot_answer_for_this_one():
    saml, evil = Saml.make(), Saml.make(domain="evil.example")
    for issuer in (None, saml.idp.entity_id):
        browser = Browser(saml)
        assert refused(browser.answer(evil.idp.respond(browser.ask(), issuer=issuer)), browser)


def test_an_answer_for_one_organization_is_no_answer_for_another():
    """Both are customers of the same provider, which signs for both with one key."""
    saml = Saml.make()
    other = Saml(make_place(), saml.idp, Saml.make(domain="other.example", config=saml_config(saml.idp)).row)
    browser = Browser(saml)
    browser.ask()
    meant_for_other = other.idp.respond(Browser(other, browser.client).ask())
    assert refused(browser.answer(meant_for_other), browser)


def test_the_same_name_at_two_providers_is_two_people():
    saml, other = Saml.make(), Saml.make(domain="other.example")
    first_one, second_one = Browser(saml), Browser(other)
    first_one.sign_in(name_id="same")
    second_one.sign_in(name_id="same", attributes={**ATTRIBUTES, "email": ["otto@other.example"]})
    assert None not in {first_one.person_id, second_one.person_id}
    assert first_one.person_id != second_one.person_id


def test_another_organizations_domain_does_not_count():
    """A member of both, even an owner of the other: the provider of one does not speak for the other's addresses."""
    saml = Saml.make()
    place = make_place()
    add_domain(place, "other.example")
    victim = make_member(place, Role.OWNER, "otto@other.example")
    browser = Browser(saml)
    assert refused(browser.sign_in(attributes={**ATTRIBUTES, "email": [victim.email]}), browser)


# ---- the way there and back


def test_neither_the_relay_state_nor_next_leads_to_another_site():
    saml = Saml.make()
    for evil in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        browser = Browser(saml)
        answer = saml.idp.respond(browser.ask(next=evil))
        assert browser.answer(answer, RelayState=evil)["Location"] == "/"
    browser = Browser(saml)
    assert browser.answer(saml.idp.respond(browser.ask(next="/me/")), RelayState="/other/")["Location"] == "/me/"


def test_signing_in_changes_the_key_of_the_session():
    browser = Browser(Saml.make())
    address = browser.ask()
    before = browser.session.session_key
    browser.answer(browser.saml.idp.respond(address))
    assert before
    assert browser.session.session_key != before
    assert not browser.session.exists(before)


def test_a_connection_that_was_switched_off_meanwhile_lets_nobody_in():
    saml = Saml.make()
    at_post, at_return = Browser(saml), Browser(saml)
    answers = [saml.idp.respond(browser.ask()) for browser in (at_post, at_return)]
    posted = at_return.post(answers[1])
    saml.set(state="DISABLED")
    assert refused(at_post.answer(answers[0]), at_post)
    assert refused(at_return.come_back(posted), at_return)
    assert saml.role_of() is None


def test_an_organization_that_is_not_open_lets_nobody_in():
    saml = Saml.make()
    for state in ("SUSPENDED", "CLOSED", "PROVISIONING"):
        browser = Browser(saml)
        answer = saml.idp.respond(browser.ask())
        move(saml, state)
        assert browser.answer(answer).status_code == 404
        assert browser.client.get(saml.at("start")).status_code == 404
        assert browser.person_id is None
        move(saml, "READY")


def move(saml: Saml, state: str) -> None:
    with tenant(saml.place.id):
        Organization.objects.filter(pk=saml.place.id).update(state=state)


def test_without_valkey_nothing_is_accepted(settings):
    browser = Browser(Saml.make())
    answer = browser.saml.idp.respond(browser.ask())
    gone = {**settings.CACHES["default"], "LOCATION": "unix:///nonexistent/valkey.sock"}
    settings.CACHES = {"default": gone}
    page = browser.post(answer)
    assert (page.status_code, browser.person_id) == (503, None)


def test_each_address_takes_only_its_own_methods():
    saml = Saml.make()
    client = Client()
    assert [client.get(saml.at("acs")).status_code, client.put(saml.at("acs")).status_code] == [405, 405]
    for name in ("finish", "metadata"):
        assert client.post(saml.at(name)).status_code == 405
    assert client.get(saml.at("callback")).status_code == 404  # that is another protocol's


def test_no_form_works_from_another_site():
    saml = Saml.make()
    client = Client(enforce_csrf_checks=True)
    for address in ("/sso", saml.at("start")):
        assert client.post(address, {"email": EMAIL}).status_code == 403
    asked = read_request(Browser(saml).ask())
    assert asked.acs_url == settings.BASE_URL + saml.at("acs")


def test_known_and_unknown_people_meet_the_same_page():
    """Of an organization that lets in only whom it invited, and of a domain that is not its own."""
    saml = Saml.make(joins=False)
    make_person("known@alder.example")
    make_person("known@other.example")
    for domain in ("alder.example", "other.example"):
        said = [{**ATTRIBUTES, "email": [f"{who}@{domain}"]} for who in ("known", "unknown")]
        pages = [Browser(saml).sign_in(attributes=attributes, name_id=str(attributes)) for attributes in said]
        assert [page.status_code for page in pages] == [403, 403]
        assert words_of(pages[0]) == words_of(pages[1])
