"""Signing in by providers that the environment names: who comes in, who does not, and what nobody can learn by it."""

from urllib.parse import urlencode

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.hashers import get_hasher
from django.core import mail
from django.test import Client

from audit.models import PersonEvent
from hq.lib.ids import new_id
from tenants.models import User
from tests.factories import make_person
from tests.idp import oidc
from tests.idp.browsing import asked
from tests.idp.oidc import ABSENT, BODY_LIES, CALLBACK_LIES, DISCOVERY_LIES, TOKEN_LIES
from tests.tenants.oauth_support import EMAIL, Browser, addresses, forget, offer, openid

pytestmark = pytest.mark.django_db(transaction=True)


# ---- who comes in


def test_somebody_new_has_an_account_without_more_questions(acme):
    browser = Browser(acme)
    answer = browser.sign_in(next="/me/")
    assert (answer.status_code, answer["Location"]) == (302, "/me/")
    assert (browser.somebody.email, browser.somebody.name) == (EMAIL, "Ines Alder")
    assert addresses(browser.somebody) == [(EMAIL, True)]
    assert not browser.somebody.has_usable_password()
    tags = set(PersonEvent.objects.filter(person_id=browser.somebody.pk).values_list("tag", flat=True))
    assert tags == {"account:created", "session:signed_in"}


def test_a_known_one_comes_in_again_whatever_their_address_is_by_now(acme):
    Browser(acme).sign_in()
    acme.user |= {"email": "ines@elsewhere.example", "email_verified": False}
    browser = Browser(acme)
    assert browser.sign_in().status_code == 302
    assert browser.somebody.email == EMAIL
    assert User.objects.filter(email="ines@elsewhere.example").count() == 0


def test_no_more_is_kept_than_tells_which_account_it_is(acme):
    acme.user |= {"phone_number": "+351 21 000 0000", "groups": ["Board"]}
    Browser(acme).sign_in()
    account = SocialAccount.objects.get()
    assert (account.provider, account.uid) == ("acme", acme.user["sub"])
    assert account.extra_data == {"email": EMAIL, "login": ""}


def test_a_name_that_would_hide_something_is_cleaned(acme):
    acme.user["name"] = "Ines\u202e\x00 Alder" + "r" * 100
    browser = Browser(acme)
    browser.sign_in()
    name = browser.somebody.name
    assert name
    assert name.startswith("Ines Alder")
    assert len(name) == 80


def test_github_tells_the_primary_address_and_knows_people_by_number(github):
    browser = Browser(github, "github")
    url = browser.ask()
    assert asked(url)["code_challenge_method"] == "S256"
    browser.bring(github.authorize(url))
    assert addresses(browser.somebody) == [(EMAIL, True)]
    github.person |= {"login": "ines-renamed"}
    again = Browser(github, "github")
    again.sign_in()
    assert again.person == browser.person
    github.person |= {"id": 4712, "login": "ines"}  # somebody took the former name
    other = Browser(github, "github")
    other.sign_in()
    assert other.person is None


@pytest.mark.parametrize(
    ("person", "listed"),
    [
        ({"id": "4711"}, None),
        ({"id": True}, None),
        ({"login": "ines"}, None),
        (["id"], None),
        (None, []),
        (None, {"message": "No"}),
        (None, [{"email": EMAIL, "primary": False, "verified": True}, "text"]),
        (None, [{"email": ["x"], "primary": True, "verified": True}]),
    ],
)
def test_github_has_to_say_who_it_is_and_where_to_write_to(github, person, listed):
    github.person = person if person is not None else github.person
    github.addresses = listed if listed is not None else github.addresses
    browser = Browser(github, "github")
    assert browser.sign_in().status_code in {401, 409}
    assert browser.person is None
    assert not User.objects.exists()


# ---- who does not


