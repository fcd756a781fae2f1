"""Passkeys as the server judges them: what was signed for anything else opens nothing, and all is refused alike."""

import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from audit.models import PersonEvent
from tenants.models import User
from tests.factories import make_person
from tests.factors import SoftKey, add_key, asked, begin, coded, confirm, is_signed_in, with_password

pytestmark = pytest.mark.django_db(transaction=True)
STEP = "/account/2fa/authenticate/"
LOGIN, ADD = "/account/2fa/webauthn/login/", "/account/2fa/webauthn/add/"


@pytest.fixture(autouse=True)
def _no_limits_left_from_before() -> None:
    cache.clear()


def answer(challenge: str, handle: bytes | None, **changes) -> dict[str, Any]:
    """The form of an assertion, without a key that could have signed it."""
    client = {"type": "webauthn.get", "challenge": challenge, "origin": settings.BASE_URL, "crossOrigin": False}
    response = {
        "clientDataJSON": coded(json.dumps(client | changes).encode()),
        "authenticatorData": coded(b"\0" * 32 + b"\x05" + b"\0" * 4),
        "signature": coded(b"\x30\x06\x02\x01\x01\x02\x01\x01"),
    }
    if handle is not None:
        response["userHandle"] = coded(handle)
    return {"id": coded(b"x" * 16), "rawId": coded(b"x" * 16), "type": "public-key", "response": response}


def refusal(client, credential) -> list[str]:
    """Send it; what the sign-in page says then."""
    sent = client.post(LOGIN, {"credential": credential if isinstance(credential, str) else json.dumps(credential)})
    assert (sent.status_code, sent["Location"]) == (302, "/account/login/")
    page = client.get("/account/login/")
    assert not is_signed_in(client)
    return [str(message) for message in page.context["messages"]]


def test_the_challenge_is_another_each_time_and_names_no_account():
    first, second = asked(Client(), LOGIN), asked(Client(), LOGIN)
    assert first["challenge"] != second["challenge"]
    assert not first.get("allowCredentials")
    assert (first["rpId"], first["userVerification"]) == ("localhost", "required")


def test_no_account_is_told_from_none():
    person, client = make_person(), Client()
    handles = [str(person.pk).encode(), b"00000000-0000-7000-8000-000000000000", b"nonsense", b"\xff\xfe", b"", None]
    said = [refusal(client, answer(asked(client, LOGIN)["challenge"], handle)) for handle in handles]
    assert said == [["This passkey or security key was not accepted."]] * len(handles)


@pytest.fixture
def person(transactional_db):
    return with_password()


@pytest.fixture
def key(person):
    made = add_key(confirm(begin(person)))
    assert Authenticator.objects.get(type="webauthn").user == person
    return made


def sign_in_with(credential, client) -> bool:
    client.post(LOGIN, {"credential": json.dumps(credential)})
    return is_signed_in(client)


class TestSigningInAlone:
    def test_a_passkey_does(self, key):
        client = Client()
        assert sign_in_with(key.asserted(asked(client, LOGIN)), client)

    def test_an_answer_counts_once(self, key):
        client, other = Client(), Client()
        answer = key.asserted(asked(client, LOGIN))
        assert sign_in_with(answer, client)
        client.post("/account/logout/")
        asked(other, LOGIN)
        for again in (client, other):
            assert not sign_in_with(answer, again)

    PORT = settings.BASE_URL.rsplit(":", 1)[1]

    @pytest.mark.parametrize(
        "changes",
        [
            {"origin": "https://evil.example"},
            {"origin": "http://localhost:1"},
            {"origin": f"https://localhost:{PORT}"},
            {"origin": f"http://sub.localhost:{PORT}"},
            {"origin": f"http://LOCALHOST:{PORT}/"},
            {"origin": None},
            {"crossOrigin": True},
            {"type": "webauthn.create"},
            {"challenge": coded(b"x" * 32)},
            {"rp": "evil.example"},
            {"flags": SoftKey.PRESENT},
            {"flags": SoftKey.VERIFIED},
            {"handle": coded(b"00000000-0000-7000-8000-000000000000")},
        ],
        ids=range(13),
    )
    def test_what_was_signed_for_anything_else_does_not(self, key, changes):
        client = Client()
        assert not sign_in_with(key.asserted(asked(client, LOGIN), **changes), client)

    def test_another_key_does_not_even_with_the_name_of_this_one(self, key):
        forged, client = SoftKey(), Client()
        forged.id, forged.handle = key.id, key.handle
        assert not sign_in_with(forged.asserted(asked(client, LOGIN)), client)

    def test_a_key_opens_the_account_of_its_owner_only(self, key):
        other, client = with_password(), Client()
        theirs = add_key(confirm(begin(other)))
        assert not sign_in_with(key.asserted(asked(client, LOGIN), handle=theirs.handle), client)

    def test_a_removed_key_does_not(self, person, key):
        Authenticator.objects.filter(user=person).delete()
        client = Client()
        assert not sign_in_with(key.asserted(asked(client, LOGIN)), client)

    def test_a_disabled_person_does_not(self, person, key):
        User.objects.filter(pk=person.pk).update(is_active=False)
        client = Client()
        assert not sign_in_with(key.asserted(asked(client, LOGIN)), client)


