"""A statement with any byte changed, and files made to be misread: both readers refuse them, bin/verify says why."""

import json
from typing import Any

import pytest

from hq.crypto.signatures import BadSignature, encode, jwk_of, public_of, sign
from hq.crypto.statements import TYP, build, open_file
from tests.crypto.ed25519 import NOBODY_S_KEYS, forged
from tests.verify.program import VERIFY
from tests.verify.samples import (
    CERTIFICATE,
    KID,
    PUBLIC,
    SEED,
    STRANGER,
    certificate,
    changed_and_signed,
    compact,
    content,
    signed_as_it_is,
    with_header,
    with_jws,
)

RAW = certificate()
STATEMENT = content(RAW)
JWS = json.loads(RAW)["jws"]
HEADER, PAYLOAD, SIGNATURE = JWS.split(".")
RIGHT = {"alg": "EdDSA", "kid": KID, "typ": TYP}


def refusal(raw: bytes, anchor: set[str] | None = None) -> str:
    """What bin/verify says when both readers refuse, whatever key is expected."""
    with pytest.raises(BadSignature):
        open_file(raw, PUBLIC)
    with pytest.raises(VERIFY.Refused) as refused:
        VERIFY.examine(raw, anchor)
    return str(refused.value)


def test_the_unchanged_file_holds():
    assert open_file(RAW, PUBLIC) == STATEMENT
    assert VERIFY.examine(RAW, {KID})


def test_every_changed_byte_is_refused():
    for at in range(len(RAW)):
        refusal(RAW[:at] + bytes([RAW[at] ^ 1 << at % 8]) + RAW[at + 1 :])


def test_bytes_left_out_or_put_in_are_refused():
    for at in range(0, len(RAW), 5):
        refusal(RAW[:at] + RAW[at + 1 :])
        refusal(RAW[:at] + b" " + RAW[at:])


def test_a_cut_is_refused_wherever_it_is():
    for end in range(0, len(RAW), 7):
        refusal(RAW[:end])


NOT_THE_ONE_SPELLING = {
    "white space after it": (RAW + b"\n", "not in canonical form (RFC 8785), from byte"),
    "white space before it": (b" " + RAW, "not in canonical form (RFC 8785), from byte 0"),
    "lines ended by CRLF": (RAW.replace(b"},", b"},\r\n"), "not in canonical form"),
    "pretty-printed": (json.dumps(json.loads(RAW), indent=2, ensure_ascii=False).encode(), "not in canonical form"),
    "escaped": (json.dumps(json.loads(RAW), separators=(",", ":")).encode(), "not in canonical form"),
    "in another order": (b'{"statement":%b,"jws":"%b"}' % (compact(STATEMENT), JWS.encode()), "not in canonical form"),
    "a byte order mark": (b"\xef\xbb\xbf" + RAW, "is not JSON: Unexpected UTF-8 BOM"),
    "a zero byte": (RAW + b"\0", "is not JSON: Extra data"),
    "two certificates": (RAW + RAW, "is not JSON: Extra data"),
    "one certificate a line": (RAW + b"\n" + RAW, "is not JSON: Extra data"),
    "UTF-16": (RAW.decode().encode("utf-16"), "is not UTF-8, from byte 0"),
    "invalid UTF-8": (RAW.replace("ö".encode(), b"\xff"), "is not UTF-8"),
    "overlong UTF-8": (RAW.replace(b"Plaintext", b"\xc1\x90laintext"), "is not UTF-8"),
    "a surrogate": (RAW.replace("ö".encode(), b"\\ud800"), "half a surrogate pair"),
    "a member twice": (RAW.replace(b'"rows":12', b'"rows":12,"rows":12'), "name rows twice"),
    "a statement twice": (RAW[:-1] + b',"statement":' + compact(STATEMENT) + b"}", "name statement twice"),
    "a third member": (compact(json.loads(RAW) | {"note": ""}), "members are not jws and statement"),
    "too much": (RAW + b" " * 1024 * 1024, "more than 1 MiB"),
    "nothing": (b"", "is not JSON"),
    "null": (b"null", "members are not jws and statement"),
    "a list": (b"[%b]" % RAW, "members are not jws and statement"),
    "only a bracket, often": (b"[" * 1024 * 1024, "nested more than 32 deep"),
    "brackets, often": (b"[" * 500_000 + b"]" * 500_000, "nested more than 32 deep"),
    "objects, often": (b'{"jws":' * 100_000 + b"1" + b"}" * 100_000, "nested more than 32 deep"),
    "a number of 500,000 digits": (b'{"jws":%b}' % (b"9" * 500_000), "number beyond 2^53"),
}


