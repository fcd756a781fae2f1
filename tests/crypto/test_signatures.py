import base64
import hashlib
import json
import warnings

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc.jwk import OKPKey

from hq.crypto import signatures
from hq.crypto.signatures import (
    BadKey,
    BadSignature,
    decode,
    encode,
    generate,
    jwk_of,
    kid_of,
    public_of,
    public_of_jwk,
    public_pem,
    sign_jws,
    verify_jws,
)
from tests.crypto.ed25519 import FIELD, NOBODY_S_KEYS, forged

# RFC 8037, appendix A: its key, and the thumbprint of it.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = public_of(SEED)
KID = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
TYP = "hq-test+jws"
JWS = sign_jws(SEED, b'{"n":1}', typ=TYP)


def signed(header: object, payload: str = encode(b'{"n":1}')) -> str:
    """A JWS of our key whose header is anything at all."""
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    message = f"{encode(text)}.{payload}"
    return f"{message}.{encode(Ed25519PrivateKey.from_private_bytes(SEED).sign(message.encode()))}"


def refused(jws: str, public: bytes = PUBLIC, typ: str = TYP) -> None:
    with pytest.raises(BadSignature) as refusal:
        verify_jws(jws, public, typ=typ)
    assert str(refusal.value) == ""
    assert refusal.value.__cause__ is None


def test_it_names_the_key_of_rfc_8037_as_rfc_8037_does():
    assert encode(PUBLIC) == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert kid_of(PUBLIC) == KID


def test_it_writes_a_public_key_as_other_tools_read_it():
    assert jwk_of(PUBLIC) == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": encode(PUBLIC),
        "kid": KID,
        "alg": "EdDSA",
        "use": "sig",
    }
    key = load_pem_public_key(public_pem(PUBLIC).encode())
    assert isinstance(key, Ed25519PublicKey)
    assert key.public_bytes_raw() == PUBLIC
    assert jwt.PyJWK(jwk_of(PUBLIC)).key.public_bytes_raw() == PUBLIC


def test_it_makes_another_key_each_time():
    seeds = {generate() for _ in range(100)}
    assert {len(seed) for seed in seeds} == {32}
    assert len({public_of(seed) for seed in seeds}) == 100


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_it_takes_only_seeds_and_keys_of_32_bytes(length):
    with pytest.raises(ValueError):
        public_of(bytes(length))
    with pytest.raises(ValueError):
        sign_jws(bytes(length), b"", typ=TYP)
    for write in (kid_of, jwk_of, public_pem):
        with pytest.raises(BadKey):
            write(b"\x05" * length)
    refused(JWS, b"\x05" * length)


def test_it_is_laid_out_as_its_docstring_tells():
    header, payload, signature = JWS.split(".")
    assert decode(header) == json.dumps({"alg": "EdDSA", "kid": KID, "typ": TYP}, separators=(",", ":")).encode()
    assert decode(payload) == b'{"n":1}'
    assert decode(signature) == Ed25519PrivateKey.from_private_bytes(SEED).sign(f"{header}.{payload}".encode())


def test_pyjwt_verifies_what_it_signed():
    assert jwt.PyJWS().decode(JWS, jwt.PyJWK(jwk_of(PUBLIC)), algorithms=["EdDSA"]) == b'{"n":1}'


def test_joserfc_verifies_what_it_signed():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # RFC 9864 gives the algorithm a new name, which PyJWT does not know yet.
        opened = joserfc_jws.deserialize_compact(JWS, OKPKey.import_key(dict(jwk_of(PUBLIC))), ["EdDSA"])
    assert opened.payload == b'{"n":1}'


@given(st.binary(max_size=300), st.text(st.characters(codec="ascii"), min_size=1, max_size=20))
def test_it_gives_back_what_it_signed(payload, typ):
    assert verify_jws(sign_jws(SEED, payload, typ=typ), PUBLIC, typ=typ) == payload


def test_it_says_what_it_signs():
    with pytest.raises(ValueError):
        sign_jws(SEED, b"", typ="")
    refused(JWS, typ="hq-other+jws")
    refused(JWS, typ="")


def test_it_refuses_another_key():
    refused(JWS, public_of(generate()))


def test_it_refuses_every_changed_character():
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\x00é"
    for at, was in enumerate(JWS):
        for other in alphabet.replace(was, ""):
            refused(JWS[:at] + other + JWS[at + 1 :])


