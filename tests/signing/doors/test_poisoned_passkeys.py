"""Passkeys by which somebody signs what HQ would take and a verifier refuses: then they could say they never did."""

from base64 import urlsafe_b64decode
from typing import Any

import pytest
from fido2 import cbor

from tests.factors import SoftKey, coded
from tests.signing.signer.support import at
from tests.signing.signer.test_passkeys import give, options, prepared, with_key
from tests.signing.support import sent, signer

pytestmark = pytest.mark.django_db(transaction=True)


class Forger(SoftKey):
    """Writes its client data as it likes."""

    def __init__(self, private: SoftKey, forge: Any) -> None:
        vars(self).update(vars(private))
        self.forge = forge

    def _client(self, kind: str, wanted: dict[str, Any], changes: dict[str, Any]) -> bytes:
        made: bytes = self.forge(super()._client(kind, wanted, changes).decode())
        return made


CLIENT_DATA = {
    "a name twice": lambda text: text.replace("{", '{"type": "x", ', 1).encode(),
    "a fraction": lambda text: text.replace("{", '{"more": 1.5, ', 1).encode(),
    "a number beyond all": lambda text: text.replace("{", '{"more": 1e999, ', 1).encode(),
    "something deep": lambda text: text.replace("{", '{"more": ' + "[" * 500 + "]" * 500 + ", ", 1).encode(),
    "another code": lambda text: text.encode("utf-16-le"),
}


def test_what_the_browser_says_is_read_as_a_verifier_reads_it(place):
    agreement = sent(place)
    one = signer(agreement)
    client = prepared(one)
    key = with_key(one, client)
    for forge in CLIENT_DATA.values():
        assert give(one, client, Forger(key, forge).asserted(options(one, client))).status_code == 403
    assert signer(agreement).state == "consented"
    assert give(one, client, key.asserted(options(one, client))).status_code == 303


KEYS: dict[str, dict[Any, Any]] = {
    "more than a key": {"more": "x"},
    "a longer number": {-2: bytes(33)},
    "another algorithm": {1: 3, 3: -257, -1: b"\xff" * 256, -2: b"\1\0\1"},
    "another curve": {-1: 2},
    "a truth for a number": {-1: True},
}


def test_a_key_that_no_verifier_can_read_is_not_kept(place):
    one = signer(sent(place))
    client = prepared(one)
    offered = options(one, client)["pubKeyCredParams"]
    assert [each["alg"] for each in offered] == [-7]
    for change in KEYS.values():
        made = SoftKey().registered(options(one, client))
        assert give(one, client, with_public_key(made, change), "create").status_code == 403
    assert "user" in options(one, client), at(one)


def with_public_key(made: dict[str, Any], change: dict[Any, Any]) -> dict[str, Any]:
    """The same answer, its COSE key changed."""
    raw = made["response"]["attestationObject"]
    said: Any = cbor.decode(urlsafe_b64decode(raw + "=="))
    begin = 37 + 16 + 2 + 16
    key: Any = cbor.decode(said["authData"][begin:])
    data = said["authData"][:begin] + cbor.encode({**key, **change})
    response = made["response"] | {"attestationObject": coded(cbor.encode({**said, "authData": data}))}
    return made | {"response": response}
