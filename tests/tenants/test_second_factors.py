"""Second factors: an app's codes and recovery codes, and who may add, use and remove them (ACC-2, ACC-5)."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connections
from django.test import Client

from audit.models import PersonEvent
from tenants.models import User
from tests.factories import make_person, make_place, sign_in
from tests.factors import (
    App,
    Clock,
    add_app,
    begin,
    clock,
    confirm,
    is_signed_in,
    recovery_codes,
    secret_on,
    with_password,
)

__all__ = ["clock"]
pytestmark = pytest.mark.django_db(transaction=True)
STEP, AGAIN = "/account/2fa/authenticate/", "/account/2fa/reauthenticate/"
ADD_APP, REMOVE_APP = "/account/2fa/totp/activate/", "/account/2fa/totp/deactivate/"
ADD_KEY, CODES = "/account/2fa/webauthn/add/", "/account/2fa/recovery-codes/"


@pytest.fixture(autouse=True)
def _no_limits_left_from_before() -> None:
    cache.clear()


@pytest.fixture
def person(transactional_db: None) -> User:
    return with_password()


@pytest.fixture
def app(person: User, clock: Clock) -> App:
    return add_app(confirm(begin(person)), clock)


def tags(person: User) -> list[str]:
    return list(PersonEvent.objects.filter(person_id=person.pk).order_by("at").values_list("tag", flat=True))


def forget_as_allauth_does(person: User, code: str) -> None:
    """Its own mark of a used code is gone after one period; let it be gone."""
    assert cache.delete(f"allauth.mfa.totp.used?user={person.pk}&code={code}")


class TestSigningInWithAnApp:
    def test_the_password_alone_opens_nothing_and_the_code_does(self, person, app):
        client = begin(person)
        assert not is_signed_in(client)
        assert client.post(STEP, {"code": app.next_code()}).status_code == 302
        assert is_signed_in(client)

    def test_a_code_one_step_off_is_accepted_and_two_steps_off_is_not(self, person, app):
        app.clock.wait(90)
        for steps, accepted in ((-2, False), (2, False), (-1, True), (1, True)):
            client = begin(person)
            client.post(STEP, {"code": app.code(steps)})
            assert is_signed_in(client) is accepted, steps

    @pytest.mark.parametrize("spelling", ["{}{}", " {}{} ", "{} {}", "{}-{}"])
    def test_a_code_counts_once_however_it_is_spelt(self, person, app, spelling):
        code = app.next_code()
        assert begin(person).post(STEP, {"code": code}).status_code == 302
        again = begin(person)
        assert again.post(STEP, {"code": spelling.format(code[:3], code[3:])}).status_code == 200
        assert not is_signed_in(again)

    def test_a_code_counts_once_also_while_the_clocks_differ(self, person, app):
        code = app.next_code()
        begin(person).post(STEP, {"code": code})
        app.clock.wait()
        forget_as_allauth_does(person, code)
        again = begin(person)
        again.post(STEP, {"code": code})
        assert not is_signed_in(again)

    def test_the_code_that_added_the_app_signs_nobody_in(self, person, app):
        client = begin(person)
        client.post(STEP, {"code": app.code()})
        assert not is_signed_in(client)

    def test_after_five_wrong_codes_the_right_one_is_refused_too_in_every_browser(self, person, app):
        client = begin(person)
        right = app.next_code()
        wrong = f"{(int(right) + 7) % 10**6:06}"
        for _ in range(5):
            assert client.post(STEP, {"code": wrong}).status_code == 200
        for browser in (client, begin(person)):
            browser.post(STEP, {"code": right})
            assert not is_signed_in(browser)

    def test_a_used_code_does_not_clear_the_count_of_wrong_ones(self, person, app):
        used = app.next_code()
        begin(person).post(STEP, {"code": used})
        forget_as_allauth_does(person, used)
        client = begin(person)
        for _ in range(5):
            client.post(STEP, {"code": used})
        client.post(STEP, {"code": app.next_code()})
        assert not is_signed_in(client)

    def test_the_second_step_is_no_page_without_the_first(self):
        answer = Client().get(STEP)
        assert (answer.status_code, answer["Location"]) == (302, "/account/login/")

    def test_the_code_of_another_person_is_refused(self, person, app, clock):
        other = add_app(confirm(begin(with_password())), clock)
        client = begin(person)
        client.post(STEP, {"code": other.next_code()})
        assert not is_signed_in(client)

    def test_a_sign_in_link_made_on_the_server_stands_for_the_password_only(self, person, app):
        client = sign_in(person)
        assert not is_signed_in(client)
        client.post(STEP, {"code": app.next_code()})
        assert is_signed_in(client)

    def test_a_new_password_does_not_go_around_it(self, person, app):
        person.set_password("another long enough password")
        person.save()
        client = Client()
        client.post("/account/login/", {"login": person.email, "password": "another long enough password"})
        assert not is_signed_in(client)

    def test_a_disabled_person_gets_no_further_than_the_second_step(self, person, app):
        client = begin(person)
        User.objects.filter(pk=person.pk).update(is_active=False)
        client.post(STEP, {"code": app.next_code()})
        assert not is_signed_in(client)


class TestSessions:
    def cookie(self, client: Client) -> str:
        return client.cookies[settings.SESSION_COOKIE_NAME].value

    def test_a_planted_session_is_not_the_one_that_is_signed_in(self, person, app):
        attacker, victim = Client(), Client()
        attacker.get("/account/2fa/webauthn/login/", headers={"accept": "application/json"})  # makes a session
        victim.cookies[settings.SESSION_COOKIE_NAME] = self.cookie(attacker)
        begin(person, victim)
        assert not is_signed_in(attacker)
        assert self.cookie(victim) == self.cookie(attacker)
        victim.post(STEP, {"code": app.next_code()})
        assert is_signed_in(victim)
        assert self.cookie(victim) != self.cookie(attacker)
        assert not is_signed_in(attacker)
        attacker.post(STEP, {"code": app.next_code()})
        assert not is_signed_in(attacker)

    def test_a_half_signed_in_session_is_nobodys(self, person, app):
        client = begin(person)
        key = self.cookie(client).partition(":")[0]
        assert "_auth_user_id" not in Session.objects.get(session_key=key).get_decoded()
        assert not UserSession.objects.filter(session_key=key).exists()
        for page in ("/me/", "/account/2fa/", ADD_APP, REMOVE_APP, CODES, "/account/sessions/"):
            assert client.get(page).status_code == 302, page
        assert Authenticator.objects.filter(user=person).count() == 2


class TestRecoveryCodes:
    def test_each_works_once(self, person, clock):
        client = confirm(begin(person))
        add_app(client, clock)
        codes = recovery_codes(client)
        assert len(set(codes)) == 10
        first, second = begin(person), begin(person)
        first.post(STEP, {"code": codes[0]})
        assert is_signed_in(first)
        second.post(STEP, {"code": codes[0]})
        assert not is_signed_in(second)
        second.post(STEP, {"code": codes[9]})
        assert is_signed_in(second)
        assert b"8 codes left" in first.get("/account/2fa/").content

    def test_they_are_shown_once(self, person, clock):
        client = confirm(begin(person))
        add_app(client, clock)
        assert len(recovery_codes(client)) == 10
        assert recovery_codes(client) == []
        assert client.get(f"{CODES}download/").status_code == 403

    def test_new_ones_make_the_former_worthless(self, person, clock):
        client = confirm(begin(person))
        add_app(client, clock)
        [former, *_] = recovery_codes(client)
        assert client.post(f"{CODES}generate/").status_code == 302
        [newer, *_] = recovery_codes(client)
        again = begin(person)
        again.post(STEP, {"code": former})
        assert not is_signed_in(again)
        again.post(STEP, {"code": newer})
        assert is_signed_in(again)

    def test_its_use_is_told_by_mail_and_stands_in_the_log(self, person, clock, mailoutbox):
        client = confirm(begin(person))
        add_app(client, clock)
        code = recovery_codes(client)[3]
        mailoutbox.clear()
        begin(person).post(STEP, {"code": code})
        assert [(mail.to, mail.subject) for mail in mailoutbox] == [([person.email], "HQ: Recovery code used")]
        assert "You have 9 left" in mailoutbox[0].body
        assert "recovery_code:used" in tags(person)
        assert code not in str([vars(event) for event in PersonEvent.objects.all()]) + mailoutbox[0].body


class TestAtTheSameMoment:
    HANDS = 4  # five wrong codes would be refused for another reason

    def opened(self, person, code) -> int:
        browsers = [begin(person) for _ in range(self.HANDS)]
        start = threading.Barrier(self.HANDS)

        def enter(browser):
            start.wait()
            try:
                browser.post(STEP, {"code": code})
                return is_signed_in(browser)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(self.HANDS) as pool:
            return sum(pool.map(enter, browsers))

    def test_one_code_signs_in_one_browser(self, person, app):
        assert self.opened(person, app.next_code()) == 1

    def test_one_recovery_code_signs_in_one_browser(self, person, clock):
        client = confirm(begin(person))
        add_app(client, clock)
        for code in recovery_codes(client)[:3]:
            assert self.opened(person, code) == 1


class TestAddingAndRemoving:
    @pytest.mark.parametrize("page", [ADD_APP, ADD_KEY])
    def test_adding_asks_who_they_are(self, person, page):
        client = begin(person)
        for answer in (client.get(page), client.post(page, {"code": "123456", "credential": "{}"})):
            assert answer.status_code == 302
            assert answer["Location"].startswith("/account/reauthenticate/?")
        assert not Authenticator.objects.exists()
        confirm(client)
        assert client.get(page).status_code == 200

    def test_without_a_password_only_a_young_session_may(self):
        client = sign_in(make_person())
        assert client.get(ADD_APP).status_code == 200
        UserSession.objects.update(created_at="2026-01-01T00:00:00Z")
        for page in (ADD_APP, ADD_KEY):
            answer = client.get(page)
            assert answer.status_code == 403
            assert b"asks for a fresh sign-in" in answer.content

    def test_who_has_no_password_sees_their_recovery_codes_right_after_adding(self, clock):
        client = sign_in(make_person())
        add_app(client, clock)
        assert len(recovery_codes(client)) == 10

    def test_removing_the_last_factor_asks_who_they_are(self, person, app):
        client = begin(person)
        client.post(STEP, {"code": app.next_code()})
        for page in (REMOVE_APP, f"{CODES}generate/"):
            for answer in (client.get(page), client.post(page)):
                assert answer["Location"].startswith("/account/reauthenticate/?"), page
        assert Authenticator.objects.filter(user=person).count() == 2
        client.post(AGAIN, {"code": app.next_code()})
        assert client.post(REMOVE_APP).status_code == 302
        assert not Authenticator.objects.exists()  # the recovery codes went with it
        assert is_signed_in(begin(person))

    def test_the_proof_grows_old(self, person, app, settings):
        client = confirm(begin_through(person, app))
        assert client.get(REMOVE_APP).status_code == 200
        settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
        assert client.get(REMOVE_APP).status_code == 302

    def test_a_wrong_code_adds_nothing_and_the_secret_stays_the_same(self, person, clock):
        client = confirm(begin(person))
        secret = secret_on(client.get(ADD_APP).content)
        answer = client.post(ADD_APP, {"code": "000000" if App(secret, clock).code() != "000000" else "111111"})
        assert secret_on(answer.content) == secret
        assert not Authenticator.objects.exists()

    def test_a_secret_that_the_server_did_not_give_adds_nothing(self, person, clock):
        client = confirm(begin(person))
        code = App("A" * 32, clock).code()
        assert client.post(ADD_APP, {"code": code, "secret": "A" * 32}).status_code == 200
        assert not Authenticator.objects.exists()

    def test_changes_are_told_by_mail_and_stand_in_the_log(self, person, clock, mailoutbox):
        client = confirm(begin(person))
        add_app(client, clock)
        client.post(f"{CODES}generate/")
        client.post(REMOVE_APP)
        told = [mail.subject.removeprefix("HQ: ") for mail in mailoutbox if mail.to == [person.email]]
        assert told == ["Authenticator app added", "New recovery codes", "Authenticator app removed"]
        wanted = ["factor:added", "recovery_codes:made", "recovery_codes:made", "factor:removed", "factor:removed"]
        assert [tag for tag in tags(person) if "factor" in tag or "codes" in tag] == wanted

    def test_use_and_refusal_stand_in_the_log(self, person, app):
        client = begin(person)
        client.post(STEP, {"code": "12"})
        client.post(STEP, {"code": app.next_code()})
        assert tags(person)[-3:] == ["factor:refused", "factor:used", "session:signed_in"]

    def test_another_persons_factor_is_nothing(self, person, app):
        other = Authenticator.objects.create(
            user=with_password(), type="webauthn", data={"name": "Theirs", "credential": {}}
        )
        client = confirm(begin_through(person, app))
        for verb in ("remove", "edit"):
            page = f"/account/2fa/webauthn/keys/{other.pk}/{verb}/"
            assert (client.get(page).status_code, client.post(page, {"name": "Mine"}).status_code) == (404, 404)
        other.refresh_from_db()
        assert other.data["name"] == "Theirs"

    def test_no_form_is_accepted_from_elsewhere(self, person, app):
        client = Client(enforce_csrf_checks=True)
        client.cookies = confirm(begin_through(person, app)).cookies
        keys = [
            f"/account/2fa/webauthn/{verb}/" for verb in ("login", "reauthenticate", "keys/1/remove", "keys/1/edit")
        ]
        for page in (ADD_APP, ADD_KEY, REMOVE_APP, f"{CODES}generate/", AGAIN, STEP, *keys):
            assert client.post(page, {"code": app.next_code(), "credential": "{}"}).status_code == 403, page
        assert Authenticator.objects.filter(user=person, type="totp").exists()


def begin_through(person: User, app: App) -> Client:
    client = begin(person)
    assert client.post(STEP, {"code": app.next_code()}).status_code == 302
    return client


class TestStepUp:
    def test_a_code_is_proof_enough_to_destroy_keys_and_one_is_asked_for(self, clock):
        from hq.db.context import tenant
        from keys.models import Cmk

        place = make_place()
        client = sign_in(place.owner)  # has no password
        app = add_app(client, clock)
        client = sign_in(place.owner)
        client.post(STEP, {"code": app.next_code()})
        with tenant(place.id):
            page = f"/o/{place.slug}/live/keys/{Cmk.objects.get().id}/destroy"
        assert f"{AGAIN}?next=".encode() in client.get(page).content
        answer = client.post(f"{AGAIN}?next={page}", {"code": app.next_code()})
        assert (answer.status_code, answer["Location"]) == (302, page)
        assert AGAIN.encode() not in client.get(page).content

    def test_with_a_password_either_will_do_and_the_page_offers_both(self, person, app):
        client = begin_through(person, app)
        assert AGAIN.encode() in client.get("/account/reauthenticate/").content
        assert client.post(AGAIN, {"code": app.next_code()}).status_code == 302
        assert client.get(REMOVE_APP).status_code == 200

    def test_a_used_code_is_no_proof(self, person, app):
        client = begin_through(person, app)
        client.post(AGAIN, {"code": app.code()})
        assert client.get(REMOVE_APP).status_code == 302