@pytest.mark.parametrize("lies", [TOKEN_LIES, CALLBACK_LIES, DISCOVERY_LIES, BODY_LIES], ids=len)
def test_nobody_comes_in_by_a_lie(acme, lies, monkeypatch):
    monkeypatch.setattr("hq.web.outbound.SECONDS", 0.5)
    browser = Browser(acme)
    for lie in lies:
        forget(acme, honest=True)
        acme.lie(lie)
        browser.client.cookies.clear()
        begun = browser.begin()
        answer = browser.bring(acme.authorize(begun)) if begun else None
        assert answer is None or answer.status_code == 401, lie
        assert browser.person is None, lie
    assert not User.objects.exists()


def test_no_account_is_linked_by_its_address(acme):
    person = make_person(EMAIL)
    browser = Browser(acme)
    page = browser.sign_in()
    assert page.status_code == 409
    assert b"Sign in first" in page.content
    assert b"Connected accounts" in page.content
    assert browser.person is None
    assert not SocialAccount.objects.exists()
    assert list(User.objects.all()) == [person]


def test_without_an_address_there_is_no_account(acme):
    acme.lie("no email")
    browser = Browser(acme)
    page = browser.sign_in()
    assert page.status_code == 409
    assert b"tells no address" in page.content
    assert not User.objects.exists()


@pytest.mark.parametrize("said", [False, None, "true", 1, ABSENT])
def test_an_address_that_the_provider_does_not_vouch_for_has_to_be_confirmed(acme, said):
    address = f"ines{new_id().hex}@alderpeak.example"  # mails to one address are counted
    acme.user |= {"email": address, "email_verified": said}
    if said is ABSENT:
        del acme.user["email_verified"]
    browser = Browser(acme)
    answer = browser.sign_in()
    assert (answer.status_code, answer["Location"]) == (302, "/account/confirm-email/")
    assert browser.person is None
    assert addresses(User.objects.get()) == [(address, False)]
    assert [message.to for message in mail.outbox] == [[address]]


def test_a_yes_for_another_address_is_none_for_this_one(acme):
    acme.claims |= {"email": EMAIL, "email_verified": ABSENT}
    acme.userinfo |= {"email": "other@elsewhere.example", "email_verified": True}
    Browser(acme).sign_in()
    assert addresses(User.objects.get()) == [(EMAIL, False)]


def test_who_claims_an_address_cannot_learn_whether_it_has_an_account(acme, monkeypatch):
    """The same page, one mail to the address, one password's worth of work."""
    kind = type(get_hasher())
    hashed, real = [], kind.encode

    def counted(self, *arguments, **more):
        hashed.append(1)
        return real(self, *arguments, **more)

    monkeypatch.setattr(kind, "encode", counted)
    known = make_person(f"{new_id().hex}@example.com").email
    seen = []
    for sub, email in (("a", known), ("b", f"{new_id().hex}@example.com")):
        hashed.clear()
        mail.outbox.clear()
        acme.user |= {"sub": sub, "email": email, "email_verified": False}
        browser = Browser(acme)
        answer = browser.sign_in()
        page = browser.client.get(answer["Location"])
        body = page.content.decode().replace(email, "")
        seen.append((answer.status_code, answer["Location"], len(hashed), [m.to == [email] for m in mail.outbox]))
        assert page.status_code == 200
        assert "another account" not in body
        assert browser.person is None
    assert seen[0] == seen[1] == (302, "/account/confirm-email/", 1, [True])


def test_an_address_that_only_folds_to_a_known_one_is_another(acme):
    make_person("admin@example.com")
    acme.user["email"] = "adm\u0131n@example.com"
    browser = Browser(acme)
    browser.sign_in()
    assert browser.person is None or browser.person.email != "admin@example.com"


def test_somebody_disabled_does_not_come_in(acme):
    Browser(acme).sign_in()
    User.objects.update(is_active=False)
    browser = Browser(acme)
    browser.sign_in()
    assert browser.person is None


# ---- in between


