import pytest

from hq.crypto.passwords import hash_secret, verify_secret


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_secret("correct horse")


def test_it_hashes_with_argon2id_at_the_promised_cost(hashed):
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_it_salts_each_hash(hashed):
    assert hash_secret("correct horse") != hashed


def test_it_knows_the_secret_again(hashed):
    assert verify_secret(hashed, "correct horse") is True


@pytest.mark.parametrize("secret", ["correct hors", "", "correct horse ", "\ud800", "correct horse\x00"])
def test_it_knows_no_other_secret(hashed, secret):
    assert verify_secret(hashed, secret) is False


@pytest.mark.parametrize(
    "broken",
    ["", "x", "$argon2id$", "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA", "$argon2id$v=19$m=1,t=0,p=0$!$!", "\u20ac"],
)
def test_it_lets_nobody_in_by_a_broken_hash(broken):
    assert verify_secret(broken, "correct horse") is False