class TestTheSecondStep:
    def test_a_key_of_the_account_is_asked_for_and_does(self, person, key):
        client = begin(person)
        options = asked(client, STEP)
        assert [known["id"] for known in options["allowCredentials"]] == [coded(key.id)]
        client.post(STEP, {"credential": json.dumps(key.asserted(options, flags=SoftKey.PRESENT))})
        assert is_signed_in(client)

    def test_another_persons_key_does_not(self, person, key):
        other = with_password()
        theirs = add_key(confirm(begin(other)))
        client = begin(person)
        client.post(STEP, {"credential": json.dumps(theirs.asserted(asked(client, STEP)))})
        assert not is_signed_in(client)

    def test_it_cannot_be_left_out(self, person, key):
        for sent in ({}, {"credential": ""}, {"code": ""}, {"code": "000000"}):
            client = begin(person)
            client.post(STEP, sent)
            assert not is_signed_in(client)


class TestAdding:
    def added(self, person, **how):
        add_key(confirm(begin(person)), **how)
        return Authenticator.objects.filter(user=person, type="webauthn").exists()

    @pytest.mark.parametrize(
        "how", [{"origin": "http://sub.localhost:1"}, {"challenge": "AAAA"}, {"type": "webauthn.get"}, {"flags": 1}]
    )
    def test_what_was_made_for_anything_else_is_refused(self, person, how):
        assert not self.added(person, **how)

    def test_a_key_that_asks_nothing_of_its_holder_is_a_second_step_only(self, person):
        assert self.added(person, alone=False, flags=SoftKey.PRESENT)

    def test_a_name_that_hides_something_is_refused(self, person):
        client, key = confirm(begin(person)), SoftKey()
        sent = json.dumps(key.registered(asked(client, ADD)))
        assert client.post(ADD, {"name": "a\u202eb", "credential": sent}).status_code == 200
        assert not Authenticator.objects.exists()

    def test_the_recovery_codes_come_with_it(self, person):
        assert self.added(person)
        assert Authenticator.objects.filter(user=person, type="recovery_codes").exists()


HOSTILE = [
    "{}",
    "[]",
    "null",
    '"text"',
    "1",
    '{"id": 1, "rawId": [], "type": {}, "response": 5}',
    '{"response": {"clientDataJSON": 7}}',
    '{"response": {"clientDataJSON": "////"}}',
    '{"response": {"clientDataJSON": "' + coded(b"[1]") + '"}}',
    '{"response": {"clientDataJSON": "' + coded(b'{"origin": "' + settings.BASE_URL.encode() + b'"}') + '"}}',
    json.dumps(answer("AAAA", b"x") | {"rawId": 5}),
    json.dumps(answer("AAAA", b"x") | {"id": "other"}),
    json.dumps(answer("AAAA", b"x") | {"response": {**answer("AAAA", b"x")["response"], "authenticatorData": "AA"}}),
    json.dumps(answer("AAAA", b"x") | {"response": {**answer("AAAA", b"x")["response"], "userHandle": 5}}),
    "[" * 100_000,
    "",
    "\x00",
]


@pytest.mark.parametrize("sent", HOSTILE, ids=range(len(HOSTILE)))
def test_bytes_that_are_no_credential_are_refused_and_nothing_breaks(sent):
    client = Client()
    asked(client, LOGIN)
    assert refusal(client, sent) == ["This passkey or security key was not accepted."]


@pytest.mark.parametrize("sent", HOSTILE, ids=range(len(HOSTILE)))
def test_and_none_of_them_becomes_a_key(sent):
    client = confirm(begin(with_password()))
    client.get(ADD)
    assert client.post(ADD, {"name": "Mine", "credential": sent}).status_code == 200
    assert not Authenticator.objects.exists()


def test_no_answer_without_a_question():
    assert refusal(Client(), answer("AAAA", str(make_person().pk).encode()))


def test_passkeys_are_tried_ten_times_a_minute_from_one_address():
    client = Client()
    for _ in range(10):
        client.post(LOGIN, {"credential": "{}"})
    assert client.post(LOGIN, {"credential": "{}"}).status_code == 429


def test_a_refused_one_stands_in_the_log_without_what_was_sent():
    refusal(Client(), answer("AAAA", b"secret-handle"))
    event = PersonEvent.objects.get(tag="factor:refused")
    assert (event.person_id, event.target_id) == (None, "webauthn")