def test_it_refuses_every_cut_and_every_extension():
    for end in range(len(JWS)):
        refused(JWS[:end])
    for more in ("A", "=", "==", ".", "\n", " ", ".AAAA"):
        refused(JWS + more)
        refused(more + JWS)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "kid": KID, "typ": TYP},
        {"alg": "HS256", "kid": KID, "typ": TYP},
        {"alg": "ES256", "kid": KID, "typ": TYP},
        {"alg": "Ed25519", "kid": KID, "typ": TYP},
        {"alg": "eddsa", "kid": KID, "typ": TYP},
        {"alg": ["EdDSA"], "kid": KID, "typ": TYP},
        {"kid": KID, "typ": TYP},
        {"alg": "EdDSA", "typ": TYP},
        {"alg": "EdDSA", "kid": KID},
        {"alg": "EdDSA", "kid": kid_of(public_of(bytes(32))), "typ": TYP},
        {"alg": "EdDSA", "kid": KID, "typ": "JWT"},
        {"alg": "EdDSA", "kid": KID, "typ": TYP, "crit": ["b64"], "b64": False},
        {"alg": "EdDSA", "kid": KID, "typ": TYP, "crit": []},
        {"alg": "EdDSA", "kid": KID, "typ": TYP, "jwk": jwk_of(PUBLIC)},
        {"alg": "EdDSA", "kid": KID, "typ": TYP, "jku": "https://example.org/keys"},
        {"typ": TYP, "kid": KID, "alg": "EdDSA"},
        b'{"alg":"none","alg":"EdDSA","kid":"%b","typ":"%b"}' % (KID.encode(), TYP.encode()),
        b'{"alg": "EdDSA", "kid": "%b", "typ": "%b"}' % (KID.encode(), TYP.encode()),
        b"",
        b"null",
        b"\xff",
    ],
    ids=str,
)
def test_it_refuses_every_other_header_though_the_signature_holds(header):
    refused(signed(header))


def test_its_headers_differ_from_the_right_one_in_nothing_else():
    assert signed({"alg": "EdDSA", "kid": KID, "typ": TYP}) == JWS


def test_it_takes_no_public_key_for_a_shared_secret():
    for secret in (PUBLIC, public_pem(PUBLIC).encode()):
        message = f"{encode(json.dumps({'alg': 'HS256', 'kid': KID, 'typ': TYP}).encode())}.{encode(b'{}')}"
        tag = hashlib.sha256(secret + message.encode()).digest()
        refused(f"{message}.{encode(tag)}")
        refused(f"{message}.")


def test_it_refuses_a_second_spelling_of_the_payload_though_the_signature_holds():
    for payload in ("eyJuIjoxfR", "eyJuIjoxfQ==", "eyJuIjox fQ", "eyJuIjoxfQ\n"):
        refused(signed({"alg": "EdDSA", "kid": KID, "typ": TYP}, payload))


@pytest.mark.parametrize("public", NOBODY_S_KEYS, ids=bytes.hex)
def test_it_refuses_keys_under_which_anyone_can_sign(public):
    kid = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": encode(public)}).thumbprint()
    header = encode(json.dumps({"alg": "EdDSA", "kid": kid, "typ": TYP}, separators=(",", ":")).encode())
    messages = (f"{header}.{encode(str(number).encode())}" for number in range(1000))
    # OpenSSL accepts it: that this exists is what makes the guard necessary.
    message, signature = next((m, s) for m in messages if (s := forged(public, m.encode())))
    refused(f"{message}.{encode(signature)}", public)
    with pytest.raises(BadSignature):
        signatures.verify(public, message.encode(), signature)
    for write in (kid_of, jwk_of, public_pem):
        with pytest.raises(BadKey):
            write(public)


@pytest.mark.parametrize("y", range(2, 19))
@pytest.mark.parametrize("sign", [0, 1])
def test_it_refuses_a_coordinate_that_is_not_reduced(y, sign):
    with pytest.raises(BadKey):
        kid_of((y + FIELD | sign << 255).to_bytes(32, "little"))
    assert kid_of((y | sign << 255).to_bytes(32, "little"))


def test_it_reads_the_keys_it_wrote():
    assert public_of_jwk(jwk_of(PUBLIC)) == PUBLIC


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "EC"},
        {"crv": "X25519"},
        {"alg": "Ed25519"},
        {"use": "enc"},
        {"kid": kid_of(public_of(bytes(32)))},
        {"kid": None},
        {"d": encode(SEED)},
        {"x": encode(PUBLIC) + "="},
        {"x": encode(PUBLIC[:31])},
        {"x": encode(NOBODY_S_KEYS[0])},
        {"x": None},
        {"x": 1},
    ],
    ids=str,
)
def test_it_reads_no_other_keys(change):
    with pytest.raises(BadKey):
        public_of_jwk(jwk_of(PUBLIC) | change)


def test_it_reads_no_key_that_lacks_a_part():
    for name in jwk_of(PUBLIC):
        with pytest.raises(BadKey):
            public_of_jwk({other: value for other, value in jwk_of(PUBLIC).items() if other != name})


@given(st.binary(max_size=100))
def test_it_writes_base64url_in_one_spelling(raw):
    assert encode(raw) == base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert decode(encode(raw)) == raw


@pytest.mark.parametrize("text", ["A", "AB", "AAB", "AA==", "AA=", "A A", "AA\n", "+/+/", "é", "AAAAA"])
def test_it_reads_no_other_base64url(text):
    with pytest.raises(ValueError):
        decode(text)
