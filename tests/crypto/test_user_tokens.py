"""User tokens: made for one request, and good for no other."""

import hashlib
import hmac
import string
from base64 import urlsafe_b64encode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hq.crypto.user_tokens import LEEWAY, LIFE, REMEMBER, BadUserToken, Claims, mint, target, verify

OLD, NEW = b"an older secret of 32 bytes or more", b"a newer secret of 32 bytes or more"
KEYS = {"k2": NEW, "k1": OLD}
USER = UUID("01935c5e-7b1a-7c3e-9f00-1122334455aa")
EMPTY = hashlib.sha256(b"").hexdigest()
AT = 1_795_351_800
REQUEST = {
    "audience": "https://hq.example.org",
    "method": "PUT",
    "target": "/v1/environments/01935c5e-0000-7000-8000-000000000001/objects/reports/Q3.csv?x=1",
    "body_sha256": hashlib.sha256(b"a,b\n").hexdigest(),
}


def made(key="k2", at=AT, **other):
    return mint(KEYS[key], key_id=key, user_id=USER, at=at, **(REQUEST | other))


def read(token, at=AT, keys=KEYS, **other):
    return verify(token, keys, at=at, **(REQUEST | other))


def is_refused(token, at=AT, keys=KEYS, **other):
    with pytest.raises(BadUserToken) as refused:
        read(token, at, keys, **other)
    return refused.value.args == () and refused.value.__cause__ is None


def test_it_says_for_whom_and_which_it_is():
    token = made()
    claims = read(token)
    assert claims == Claims(USER, token.split(".")[4], "k2")
    assert made() != made()


def test_it_is_made_as_its_docstring_tells():
    """With nothing of ours: as a service in another language would."""
    token = mint(NEW, key_id="k2", user_id=USER, at=AT, token_id="A" * 22, **REQUEST)
    signed = "\n".join(
        ["hq-user-token-v1", "k2", str(USER), str(AT), "A" * 22]
        + [REQUEST[part] for part in ("audience", "method", "target", "body_sha256")]
    )
    mac = urlsafe_b64encode(hmac.new(NEW, signed.encode(), "sha256").digest()).rstrip(b"=").decode()
    assert token == f"v1.k2.{USER}.{AT}.{'A' * 22}.{mac}"


@pytest.mark.parametrize(
    "other",
    [
        {"audience": "https://hq.example.com"},
        {"audience": "http://hq.example.org"},
        {"audience": "https://hq.example.org/"},
        {"method": "DELETE"},
        {"method": "POST"},
        {"target": REQUEST["target"].removesuffix("?x=1")},
        {"target": REQUEST["target"] + "&y=2"},
        {"target": REQUEST["target"].replace("?x=1", "?x=2")},
        {"target": REQUEST["target"].replace("/Q3.csv", "%2FQ3.csv")},
        {"target": REQUEST["target"].replace("?x=1", "/more?x=1")},
        {"target": REQUEST["target"].replace("/reports", "")},
        {"target": REQUEST["target"].replace("Q3", "%513")},
        {"target": REQUEST["target"].replace("?", "%3F")},
        {"body_sha256": EMPTY},
        {"body_sha256": hashlib.sha256(b"a,c\n").hexdigest()},
    ],
    ids=str,
)
def test_it_is_good_for_no_other_request(other):
    assert is_refused(made(), **other)
    assert read(made(**other), **other).user_id == USER


@pytest.mark.parametrize("late", [0, 1, LIFE - 1, -1, -LEEWAY])
def test_it_counts_for_a_minute_and_a_little_before(late):
    assert read(made(), AT + late).user_id == USER


@pytest.mark.parametrize("late", [LIFE, LIFE + 1, 3600, -LEEWAY - 1, -3600])
def test_it_counts_neither_later_nor_earlier(late):
    assert is_refused(made(), AT + late)


def test_it_is_remembered_for_as_long_as_it_could_be_used_again():
    assert REMEMBER >= LIFE + LEEWAY


