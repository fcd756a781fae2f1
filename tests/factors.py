"""An authenticator app and a passkey, as a person holds them, and the doors that they open."""

import hashlib
import hmac
import json
import os
import re
import struct
from base64 import b32decode, urlsafe_b64encode
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.test import Client
from fido2 import cbor

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


def coded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


class SoftKey:
    """A passkey made of software: it signs whatever it is told to, also what no browser would let it sign."""

    PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40

    def __init__(self) -> None:
        self.private, self.id, self.handle = ec.generate_private_key(ec.SECP256R1()), os.urandom(16), ""

    def _client(self, kind: str, options: dict[str, Any], changes: dict[str, Any]) -> bytes:
        told = {"type": kind, "challenge": options["challenge"], "origin": settings.BASE_URL, "crossOrigin": False}
        return json.dumps(told | changes).encode()

    def _answer(self, response: dict[str, str]) -> dict[str, Any]:
        return {
            "id": coded(self.id),
            "rawId": coded(self.id),
            "type": "public-key",
            "clientExtensionResults": {"credProps": {"rk": True}},
            "response": response,
        }

    def registered(self, options: dict[str, Any], flags: int = PRESENT | VERIFIED, **changes: Any) -> dict[str, Any]:
        """What `navigator.credentials.create` would give."""
        self.handle = options["user"]["id"]
        point = self.private.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}
        data = _rp("localhost") + bytes([flags | self.ATTESTED]) + bytes(4)
        data += bytes(16) + len(self.id).to_bytes(2) + self.id + cbor.encode(public)
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options, changes)
        return self._answer({"clientDataJSON": coded(client), "attestationObject": coded(attestation)})

    def asserted(
        self,
        options: dict[str, Any],
        flags: int = PRESENT | VERIFIED,
        rp: str = "localhost",
        handle: str | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """What `navigator.credentials.get` would give."""
        client = self._client("webauthn.get", options, changes)
        data = _rp(rp) + bytes([flags]) + bytes(4)
        signature = self.private.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            {
                "clientDataJSON": coded(client),
                "authenticatorData": coded(data),
                "signature": coded(signature),
                "userHandle": self.handle if handle is None else handle,
            }
        )


def _rp(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def asked(client: Client, page: str) -> dict[str, Any]:
    """What a page wants the browser to ask a passkey."""
    if page.endswith("/login/"):
        found: dict[str, Any] = client.get(page, headers={"accept": "application/json"}).json()["request_options"]
    else:
        block = re.search(r'id="hq-options" type="application/json">(.*?)</script>', client.get(page).content.decode())
        assert block
        found = json.loads(block[1])
    options: dict[str, Any] = found["publicKey"]
    return options


def add_key(client: Client, *, alone: bool = True, **how: Any) -> SoftKey:
    """Add a passkey, from the page that asks for one."""
    key, page = SoftKey(), "/account/2fa/webauthn/add/"
    sent = {"name": "Soft", "credential": json.dumps(key.registered(asked(client, page), **how))}
    client.post(page, sent | ({"passwordless": "on"} if alone else {}))
    return key