def test_nothing_from_the_visitors_address_reaches_the_provider(acme):
    browser = Browser(acme)
    honest = asked(browser.ask())
    forged = {"redirect_uri": "https://evil.example/", "nonce": "n", "state": "s", "client_id": "c", "prompt": "none"}
    query = urlencode({"auth_params": urlencode(forged), "scope": "admin", "process": "connect", **forged})
    url = browser.ask(f"?{query}")
    given = asked(url)
    assert {name for name in given | honest if given.get(name) != honest.get(name)} == {
        "state",
        "nonce",
        "code_challenge",
    }
    assert browser.bring(acme.authorize(url)).status_code == 302
    assert browser.somebody.email == EMAIL  # signed in, not connected


def test_the_way_back_is_the_deployments_own_whatever_a_request_calls_it(acme, settings):
    settings.ALLOWED_HOSTS = ["*"]
    browser = Browser(acme)
    browser.client.defaults["HTTP_HOST"] = "evil.example"
    assert asked(browser.ask())["redirect_uri"] == f"{settings.BASE_URL}/account/acme/login/callback/"


def test_an_answer_belongs_to_the_browser_that_asked_and_counts_once(acme):
    attacker, victim = Browser(acme), Browser(acme)
    back = acme.authorize(attacker.ask())
    victim.ask()
    assert victim.bring(back).status_code == 401
    assert victim.person is None
    assert acme.times(oidc.TOKEN) == 0
    assert attacker.bring(back).status_code == 302
    assert attacker.bring(back).status_code == 401
    assert acme.times(oidc.TOKEN) == 1


def test_the_answer_of_one_provider_is_not_taken_for_another(acme, other_provider, settings):
    offer(settings, acme=openid(acme), birch=openid(other_provider, "Birch"))
    forget(other_provider)
    browser = Browser(acme)
    to_acme = browser.ask()
    to_birch = Browser(other_provider, "birch", browser.client).ask()
    answer = asked(acme.authorize(to_acme))
    for state in (asked(to_acme)["state"], asked(to_birch)["state"]):
        query = urlencode(answer | {"state": state})
        assert browser.client.get(f"/account/birch/login/callback/?{query}").status_code == 401
    assert browser.person is None
    assert other_provider.times(oidc.TOKEN) == 0


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_sent_to_another_site_afterwards(acme, target):
    to = Browser(acme).sign_in(next=target)["Location"]
    assert to.startswith("/")
    assert not to.startswith(("//", "/\\"))


def test_a_session_from_before_is_not_the_one_that_is_signed_in(acme):
    browser = Browser(acme)
    url = browser.ask()
    fixed = browser.session.session_key
    assert fixed
    browser.bring(acme.authorize(url))
    assert browser.person is not None
    assert browser.session.session_key != fixed
    assert not browser.session.exists(fixed)


def test_it_takes_a_button_and_its_token_to_begin(acme):
    page = Client().get("/account/acme/login/")
    assert page.status_code == 200
    assert b"http-equiv" not in page.content
    assert Client(enforce_csrf_checks=True).post("/account/acme/login/").status_code == 403
    assert Client().post("/account/acme/login/callback/").status_code == 405


# ---- what is offered


def test_only_what_the_environment_names_is_a_page_and_a_button(acme):
    page = Client().get("/account/login/?next=/me/")
    assert b"Continue with Acme" in page.content
    assert b"/account/acme/login/?next=%2Fme%2F" in page.content
    for name in ("google", "github", "openid_connect", "saml", "sso-01a202ba-1308-7392-a56e-0d3d4fc2470f"):
        for where in ("login", "login/callback", "connect"):
            assert Client().get(f"/account/{name}/{where}/").status_code in {302, 404}, name
    assert Client().post("/account/google/login/token/").status_code == 404
    assert not EmailAddress.objects.exists()


def test_without_valkey_nobody_comes_in(acme, settings):
    browser = Browser(acme)
    callback = acme.authorize(browser.ask())
    gone = {**settings.CACHES["default"], "LOCATION": "unix:///nonexistent/valkey.sock"}
    settings.CACHES = {"default": gone}
    assert (browser.bring(callback).status_code, browser.person) == (503, None)
