"""How often somebody may fail to sign in, and that failing tells nothing: not by words, not by work."""

import itertools
import os
import re
from types import SimpleNamespace

import pytest
from allauth.account.adapter import get_adapter
from allauth.core import context
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.test import Client, RequestFactory

from tenants.models import User
from tests.factories import make_person, make_place, sign_in
from tests.factors import PASSWORD, is_signed_in, with_password
from tests.routes import every_route

pytestmark = pytest.mark.django_db
LIMITED = b"Too many failed login attempts"
_last = itertools.count(int.from_bytes(os.urandom(2)) << 8)


def address():
    """One that no test has used."""
    number = next(_last)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


@pytest.fixture(autouse=True)
def _behind_a_proxy(settings, monkeypatch):
    """And with a slow hash that is not slow: it is counted here, not timed."""
    settings.TRUSTED_PROXIES = 1
    for name, cheap in (("time_cost", 1), ("memory_cost", 8), ("parallelism", 1)):
        monkeypatch.setattr(Argon2PasswordHasher, name, cheap)


def nobody():
    """An address of e-mail without an account, that no test has tried."""
    return f"nobody{next(_last)}@example.com"


def browser(at):
    return Client(headers={"X-Forwarded-For": at})


def attempt(email, password, at, client=None):
    return (client or browser(at)).post("/account/login/", {"login": email, "password": password})


def opens(email, at):
    client = browser(at)
    attempt(email, PASSWORD, at, client)
    return is_signed_in(client)


def words(answer, *own):
    """The answer without what is its own in any case."""
    body = re.sub(r'(csrfmiddlewaretoken" value|csrf-token" content)="[^"]+"', "", answer.content.decode())
    for text in own:
        body = body.replace(text, "")
    return answer.status_code, answer.headers.get("Location"), body


class TestSpraying:
    def test_one_address_fails_ten_times_a_minute_whatever_the_accounts(self):
        known, one, other = with_password(), address(), address()
        for _ in range(10):
            assert LIMITED not in attempt(make_person().email, "Spring 2026 is here", one).content
        assert LIMITED in attempt(make_person().email, "Spring 2026 is here", one).content
        assert not opens(known.email, one)
        assert opens(known.email, other)

    def test_an_address_made_up_in_front_of_the_own_one_changes_nothing(self):
        one = address()
        for _ in range(10):
            attempt(make_person().email, "wrong", f"{address()}, {one}")
        assert LIMITED in attempt(make_person().email, "wrong", f"{address()}, {one}").content

    def test_addresses_of_one_ipv6_network_are_one(self):
        network = f"2001:db8:{next(_last) & 0xFFFF:x}:{next(_last) & 0xFFFF:x}"
        for number in range(10):
            attempt(make_person().email, "wrong", f"{network}::{number + 1:x}")
        assert LIMITED in attempt(make_person().email, "wrong", f"{network}::ffff").content

    def test_one_address_fails_sixty_times_an_hour(self, monkeypatch):
        one, clock = address(), SimpleNamespace(now=1_800_000_000.0)
        passing = SimpleNamespace(time=lambda: clock.now, monotonic=lambda: 0.0, sleep=lambda _: None)
        monkeypatch.setattr("allauth.core.internal.ratelimit.time", passing)

        def failed():
            request = RequestFactory().post("/account/login/", headers={"X-Forwarded-For": one})
            request.user = AnonymousUser()
            with context.request_context(request):
                get_adapter().pre_authenticate(request, email=nobody())

        for _ in range(60):
            clock.now += 10
            failed()
        clock.now += 10
        with pytest.raises(ValidationError):
            failed()
        clock.now += 3600
        failed()


class TestGuessing:
    def test_one_account_fails_five_times_from_wherever(self):
        known, other = with_password(), with_password()
        for _ in range(5):
            assert LIMITED not in attempt(known.email, "wrong", address()).content
        elsewhere = address()
        assert LIMITED in attempt(known.email, PASSWORD, elsewhere).content
        assert not opens(known.email.upper(), elsewhere)
        assert opens(other.email, elsewhere)

    def test_a_right_password_in_between_does_not_start_the_count_anew(self):
        known = with_password()
        for _ in range(4):
            attempt(known.email, "wrong", address())
        assert opens(known.email, address())
        attempt(known.email, "wrong", address())
        assert not opens(known.email, address())


