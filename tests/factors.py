"""An authenticator app, and the doors that it opens."""

import hashlib
import hmac
import re
import struct
from base64 import b32decode
from types import SimpleNamespace

import pytest
from django.test import Client

from tenants.models import User
from tests.factories import make_person

PASSWORD = "correct horse battery staple"


class Clock:
    """The time by which codes are judged: it passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def wait(self, seconds: float = 30) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("allauth.mfa.totp.internal.auth.time", SimpleNamespace(time=lambda: made.now))
    return made


class App:
    """RFC 6238, written once more: what the person holds in their hand."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self.secret, self.clock = secret, clock

    def code(self, steps: int = 0) -> str:
        counter = struct.pack(">Q", int(self.clock.now) // 30 + steps)
        digest = hmac.new(b32decode(self.secret), counter, hashlib.sha1).digest()
        start = digest[-1] & 15
        return f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 10**6:06}"

    def next_code(self) -> str:
        self.clock.wait()
        return self.code()


def with_password(email: str = "") -> User:
    person = make_person(email)
    person.set_password(PASSWORD)
    person.save()
    return person


def begin(person: User, client: Client | None = None) -> Client:
    """A browser that has given the password, and is asked for more if there is more to give."""
    client = client or Client()
    client.post("/account/login/", {"login": person.email, "password": PASSWORD})
    return client


def confirm(client: Client) -> Client:
    """Show once more that it is they, by the password."""
    answer = client.post("/account/reauthenticate/", {"password": PASSWORD})
    assert answer.status_code == 302
    return client


def secret_on(page: bytes) -> str:
    found = re.search(r"<code tabindex=\"0\">([A-Z2-7 ]+)</code>", page.decode())
    assert found, page
    return found[1].replace(" ", "")


def add_app(client: Client, clock: Clock) -> App:
    """Add an app, as a person would: read the secret from the page, type the code."""
    app = App(secret_on(client.get("/account/2fa/totp/activate/").content), clock)
    answer = client.post("/account/2fa/totp/activate/", {"code": app.code()})
    assert answer.status_code == 302, answer.content
    return app


def recovery_codes(client: Client) -> list[str]:
    return re.findall(r"<li>(\d{8})</li>", client.get("/account/2fa/recovery-codes/").content.decode())


def is_signed_in(client: Client) -> bool:
    return client.get("/organizations/").status_code == 200
