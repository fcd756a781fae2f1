"""Signing in by an organization's own OpenID provider, all being well."""

import pytest

from directory.actions.discovery import read_provider
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied
from tests.directory.oidc_support import EMAIL, Browser, Sso
from tests.factories import make_place, session_of
from tests.idp import oidc
from tests.idp.browsing import LOOPBACK, ask_again, asked
from tests.idp.loopback import s256, told
from tests.idp.oidc import ABSENT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def loopback(settings):
    settings.OUTBOUND_NETWORKS = LOOPBACK


def test_a_new_person_comes_in_and_is_a_member(provider):
    sso = Sso.openid(provider)
    browser = Browser(sso)
    answer = browser.sign_in(next="/me/")
    assert (answer.status_code, answer["Location"]) == (302, "/me/")
    assert (browser.somebody.email, browser.somebody.name) == (EMAIL, "Ines Alder")
    assert sso.role_of() == Role.ANALYST
    fact = session_of(browser.client)["hq.sso"][str(sso.place.id)]
    assert (fact["connection"], fact["mfa"]) == (str(sso.row.id), False)


def test_it_asks_for_a_code_by_pkce_with_a_nonce_and_never_twice_the_same(provider, settings):
    browser = Browser(Sso.openid(provider))
    first, second = asked(browser.ask()), asked(browser.ask())
    same = {name for name in first if first[name] == second[name]}
    assert set(first) - same == {"state", "nonce", "code_challenge"}
    assert first["redirect_uri"] == f"{settings.BASE_URL}{browser.sso.at('callback')}"
    assert (first["response_type"], first["code_challenge_method"]) == ("code", "S256")
    assert first["scope"].split() == ["openid", "profile", "email"]


def test_a_provider_without_pkce_gets_challenge_and_verifier_all_the_same(provider):
    provider.pkce = False
    browser = Browser(Sso.openid(provider))
    url = browser.ask()
    browser.bring(provider.authorize(url))
    assert browser.somebody.email == EMAIL
    [exchange] = [request for request in provider.asked if request.path == oidc.TOKEN]
    assert s256(exchange.values["code_verifier"]) == asked(url)["code_challenge"]


def test_somebody_elses_provider_signs_in_too(honest_provider):
    honest_provider.person("00u-ines", email=EMAIL, email_verified=True, name="Ines Alder", groups=["Engineers"])
    sso = Sso.openid(honest_provider, groups={"Engineers": "developer"})
    browser = Browser(sso)
    answer = browser.bring(honest_provider.authorize(browser.ask(), "00u-ines"))
    assert answer.status_code == 302, answer.content
    assert sso.role_of() == Role.DEVELOPER


def test_groups_and_a_second_factor_are_read_from_the_claims_that_the_connection_names(provider):
    provider.user |= {"upn": "INES@alderpeak.example", "roles": ["Ops", 7], "display": "Ines A.", "amr": ["pwd", "mfa"]}
    provider.user |= {"email": "other@elsewhere.example", "email_verified": False}
    names = {"email": "upn", "name": "display", "groups": "roles"}
    sso = Sso.openid(provider, config={"claims": names}, groups={"Ops": "admin", "7": "owner"})
    browser = Browser(sso)
    browser.sign_in()
    assert (browser.somebody.email, browser.somebody.name) == (EMAIL, "Ines A.")
    assert sso.role_of() == Role.ADMIN
    assert session_of(browser.client)["hq.sso"][str(sso.place.id)]["mfa"] is True


@pytest.mark.parametrize("said", ["userinfo", "id_token"])
def test_the_address_may_stand_in_either_place(provider, said):
    other = {"userinfo": provider.claims, "id_token": provider.userinfo}[said]
    other |= {"email": ABSENT, "email_verified": ABSENT}
    browser = Browser(Sso.openid(provider))
    browser.sign_in()
    assert browser.somebody.email == EMAIL


def test_a_provider_that_says_nothing_of_the_address_leaves_it_to_the_verified_domain(provider):
    del provider.user["email_verified"]
    browser = Browser(Sso.openid(provider))
    browser.sign_in()
    assert browser.somebody.email == EMAIL


def test_a_provider_without_userinfo_is_asked_for_none(provider):
    provider.discovery["userinfo_endpoint"] = ABSENT
    browser = Browser(Sso.openid(provider))
    browser.sign_in()
    assert browser.somebody.email == EMAIL
    assert provider.times(oidc.USERINFO) == 0


@pytest.mark.parametrize("methods", [["client_secret_basic"], ABSENT])
def test_the_secret_goes_by_basic_where_nothing_else_is_offered(provider, methods):
    provider.discovery["token_endpoint_auth_methods_supported"] = methods
    browser = Browser(Sso.openid(provider))
    browser.sign_in()
    assert browser.somebody.email == EMAIL
    [exchange] = [request for request in provider.asked if request.path == oidc.TOKEN]
    assert exchange.authorization.startswith("Basic ")
    assert "client_secret" not in exchange.values


def test_a_token_without_a_key_id_holds_while_there_is_one_key(provider):
    provider.signature = "RS256 without a kid"
    browser = Browser(Sso.openid(provider))
    browser.sign_in()
    assert browser.somebody.email == EMAIL


def test_nothing_but_keys_is_read_again_and_these_once_in_a_while(provider):
    sso = Sso.openid(provider)
    before = provider.times(oidc.DISCOVERY), provider.times(oidc.JWKS)
    for _ in range(2):
        Browser(sso).sign_in()
    assert (provider.times(oidc.DISCOVERY), provider.times(oidc.JWKS)) == (before[0], before[1] + 1)


def test_a_new_key_is_asked_for_once_and_then_not_for_a_while(provider):
    sso = Sso.openid(provider)
    Browser(sso).sign_in()
    before = provider.times(oidc.JWKS)
    provider.rotate()
    for _ in range(2):
        browser = Browser(sso)
        browser.sign_in()
        assert browser.person is not None
    provider.lie("signature: unknown kid")
    for _ in range(3):
        browser = Browser(sso)
        assert browser.sign_in().status_code == 403
    assert provider.times(oidc.JWKS) == before + 1
    ask_again(provider.address + oidc.JWKS)
    for _ in range(3):
        assert Browser(sso).sign_in().status_code == 403
    assert provider.times(oidc.JWKS) == before + 2


def test_keys_that_cannot_be_used_are_passed_over(provider, monkeypatch):
    good = provider.key.as_dict(private=False)
    odd = [{"kty": "AKP", "alg": "ML-DSA-44"}, {"kty": "oct", "k": "c2VjcmV0"}, {"kty": "RSA", "n": "!"}, "text", good]
    monkeypatch.setattr(type(provider), "publish", lambda *_: told({"keys": odd}))
    browser = Browser(Sso.openid(provider))
    browser.sign_in()
    assert browser.somebody.email == EMAIL


def test_the_same_name_at_two_providers_is_two_people(provider, other_provider):
    first, second = Sso.openid(provider), Sso.openid(other_provider, domain="birch.example")
    other_provider.user |= {"email": "ines@birch.example"}
    one, two = Browser(first), Browser(second)
    one.sign_in()
    two.sign_in()
    assert one.somebody.pk != two.somebody.pk
    assert (first.role_of("ines@birch.example"), second.role_of()) == (None, None)


def test_only_who_may_change_how_people_sign_in_makes_hq_fetch(provider):
    place = make_place()
    with pytest.raises(Denied), tenant(place.id):
        read_provider(actor=place.actor(Role.DEVELOPER), issuer=provider.address)
    assert provider.asked == []