class TestNothingIsTold:
    def test_a_refusal_reads_the_same_whether_there_is_an_account_or_not(self):
        known, unknown = with_password().email, nobody()
        for _ in range(6):
            one, two = attempt(known, "wrong", address()), attempt(unknown, "wrong", address())
            assert words(one, known) == words(two, unknown)
        assert LIMITED in one.content

    @pytest.mark.parametrize(
        ("page", "fields"),
        [
            ("/account/password/reset/", {}),
            ("/account/signup/", {"name": "New Person", "password1": "a long enough passphrase"}),
        ],
    )
    def test_asking_for_a_reset_or_an_account_reads_the_same(self, page, fields, mailoutbox):
        known, unknown = with_password().email, nobody()

        def ask(email):
            sent = {"email": email} | fields
            return browser(address()).post(page, sent, follow=True)

        one, two = ask(known), ask(unknown)
        assert one.redirect_chain == two.redirect_chain != []
        assert words(one, known) == words(two, unknown)
        assert {mail.to[0] for mail in mailoutbox} == {known, unknown}

    @pytest.fixture
    def hashed(self, monkeypatch):
        """Each slow hash that is computed: what an answer's time consists of."""
        done = []

        def counted(name, own):
            def hashing(*given):
                done.append(name)
                return own(*given)

            return hashing

        for name in ("encode", "verify"):
            own = getattr(Argon2PasswordHasher, name)
            monkeypatch.setattr(Argon2PasswordHasher, name, counted(name, own))
        return done

    def test_a_refusal_takes_one_slow_hash_whoever_is_asked_for(self, hashed):
        inactive = with_password()
        User.objects.filter(pk=inactive.pk).update(is_active=False)
        for email in (with_password().email, nobody(), make_person().email, inactive.email, "x" * 200):
            hashed.clear()
            attempt(email, "wrong", address())
            assert len(hashed) == (0 if "@" not in email else 1), email

    def test_signing_up_takes_one_slow_hash_whether_there_is_an_account_or_not(self, hashed):
        known = with_password().email
        fields = {"name": "New Person", "password1": "a long enough passphrase"}
        counts = []
        for email in (known, nobody()):
            hashed.clear()
            browser(address()).post("/account/signup/", fields | {"email": email})
            counts.append(len(hashed))
        assert counts == [1, 1]


# Asked by machines with a key or a signature of their own, by an identity provider, whose answer is signed, or by other
# logs and whoever reads ours: what they send is signed too, or they only read.
NO_FORMS = ("v1/", "scim/", "s3")
FROM_ELSEWHERE = {"add_checkpoint", "published_checkpoint", "sso_acs", "witnessed_checkpoint"}


@pytest.mark.django_db(transaction=True)
def test_no_form_of_the_portal_is_accepted_without_its_token(settings):
    settings.TRUSTED_PROXIES = 0
    place = make_place()
    client = Client(enforce_csrf_checks=True)
    client.cookies = sign_in(place.owner).cookies
    passed = {}
    routes = [route for route in every_route() if not route.pattern.startswith(NO_FORMS)]
    for route in routes:
        filled = route.pattern.replace("<slug:org_slug>", place.slug).replace("<env:env_name>", "live")
        filled = re.sub(r"<uuid:\w+>", str(place.id), re.sub(r"<(int|str|slug|path):\w+>", "1", filled))
        if "(?P" in filled or filled.startswith("^"):  # allauth's address of a reset, by regular expression
            filled = "account/password/reset/key/1-1/"
        answer = client.post(f"/{filled}", {"login": "x", "code": "1", "name": "n"})
        if answer.status_code != 403 or b"This form was opened too long ago" not in answer.content:
            passed[route.name] = (filled, answer.status_code)
    assert set(passed) == FROM_ELSEWHERE, passed
    assert len(routes) > 60
