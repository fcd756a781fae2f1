"""A signature by the signer's own key: what it covers, how anybody checks it, and what must not pass for it."""

import json
from base64 import urlsafe_b64decode
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from fido2 import cbor

from hq.db.context import tenant
from hq.lib.canonical import canonical
from signing import consents
from signing.actions.passkeys import PASSKEYS_MOST
from signing.models import Passkey
from tests.factors import SoftKey
from tests.signing.signer.support import agreed, arrived, at, read, signs
from tests.signing.support import link, person, sent, signer, signers, steps

pytestmark = pytest.mark.django_db(transaction=True)
UNPACKED = ("client_data", "authenticator_data", "signature", "public_key", "credential_id")


def options(one, client, more=""):
    """What the page hands to the browser."""
    page = client.get(at(one, "passkey") + more).content.decode()
    return json.loads(page.split('type="application/json">')[1].split("</script>")[0])["publicKey"]


def give(one, client, answer, act="get"):
    return client.post(at(one, "passkey"), {"act": act, "credential": json.dumps(answer)})


def prepared(one, client=None, **more):
    """A browser that has chosen to sign with a passkey too."""
    client = client or agreed(one)
    answer = signs(one, client, **{"with": "passkey"} | more)
    assert (answer.status_code, answer["Location"]) == (303, at(one, "passkey"))
    return client


def with_key(one, client):
    key = SoftKey()
    assert give(one, client, key.registered(options(one, client)), "create").status_code == 303
    return key


def unpacked(told):
    return {name: urlsafe_b64decode(told[name] + "==") for name in UNPACKED}


def test_the_key_signs_the_hash_of_document_consent_and_fields_and_anybody_can_check_it(place):
    agreement = sent(place, text="[[text:1 Price]] [[signature:1]]")
    one = signer(agreement)
    client = prepared(one, **{"field-1": "12 gold"})
    key = with_key(one, client)
    assert signer(agreement).state == "consented"
    assert give(one, client, key.asserted(options(one, client))).status_code == 303
    assert "Everybody has signed" in read(one, client)
    step = steps(agreement)[-1]
    facts = json.loads(step.document)["facts"]
    assert facts["passkey"] is True
    shown = unpacked(step.detail["passkey"])
    covered = {
        "agreement": str(agreement.id),
        "consent_sha256": consents.current("en").sha256,
        "document_sha256": agreement.document.sha256,
        "fields_sha256": facts["fields_sha256"],
        "signer": str(one.id),
    }
    challenge = sha256(canonical(covered)).digest()
    client_data = json.loads(shown["client_data"])
    assert urlsafe_b64decode(client_data["challenge"] + "==") == challenge
    public: Any = cbor.decode(shown["public_key"])
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(public[-2], "big"), int.from_bytes(public[-3], "big"), ec.SECP256R1()
    )
    signed = shown["authenticator_data"] + sha256(shown["client_data"]).digest()
    numbers.public_key().verify(shown["signature"], signed, ec.ECDSA(hashes.SHA256()))


def test_a_passkey_that_an_address_has_shown_is_asked_for_again(place):
    first = signer(sent(place))
    client = prepared(first)
    key = with_key(first, client)
    give(first, client, key.asserted(options(first, client)))
    second = signer(sent(place))
    client = prepared(second)
    wanted = options(second, client)
    assert "user" not in wanted
    assert len(wanted["allowCredentials"]) == 1
    assert wanted["userVerification"] == "required"
    assert "user" in options(second, client, "?another=1")
    assert give(second, client, key.asserted(wanted)).status_code == 303
    third = signer(sent(place, [person(3)]))
    assert "user" in options(third, prepared(third))