@pytest.mark.parametrize("case", NOT_THE_ONE_SPELLING)
def test_it_has_one_spelling(case):
    raw, why = NOT_THE_ONE_SPELLING[case]
    assert why in refusal(raw)


def spelled(name: str, value: bytes) -> bytes:
    """A certificate with one more member, canonical but for its value; our own key signed these very bytes."""
    return signed_as_it_is(compact(STATEMENT)[:-1].replace(b'"v":1', b'"v":1,"%b":%b}' % (name.encode(), value)))


SIGNED_ALL_THE_SAME = {
    "NaN": (spelled("x", b"NaN"), "no integer: NaN"),
    "infinity": (spelled("x", b"-Infinity"), "no integer: -Infinity"),
    "a fraction": (spelled("x", b"1.5"), "no integer: 1.5"),
    "a whole fraction": (spelled("x", b"1.0"), "no integer: 1.0"),
    "an exponent": (spelled("x", b"1e2"), "no integer: 1e2"),
    "minus zero": (spelled("x", b"-0"), "not in canonical form"),
    "2^53": (spelled("x", b"9007199254740992"), "number beyond 2^53"),
    "2^64": (spelled("x", b"18446744073709551616"), "number beyond 2^53"),
    "half a pair": (spelled("x", b'"\\udfff"'), "half a surrogate pair"),
    "33 deep": (spelled("x", b"[" * 31 + b"]" * 31), "nested more than 32 deep"),
    "a member twice": (spelled("v", b"1"), "name v twice"),
    "another version": (changed_and_signed(v=2), "type is unknown here: hq/deletion-certificate, version 2"),
    "a version in words": (changed_and_signed(v="1"), "type is unknown here"),
    "a version that is true": (changed_and_signed(v=True), "field statement.v is not a whole number"),
    "another type": (changed_and_signed(type="hq/\x1b[2Jother"), "unknown here: hq/\\u{1b}[2Jother, version 1"),
    "no type": (changed_and_signed(type=None), "field statement.type is not a text"),
    "a time elsewhere": (changed_and_signed(issued_at="2026-11-22T05:09:00+01:00"), "issued_at is not a time in UTC"),
    "a list": (signed_as_it_is(b"[]"), "field statement is not of the right type"),
    "null": (signed_as_it_is(b"null"), "field statement is not of the right type"),
    "no key": (changed_and_signed(signed_by=None), "signed_by is not of the right type"),
    "half a key": (changed_and_signed(signed_by={"x": encode(PUBLIC)}), "key that it names is described wrongly"),
    "a private key": (
        changed_and_signed(signed_by=jwk_of(PUBLIC) | {"d": encode(SEED)}),
        "key that it names is described wrongly",
    ),
    "a padded key": (changed_and_signed(signed_by=jwk_of(PUBLIC) | {"x": encode(PUBLIC) + "="}), "proves anything"),
    "a short key": (changed_and_signed(signed_by=jwk_of(PUBLIC) | {"x": encode(PUBLIC[:31])}), "proves anything"),
    "another name of the key": (changed_and_signed(signed_by=jwk_of(PUBLIC) | {"kid": "k"}), "described wrongly"),
    "another's key": (changed_and_signed(signed_by=jwk_of(public_of(STRANGER))), "header of its signature is"),
}


@pytest.mark.parametrize("case", SIGNED_ALL_THE_SAME)
def test_a_good_signature_does_not_make_it_a_statement(case):
    raw, why = SIGNED_ALL_THE_SAME[case]
    assert why in refusal(raw)