class TestRotation:
    def test_both_keys_count_while_both_are_known(self):
        assert (read(made("k1")).key_id, read(made("k2")).key_id) == ("k1", "k2")
        assert is_refused(made("k1"), keys={"k2": NEW})
        assert is_refused(made("k2"), keys={})

    def test_a_key_does_not_count_under_the_id_of_another(self):
        assert is_refused(made("k1").replace(".k1.", ".k2."))
        assert is_refused(mint(OLD, key_id="k2", user_id=USER, at=AT, **REQUEST))

    def test_not_even_if_both_have_the_same_secret(self):
        assert is_refused(made("k1").replace(".k1.", ".k2."), keys={"k1": OLD, "k2": OLD})


def test_no_character_of_it_can_be_changed():
    token = made()
    for position, character in enumerate(token):
        for another in ("A", "b", "7", "-", ".", "=", "\n", " ", "é", "\ud800"):
            if another != character:
                assert is_refused(token[:position] + another + token[position + 1 :])


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token + ", " + token,
        lambda token: token.replace("v1.", "v2."),
        lambda token: token.replace(str(USER), str(USER).upper()),
        lambda token: token.replace(str(USER), USER.hex),
        lambda token: token.replace(str(AT), f"0{AT}"),
        lambda token: token.replace(str(AT), f"+{AT}"),
        lambda token: token.replace(str(AT), "9" * 400),
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: "v1.k2." + "x" * 100_000,
    ],
)
def test_it_has_one_spelling(change):
    assert is_refused(change(made()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"key_id": "k.2"},
        {"key_id": ""},
        {"key_id": "k\n2"},
        {"at": -1},
        {"token_id": "short"},
        {"token_id": "A" * 21 + "\n"},
        {"audience": "hq.example.org"},
        {"audience": "https://hq.example.org\nPUT"},
        {"method": "put"},
        {"method": "PUT\n"},
        {"target": "v1/me"},
        {"target": "https://hq.example.org/v1/me"},
        {"target": "/v1/Q3 report"},
        {"target": "/v1/Q3\n"},
        {"target": "/v1/é"},
        {"body_sha256": EMPTY.upper()},
        {"body_sha256": ""},
    ],
    ids=str,
)
def test_nothing_is_signed_that_could_be_read_in_two_ways(wrong):
    with pytest.raises(ValueError, match=r"signed|A key id|A token"):
        mint(NEW, **({"key_id": "k2", "user_id": USER, "at": AT} | REQUEST | wrong))


def test_a_short_secret_signs_nothing():
    with pytest.raises(ValueError, match="at least 32 bytes"):
        mint(b"short", key_id="k1", user_id=USER, at=AT, **REQUEST)


def test_a_request_that_cannot_be_signed_has_no_token():
    assert is_refused(made(), method="put")
    assert is_refused(made(), target="/v1/\n")


# One request's parts, moved by a character from one to the next, are another request's.
@given(st.text(string.ascii_letters + "/-._~%?=&", max_size=20), st.integers(0, 20))
def test_no_two_requests_share_a_token(text, at):
    cut = min(at, len(text))
    one = {"audience": f"https://hq.example.org/{text[:cut]}", "target": f"/{text[cut:]}"}
    other = {"audience": f"https://hq.example.org/{text}", "target": "/"}
    token = made(**one)
    assert read(token, **one).user_id == USER
    if one != other:
        assert is_refused(token, **other)


@pytest.mark.parametrize(
    ("path", "query", "spelt"),
    [
        ("/v1/a/b", "", "/v1/a/b"),
        ("/v1/Q3 report.csv", "version=2", "/v1/Q3%20report.csv?version=2"),
        ("/v1/a%2Fb", "", "/v1/a%252Fb"),
        ("/v1/a?b", "", "/v1/a%3Fb"),
        ("/v1/ä-_.~", "x=%7e&y=+", "/v1/%C3%A4-_.~?x=%7e&y=+"),
        ("/v1/!'()*;:@&=+$,#[]", "", "/v1/%21%27%28%29%2A%3B%3A%40%26%3D%2B%24%2C%23%5B%5D"),
    ],
)
def test_a_path_is_signed_in_one_spelling_and_a_query_as_it_is_sent(path, query, spelt):
    assert target(path, query) == spelt