WRONG: list[dict[str, Any]] = [
    {"origin": "https://evil.example"},
    {"origin": "http://localhost.evil.example"},
    {"type": "webauthn.create"},
    {"challenge": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    {"rp": "evil.example"},
    {"flags": SoftKey.PRESENT},
    {"flags": SoftKey.VERIFIED},
]


def test_what_is_not_what_was_asked_signs_nothing(place):
    agreement = sent(place)
    one = signer(agreement)
    client = prepared(one)
    key = with_key(one, client)
    for wrong in WRONG:
        answer = give(one, client, key.asserted(options(one, client), **wrong))
        assert (answer.status_code, "was not accepted" in answer.content.decode()) == (403, True), wrong
    assert signer(agreement).state == "consented"


def test_what_cannot_be_read_is_refused(place):
    one = signer(sent(place))
    client = prepared(one)
    for answer in ("", "{", "[]", "{}", '{"rawId": 1}', "[" * 15_000, '{"a":"' + "x" * 30_000 + '"}'):
        for act in ("get", "create"):
            assert client.post(at(one, "passkey"), {"act": act, "credential": answer}).status_code == 403


def test_making_one_needs_a_person_before_the_device(place):
    one = signer(sent(place))
    client = prepared(one)
    made = SoftKey().registered(options(one, client), flags=SoftKey.PRESENT)
    assert give(one, client, made, "create").status_code == 403
    with tenant(place.id):
        assert not Passkey.objects.exists()


def test_another_key_than_the_addresss_own_signs_nothing(place):
    one = signer(sent(place))
    client = prepared(one)
    with_key(one, client)
    assert give(one, client, SoftKey().asserted(options(one, client))).status_code == 403


def test_a_key_of_another_address_signs_nothing_and_is_not_taken_over(place):
    one, other = signers(sent(place, 2))
    key = with_key(one, prepared(one))
    client = prepared(other)
    with_key(other, client)
    assert give(other, client, key.asserted(options(other, client))).status_code == 403
    assert give(other, client, key.registered(options(other, client, "?another=1")), "create").status_code == 403
    with tenant(place.id):
        assert Passkey.objects.count() == 2


def test_an_answer_counts_for_what_was_hashed_and_for_nothing_else(place):
    agreement = sent(place, 2, text="[[text:1 Price]] [[signature:1]] [[signature:2]]")
    one, other = signers(agreement)
    client = prepared(one, **{"field-1": "12 gold"})
    key = with_key(one, client)
    answer = key.asserted(options(one, client))
    prepared(one, client, **{"field-1": "13 gold"})  # in another tab, meanwhile
    assert give(one, client, answer).status_code == 403
    second = prepared(other)
    assert give(other, second, answer).status_code == 403
    assert give(one, client, key.asserted(options(one, client))).status_code == 303
    assert '"13 gold"' in json.dumps(steps(agreement)[-1].detail["fields"])


def test_the_page_is_nothing_before_there_is_something_to_sign(place):
    one = signer(sent(place))
    client = arrived(one)
    client.get(at(one))
    assert client.get(at(one, "passkey")).status_code == 409
    agreed(one, client)
    assert client.get(at(one, "passkey")).status_code == 400


def test_who_came_by_the_link_alone_makes_no_passkey(place):
    one = signer(sent(place, [person(1, method="link")]))
    client = arrived_by_link(one)
    agreed(one, client)
    assert "with a passkey" not in read(one, client)
    assert signs(one, client, **{"with": "passkey"}).status_code == 409


def arrived_by_link(one):
    client = Client()
    assert client.post(link(one), {"act": "enter"}).status_code == 303
    return client


def test_where_the_sender_asks_for_one_nothing_is_signed_without(place):
    agreement = sent(place, [person(1, method="passkey")])
    one = signer(agreement)
    client = agreed(one)
    assert "Go on to your passkey" in read(one, client)
    assert signs(one, client)["Location"] == at(one, "passkey")
    assert signer(agreement).state == "consented"
    key = with_key(one, client)
    assert give(one, client, key.asserted(options(one, client))).status_code == 303
    assert signer(agreement).state == "signed"


def test_an_address_has_some_passkeys_and_no_more(place):
    one = signer(sent(place))
    client = prepared(one)
    for _ in range(PASSKEYS_MOST):
        assert give(one, client, SoftKey().registered(options(one, client, "?another=1")), "create").status_code == 303
    more = SoftKey().registered(options(one, client, "?another=1"))
    assert give(one, client, more, "create").status_code == 403
