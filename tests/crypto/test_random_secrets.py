import hashlib

import pytest

from hq.crypto.secrets import digest, equal, is_word, keyed_digest, random_token, random_word


def test_it_makes_a_new_token_each_time():
    assert len({random_token() for _ in range(1000)}) == 1000


@pytest.mark.parametrize(("size", "characters"), [(16, 22), (32, 43), (48, 64)])
def test_it_writes_all_its_random_bytes_after_the_prefix(size, characters):
    token = random_token("hd_live_", size)
    assert token.startswith("hd_live_")
    assert len(token.removeprefix("hd_live_")) == characters


def test_it_makes_a_new_word_each_time_and_knows_its_form():
    words = {random_word("hqw_", 43) for _ in range(1000)}
    assert len(words) == 1000
    assert all(is_word(word, "hqw_", 43) for word in words)


A_WORD = "hqw_" + "a" * 43
OTHERS = [A_WORD[4:], A_WORD[:-1], A_WORD + "a", A_WORD[:-1] + "-", A_WORD[:-1] + "\u00e4", ""]


@pytest.mark.parametrize(
    "other", [A_WORD[4:], A_WORD[:-1], A_WORD + "a", A_WORD[:-1] + "-", A_WORD[:-1] + "\u00e4", ""]
)
def test_what_is_no_word_is_known_too(other):
    assert not is_word(other, "hqw_", 43)


def test_it_refuses_secrets_that_could_be_guessed():
    with pytest.raises(ValueError):
        random_token(size=15)
    with pytest.raises(ValueError):
        random_word("hd_live_", 21)


def test_it_digests_text_as_its_utf_8_bytes():
    assert digest("\u20ac") == digest("\u20ac".encode()) == hashlib.sha256("\u20ac".encode()).digest()


def test_it_equals_rfc_4231_test_case_6():
    expected = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    message = "Test Using Larger Than Block-Size Key - Hash Key First"
    assert keyed_digest(b"\xaa" * 131, message).hex() == expected


def test_it_refuses_a_short_key():
    with pytest.raises(ValueError):
        keyed_digest(bytes(31), b"data")


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("a", "a", True),
        ("a", b"a", True),
        ("\u00e9", "\u00e9", True),
        ("a", "b", False),
        ("a", "aa", False),
        ("", "a", False),
    ],
)
def test_it_compares_text_and_bytes(a, b, same):
    assert equal(a, b) is same


def test_it_takes_hostile_text_for_a_wrong_token():
    assert equal("\ud800", "x") is False
    assert digest("\ud800") != digest("\ud801")
    assert len(keyed_digest(bytes(32), "\udfff")) == 32
