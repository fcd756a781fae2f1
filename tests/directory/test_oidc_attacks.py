"""What must not happen at a sign-in by OpenID Connect, whoever lies: the provider, the browser, somebody in between."""

from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client

from hq.db.context import tenant
from hq.lib.errors import Invalid
from hq.web.openid import read_issuer
from tests.directory.oidc_support import EMAIL, Browser, Sso, from_somewhere
from tests.factories import session_of, sign_in
from tests.idp import oidc
from tests.idp.browsing import LOOPBACK, asked, honest_again, leaving
from tests.idp.loopback import METADATA_SERVICE
from tests.idp.oidc import ABSENT, BODY_LIES, CALLBACK_LIES, DISCOVERY_LIES, EMAIL_LIES, TOKEN_LIES

pytestmark = pytest.mark.django_db(transaction=True)
FETCHED_ON_SIGN_IN = [lie for lie in BODY_LIES if not lie.startswith("discovery")]
FETCHED_ON_SAVING = [lie for lie in BODY_LIES if lie.startswith(("discovery", "keys"))]


@pytest.fixture(autouse=True)
def loopback(settings, monkeypatch):
    settings.OUTBOUND_NETWORKS = LOOPBACK
    monkeypatch.setattr("hq.web.outbound.SECONDS", 2.0)


@pytest.mark.parametrize("lies", [TOKEN_LIES, EMAIL_LIES, FETCHED_ON_SIGN_IN, CALLBACK_LIES], ids=len)
def test_nobody_comes_in_by_a_lie_of_the_provider(provider, lies):
    """One place for all of them: what each would do is the same."""
    sso = Sso.openid(provider)
    browser = Browser(sso)
    for lie in lies:
        honest_again(provider)
        provider.lie(lie)
        browser.new()
        assert (browser.sign_in().status_code, browser.person, sso.role_of()) == (403, None, None), lie
    honest_again(provider)
    browser.sign_in()
    assert browser.somebody.email == EMAIL


def test_nothing_is_given_to_a_provider_for_an_answer_that_is_not_its_own(provider):
    sso = Sso.openid(provider)
    for lie in CALLBACK_LIES:
        honest_again(provider)
        provider.lie(lie)
        assert Browser(sso).sign_in().status_code == 403, lie
    assert provider.times(oidc.TOKEN) == 0


def test_a_provider_that_never_names_itself_need_not(provider):
    provider.discovery["authorization_response_iss_parameter_supported"] = ABSENT
    browser = Browser(Sso.openid(provider))
    provider.lie("iss left out")
    browser.sign_in()
    assert browser.somebody.email == EMAIL


@pytest.mark.parametrize("lie", [*DISCOVERY_LIES, *FETCHED_ON_SAVING])
def test_a_provider_that_lies_about_itself_is_not_saved(provider, lie):
    provider.lie(lie)
    with pytest.raises(Invalid):
        read_issuer(provider.address)


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "idp.example",
        "file:///etc/passwd",
        METADATA_SERVICE,
        "https://169.254.169.254",
        "https://user:secret@idp.example",
        "https://idp.example/?a=b",
        "https://idp.example/\r\nX: y",
        "https://[::1",
        "https://idp.example/" + "a" * 2000,
    ],
)
def test_an_issuer_that_is_none_is_refused_in_words(issuer):
    with pytest.raises(Invalid) as refusal:
        read_issuer(issuer)
    assert str(refusal.value)


def test_a_slash_more_or_less_is_another_issuer(provider):
    with pytest.raises(Invalid, match="exactly"):
        read_issuer(f"{provider.address}/")


def test_networks_of_the_deployment_are_closed_unless_it_opens_them(provider, settings):
    sso = Sso.openid(provider)
    settings.OUTBOUND_NETWORKS = []
    browser = Browser(sso)
    assert browser.sign_in().status_code == 403
    assert provider.times(oidc.TOKEN) == 0
    settings.OUTBOUND_NETWORKS, settings.PRODUCTION = LOOPBACK, True
    assert Browser(sso).sign_in().status_code == 403
    assert provider.times(oidc.TOKEN) == 0


def test_nothing_from_the_visitors_address_reaches_the_provider(provider):
    browser = Browser(Sso.openid(provider))
    honest = asked(browser.ask())
    forged = {"redirect_uri": "https://evil.example/", "nonce": "n", "state": "s", "client_id": "c", "prompt": "none"}
    query = urlencode({"auth_params": urlencode(forged), "scope": "admin", "process": "connect", **forged})
    url = browser.ask(f"?{query}")
    given = asked(url)
    assert set(given) == set(honest)
    changed = {name for name in given if given[name] != honest[name]}
    assert changed == {"state", "nonce", "code_challenge"}
    assert not set(forged.values()) & set(given.values())
    browser.bring(provider.authorize(url))
    assert browser.somebody.email == EMAIL


