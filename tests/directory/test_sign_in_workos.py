"""Signing in by WorkOS, which speaks for many organizations with one key."""

import pytest

from hq.authz.roles import Role
from hq.db.context import tenant
from tests.directory.oidc_support import DOMAIN, EMAIL, Browser, Sso, from_somewhere
from tests.factories import session_of
from tests.idp.browsing import LOOPBACK, asked
from tests.idp.loopback import s256
from tests.idp.workos import API_KEY, CLIENT_ID, CONNECTION, ORGANIZATION

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def broker(workos, settings, monkeypatch):
    settings.OUTBOUND_NETWORKS = LOOPBACK
    settings.WORKOS_ADDRESS = workos.address
    monkeypatch.setattr("hq.web.outbound.SECONDS", 2.0)


@pytest.mark.parametrize("bound", [{"connection": CONNECTION}, {"organization": ORGANIZATION}])
def test_a_new_person_comes_in_and_is_a_member(workos, bound):
    sso = Sso.workos(workos, **bound)
    browser = Browser(sso)
    url = browser.ask()
    given = asked(url)
    assert {name: given[name] for name in ("connection", "organization") if name in given} == bound
    assert {"scope", "nonce"}.isdisjoint(given)
    assert browser.bring(workos.authorize(url)).status_code == 302
    assert (browser.somebody.email, browser.somebody.name) == (EMAIL, "Ines Alder")
    assert sso.role_of() == Role.ANALYST
    assert session_of(browser.client)["hq.sso"][str(sso.place.id)]["mfa"] is False
    [exchange] = [request.values for request in workos.asked if request.path == "/sso/token"]
    assert (exchange["client_id"], exchange["client_secret"]) == (CLIENT_ID, API_KEY)
    assert s256(exchange["code_verifier"]) == given["code_challenge"]


def test_the_connection_is_asked_for_where_both_are_known_and_both_are_checked(workos):
    sso = Sso.workos(workos, connection=CONNECTION, organization=ORGANIZATION)
    browser = Browser(sso)
    given = asked(browser.ask())
    assert given["connection"] == CONNECTION
    assert "organization" not in given
    workos.profile = {"organization_id": "org_stranger"}
    assert browser.sign_in().status_code == 403


def test_groups_give_roles(workos):
    workos.profile = {"groups": ["Ops", {"name": "owner"}]}
    sso = Sso.workos(workos)
    with tenant(sso.place.id):
        sso.row.groups = {"Ops": "auditor"}
        sso.row.save()
    Browser(sso).sign_in()
    assert sso.role_of() == Role.AUDITOR


LIES = {
    "another connection": {"connection_id": "conn_stranger"},
    "no connection": {"connection_id": None},
    "no id": {"id": None},
    "an id that is no text": {"id": ["prof_01HQINES"]},
    "an empty id": {"id": ""},
    "an id too long": {"id": "p" * 192},
    "no address": {"email": None},
    "an address that is no text": {"email": ["ines@alderpeak.example"]},
    "an address of somebody else's domain": {"email": "ines@birch.example"},
}


def test_nobody_comes_in_by_a_profile_that_is_not_of_this_connection(workos):
    sso = Sso.workos(workos)
    browser = Browser(sso)
    for name, lie in LIES.items():
        workos.profile = lie
        browser.new()
        assert (browser.sign_in().status_code, browser.person, sso.role_of()) == (403, None, None), name
    workos.profile = {}
    browser.new()
    browser.sign_in()
    assert browser.somebody.email == EMAIL


FAULTS = {
    "down": (503, {"message": "Service unavailable"}),
    "no profile": (200, {"access_token": "t"}),
    "a profile that is none": (200, {"access_token": "t", "profile": ["prof"]}),
    "no token": (200, {"profile": {"id": "prof", "connection_id": CONNECTION, "email": EMAIL}}),
    "a token that breaks a header": (200, {"access_token": "t\r\nX: y", "profile": {}}),
    "a refusal that looks granted": (400, {"access_token": "t", "profile": {"connection_id": CONNECTION}}),
}


def test_faults_at_workos_are_refusals(workos):
    sso = Sso.workos(workos)
    browser = Browser(sso)
    for name, fault in FAULTS.items():
        workos.fault = fault
        browser.new()
        assert (browser.sign_in().status_code, browser.person) == (403, None), name
    workos.fault, workos.error = None, "access_denied"
    assert browser.sign_in().status_code == 403


@pytest.mark.parametrize("body", ["huge", "slow", "elsewhere", "a page", "a list"])
def test_a_body_that_is_no_answer_is_a_refusal(workos, body):
    workos.bodies["/sso/token"] = body
    browser = Browser(Sso.workos(workos))
    assert (browser.sign_in().status_code, browser.person) == (403, None)


def test_an_answer_counts_only_in_the_browser_that_asked_and_for_the_connection_it_asked_by(workos):
    sso = Sso.workos(workos)
    back = workos.authorize(Browser(sso).ask())
    victim = Browser(sso)
    victim.ask()
    assert victim.bring(back).status_code == 403
    assert workos.times("/sso/token") == 0


def test_a_code_that_somebody_else_asked_for_is_worth_nothing(workos):
    sso = Sso.workos(workos)
    attacker, victim = Browser(sso), Browser(sso)
    code = asked(workos.authorize(attacker.ask()))["code"]
    back = workos.authorize(victim.ask())
    assert victim.bring(back.replace(asked(back)["code"], code)).status_code == 403
    assert victim.person is None


def test_a_connection_that_names_nobody_at_workos_asks_for_nobody(workos):
    sso = Sso.workos(workos, connection="", organization="")
    assert from_somewhere().post(sso.at("start")).status_code == 403
    assert workos.asked == []


def test_the_visitor_does_not_choose_the_connection(workos):
    browser = Browser(Sso.workos(workos))
    given = asked(browser.ask(f"?organization=org_other&connection=conn_other&domain_hint={DOMAIN}"))
    assert given["connection"] == CONNECTION
    assert {"organization", "domain_hint"}.isdisjoint(given)
