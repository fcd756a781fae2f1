import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hq.crypto.tokens import MAX_CHARACTERS, PREFIX, BadToken, SealedTokens

KEY = bytes(range(32))
TOKENS = SealedTokens(KEY)
HEADER = bytes(range(16))
ALPHABET = string.ascii_letters + string.digits + "-_"


def _refused(token: str) -> None:
    with pytest.raises(BadToken) as refused:
        TOKENS.open(token)
    assert refused.value.args == ()
    assert refused.value.__cause__ is None


@given(st.binary(min_size=16, max_size=16), st.binary(max_size=300))
def test_it_opens_what_it_sealed(header, payload):
    token = TOKENS.seal(header, payload)
    assert TOKENS.open(token) == payload
    assert SealedTokens.header_of(token) == header
    assert token.startswith("hqs_")
    assert set(token) <= set(ALPHABET)


def test_it_is_laid_out_as_its_docstring_tells():
    token = TOKENS.seal(HEADER, b"payload")
    raw = base64.urlsafe_b64decode(token.removeprefix("hqs_") + "==")
    assert raw[:1] == b"\x01"
    assert raw[1:17] == HEADER
    assert len(raw) == 1 + 16 + 12 + len(b"payload") + 16
    assert b"payload" not in raw


def test_it_makes_another_token_each_time():
    assert TOKENS.seal(HEADER, b"x") != TOKENS.seal(HEADER, b"x")


# Three lengths, so that every number of leftover bits occurs at the end.
@pytest.mark.parametrize("payload", [b"", b"a", b"ab"], ids=len)
def test_it_refuses_every_change_of_a_single_character(payload):
    token = TOKENS.seal(HEADER, payload)
    for position, character in enumerate(token):
        for other in ALPHABET + "=+/. \n\x00\u00e9":
            if other != character:
                _refused(token[:position] + other + token[position + 1 :])


@pytest.mark.parametrize("payload", [b"", b"a", b"ab"], ids=len)
def test_it_refuses_every_missing_and_every_doubled_character(payload):
    token = TOKENS.seal(HEADER, payload)
    for position in range(len(token)):
        _refused(token[:position])
        _refused(token[:position] + token[position + 1 :])
        _refused(token[: position + 1] + token[position:])


def test_it_has_one_spelling_only():
    token = TOKENS.seal(HEADER, b"a")
    raw = base64.urlsafe_b64decode(token.removeprefix(PREFIX) + "=" * (-len(token.removeprefix(PREFIX)) % 4))
    spellings = [letter for letter in ALPHABET if _lenient(token[:-1] + letter) == raw]
    assert len(spellings) > 1  # A lenient decoder takes each of them.
    for letter in spellings:
        if token[-1] != letter:
            _refused(token[:-1] + letter)
            with pytest.raises(BadToken):
                SealedTokens.header_of(token[:-1] + letter)


def _lenient(token: str) -> bytes:
    body = token.removeprefix(PREFIX)
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token + "=",
        lambda token: token + "==",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token + " ",
        lambda token: token[:20] + "\n" + token[20:],
        lambda token: token[:20] + " " + token[20:],
        lambda token: token.upper(),
        lambda token: "HQS_" + token.removeprefix(PREFIX),
        lambda token: token.removeprefix(PREFIX),
        lambda token: PREFIX + token,
        lambda token: token.replace("hqs_", "hqs_\u200b"),
        lambda token: token[:-1] + "\uff21",
        lambda token: token[:-1] + "\u0661",
        lambda token: token[:-1] + "\ud800",
        lambda token: token[:-1] + "\x00",
        lambda token: "%68" + token[1:],
        lambda token: token + "A" * MAX_CHARACTERS,
        lambda token: token + "A" * 10_000_000,
        lambda _: "",
        lambda _: PREFIX,
        lambda _: PREFIX + "A",
        lambda _: PREFIX + "AQ" * 20,
    ],
)
def test_it_refuses_another_form(spoil):
    _refused(spoil(TOKENS.seal(HEADER, b"a")))
    with pytest.raises(BadToken):
        SealedTokens.header_of(spoil(TOKENS.seal(HEADER, b"a")))


@given(st.text(max_size=120) | st.text(ALPHABET, max_size=120).map(PREFIX.__add__))
def test_it_refuses_whatever_was_not_sealed(token):
    _refused(token)


def test_it_refuses_a_token_of_another_key():
    _refused(SealedTokens(bytes(32)).seal(HEADER, b"a"))


def test_it_refuses_another_header_and_another_version():
    raw = bytearray(base64.urlsafe_b64decode(TOKENS.seal(HEADER, b"ab").removeprefix(PREFIX) + "=" * 3))
    for position in range(17):
        changed = bytearray(raw)
        changed[position] ^= 1
        _refused(PREFIX + base64.urlsafe_b64encode(changed).decode().rstrip("="))


def test_it_refuses_the_body_of_one_token_under_the_header_of_another():
    raw = [base64.urlsafe_b64decode(TOKENS.seal(bytes([n]) * 16, b"ab").removeprefix(PREFIX) + "===") for n in (1, 2)]
    _refused(PREFIX + base64.urlsafe_b64encode(raw[0][:17] + raw[1][17:]).decode().rstrip("="))


@pytest.mark.parametrize("length", [0, 15, 17])
def test_it_takes_headers_of_16_bytes_only(length):
    with pytest.raises(ValueError):
        TOKENS.seal(bytes(length), b"")


def test_it_never_makes_a_token_that_it_would_refuse_as_too_long():
    fits = (MAX_CHARACTERS - len(PREFIX)) * 3 // 4 - 45
    assert TOKENS.open(TOKENS.seal(HEADER, bytes(fits))) == bytes(fits)
    with pytest.raises(ValueError):
        TOKENS.seal(HEADER, bytes(fits + 1))