@pytest.mark.parametrize(
    "header",
    [
        RIGHT | {"alg": "none"},
        RIGHT | {"alg": "HS256"},
        RIGHT | {"alg": "ES256"},
        RIGHT | {"alg": "Ed25519"},
        RIGHT | {"kid": "k"},
        RIGHT | {"typ": "JWT"},
        RIGHT | {"crit": ["b64"], "b64": False},
        RIGHT | {"jwk": jwk_of(public_of(STRANGER))},
        RIGHT | {"jku": "https://example.org"},
        {"alg": "EdDSA"},
        [],
        None,
    ],
    ids=str,
)
def test_another_header_is_refused_though_the_signature_holds(header: Any):
    assert with_header(RIGHT) == RAW
    assert f'and has to be {{"alg":"EdDSA","kid":"{KID}","typ":"{TYP}"}}.' in refusal(with_header(header))


@pytest.mark.parametrize(
    ("jws", "why"),
    [
        (None, "no compact JWS"),
        ([JWS], "no compact JWS"),
        ("", "no compact JWS"),
        (f"{HEADER}.{PAYLOAD}", "no compact JWS"),
        (f"{JWS}.", "no compact JWS"),
        (f"{HEADER}..{SIGNATURE}", "not the one that was signed"),
        (f"{HEADER}.{PAYLOAD}=.{SIGNATURE}", "not the one that was signed"),
        (f"{HEADER}.{PAYLOAD}.", "does not have the 64 bytes"),
        (f"{HEADER}.{PAYLOAD}.{SIGNATURE}==", "does not have the 64 bytes"),
        (f"{HEADER}.{PAYLOAD}.{SIGNATURE}AA", "does not have the 64 bytes"),
        (f"{HEADER}.{PAYLOAD}.{'A' * 86}", "signature does not hold"),
    ],
    ids=str,
)
def test_another_form_of_the_signature_is_refused(jws: Any, why: str):
    assert why in refusal(with_jws(jws))


def test_a_signature_with_s_beyond_the_order_is_refused():
    order = 2**252 + 27742317777372353535851937790883648493
    raw = sign(SEED, f"{HEADER}.{PAYLOAD}".encode())
    high = raw[:32] + (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    assert "signature does not hold" in refusal(with_jws(f"{HEADER}.{PAYLOAD}.{encode(high)}"))


def test_the_signature_of_another_statement_is_refused():
    other = json.loads(certificate(destroyed_at="2026-11-22T05:08:59Z"))["jws"]
    assert "not the one that was signed" in refusal(with_jws(other))


@pytest.mark.parametrize("name", sorted(CERTIFICATE))
def test_a_statement_lacks_no_field(name):
    kept = {other: value for other, value in STATEMENT.items() if other != name}
    raw = signed_as_it_is(compact(kept))
    with pytest.raises(VERIFY.Refused, match=rf"Its field statement\.{name} is not"):
        VERIFY.examine(raw, {KID})


@pytest.mark.parametrize("public", NOBODY_S_KEYS, ids=bytes.hex)
def test_a_key_under_which_anyone_can_sign_is_refused(public):
    x = encode(public)
    kid = VERIFY.thumbprint(x)
    header = encode(compact(RIGHT | {"kid": kid}))
    signed_by = jwk_of(PUBLIC) | {"kid": kid, "x": x}
    tries = (compact(STATEMENT | {"signed_by": signed_by, "id": f"attempt-{number}"}) for number in range(1000))
    messages = ((statement, f"{header}.{encode(statement)}") for statement in tries)
    statement, message, signature = next((s, m, f) for s, m in messages if (f := forged(public, m.encode())))
    assert VERIFY.openssl_accepts(public, message.encode(), signature)
    raw = b'{"jws":"%b.%b","statement":%b}' % (message.encode(), encode(signature).encode(), statement)
    assert "none under which a signature proves anything" in refusal(raw, {kid})
    with pytest.raises(BadSignature):
        open_file(raw, public)


def test_a_stranger_who_signs_it_again_is_found_by_whoever_expects_a_key():
    raw = build(CERTIFICATE, STRANGER)
    with pytest.raises(BadSignature):
        open_file(raw, PUBLIC)
    with pytest.raises(VERIFY.Refused, match="which is not one that you expected"):
        VERIFY.examine(raw, {KID})
    assert "nobody said whose key to expect" in VERIFY.examine(raw, None)[0]
