"""What is sent as a passkey's answer: everything that no passkey made is refused alike. Real ones: tests/browser."""

import json
from base64 import urlsafe_b64encode

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from audit.models import PersonEvent
from tests.factories import make_person
from tests.factors import begin, confirm, is_signed_in, with_password

pytestmark = pytest.mark.django_db(transaction=True)
LOGIN, ADD = "/account/2fa/webauthn/login/", "/account/2fa/webauthn/add/"


@pytest.fixture(autouse=True)
def _no_limits_left_from_before() -> None:
    cache.clear()


def coded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def options(client):
    return client.get(LOGIN, headers={"accept": "application/json"}).json()["request_options"]["publicKey"]


def answer(challenge: str, handle: bytes | None, **changes) -> dict:
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
    first, second = options(Client()), options(Client())
    assert first["challenge"] != second["challenge"]
    assert not first.get("allowCredentials")
    assert (first["rpId"], first["userVerification"]) == ("localhost", "required")


def test_no_account_is_told_from_none():
    person, client = make_person(), Client()
    handles = [str(person.pk).encode(), b"00000000-0000-7000-8000-000000000000", b"nonsense", b"\xff\xfe", b"", None]
    said = [refusal(client, answer(options(client)["challenge"], handle)) for handle in handles]
    assert said == [["This passkey or security key was not accepted."]] * len(handles)


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://sub.localhost:1"},
        {"origin": "http://localhost:1"},
        {"crossOrigin": True},
        {"type": "webauthn.create"},
    ],
)
def test_an_answer_given_to_another_page_is_refused(changes):
    client = Client()
    handle = str(make_person().pk).encode()
    assert refusal(client, answer(options(client)["challenge"], handle, **changes))


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
    options(client)
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