@pytest.mark.parametrize("query", ["?code_challenge=x&code_challenge_method=plain", "?code_challenge_method=plain"])
def test_pkce_is_not_talked_down(provider, query):
    browser = Browser(Sso.openid(provider))
    given = asked(browser.ask(query))
    assert given["code_challenge_method"] == "S256"
    assert len(given["code_challenge"]) == 43


def test_a_code_that_somebody_else_asked_for_is_worth_nothing(provider):
    """The attacker's code put into the victim's own, waiting sign-in: the verifier does not fit it."""
    sso = Sso.openid(provider)
    attacker, victim = Browser(sso), Browser(sso)
    code = asked(provider.authorize(attacker.ask()))["code"]
    back = provider.authorize(victim.ask())
    assert victim.bring(back.replace(asked(back)["code"], code)).status_code == 403
    assert victim.person is None


def test_the_same_holds_where_the_provider_looks_at_no_verifier(provider):
    """Then it is the nonce that does not fit."""
    provider.pkce = False
    sso = Sso.openid(provider)
    attacker, victim = Browser(sso), Browser(sso)
    code = asked(provider.authorize(attacker.ask()))["code"]
    back = provider.authorize(victim.ask())
    assert victim.bring(back.replace(asked(back)["code"], code)).status_code == 403
    assert victim.person is None


def test_an_answer_belongs_to_the_browser_that_asked_and_counts_once(provider):
    sso = Sso.openid(provider)
    attacker, victim = Browser(sso), Browser(sso)
    back = provider.authorize(attacker.ask())
    victim.ask()
    assert victim.bring(back).status_code == 403
    assert provider.times(oidc.TOKEN) == 0
    assert attacker.bring(back).status_code == 302
    again = Browser(sso, attacker.client)
    assert again.bring(back).status_code == 403
    assert provider.times(oidc.TOKEN) == 1


def test_the_answer_of_one_provider_is_not_taken_for_another(provider, other_provider):
    """A mix-up: begun at one, brought to the address of the other, with either's state and with either's name."""
    one, two = Sso.openid(provider), Sso.openid(other_provider, domain="birch.example")
    browser = Browser(one)
    to_one, to_two = browser.ask(), Browser(two, browser.client).ask()
    answer = asked(provider.authorize(to_one))
    for state in (asked(to_one)["state"], asked(to_two)["state"]):
        query = urlencode(answer | {"state": state})
        assert browser.client.get(f"{two.at('callback')}?{query}").status_code == 403
    assert browser.person is None
    assert other_provider.times(oidc.TOKEN) == 0


def test_a_name_that_is_taken_at_another_organizations_provider_opens_nothing(provider, other_provider):
    one, two = Sso.openid(provider), Sso.openid(other_provider, domain="birch.example")
    Browser(one).sign_in()
    browser = Browser(two)
    assert browser.sign_in().status_code == 403  # the same sub, and an address that is not theirs to vouch for
    assert browser.person is None


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_sent_to_another_site_afterwards(provider, target):
    browser = Browser(Sso.openid(provider))
    answer = browser.sign_in(next=target)
    assert (answer.status_code, urlsplit(answer["Location"]).netloc) == (302, "")
    assert answer["Location"].startswith("/")
    assert not answer["Location"].startswith(("//", "/\\"))


def test_a_session_from_before_is_not_the_one_that_is_signed_in(provider):
    browser = Browser(Sso.openid(provider))
    url = browser.ask()
    fixed = session_of(browser.client).session_key
    assert fixed
    browser.bring(provider.authorize(url))
    assert browser.somebody.email == EMAIL
    assert session_of(browser.client).session_key != fixed
    assert not session_of(browser.client).exists(fixed)


def test_whoever_was_signed_in_here_is_not_mixed_with_who_comes(provider):
    sso = Sso.openid(provider)
    browser = Browser(sso, sign_in(sso.place.owner))
    browser.sign_in()
    assert browser.somebody.email == EMAIL


def test_a_look_at_the_page_signs_nobody_in(provider):
    sso = Sso.openid(provider)
    page = from_somewhere().get(sso.at("start"))
    assert page.status_code == 200
    with pytest.raises(AssertionError):
        leaving(page)
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(sso.at("start")).status_code == 403


def test_who_stops_at_the_provider_is_told_and_nothing_changed(provider):
    provider.callback |= {"error": "access_denied", "code": ABSENT}
    browser = Browser(Sso.openid(provider))
    assert browser.sign_in().status_code == 403
    assert provider.times(oidc.TOKEN) == 0


def test_what_is_missing_in_a_connection_is_a_refusal_too(provider):
    sso = Sso.openid(provider)
    with tenant(sso.place.id):
        sso.row.config = {name: value for name, value in sso.row.config.items() if name != "jwks_uri"}
        sso.row.save()
    assert from_somewhere().post(sso.at("start")).status_code == 403
