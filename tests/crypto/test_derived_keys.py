import pytest

from hq.crypto.kdf import derive


def test_it_equals_rfc_5869_test_case_2():
    assert derive(
        bytes(range(80)), salt=bytes(range(0x60, 0xB0)), info=bytes(range(0xB0, 0x100)), length=82
    ) == bytes.fromhex(
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
    )


def test_it_takes_no_salt_as_32_zero_bytes():
    assert derive(bytes(32), info=b"a") == derive(bytes(32), info=b"a", salt=bytes(32))


def test_it_gives_32_bytes_that_depend_on_key_purpose_and_salt():
    keys = {
        derive(bytes(32), info=b"a"),
        derive(bytes([1]) * 32, info=b"a"),
        derive(bytes(32), info=b"b"),
        derive(bytes(32), info=b"a", salt=b"s"),
    }
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}


@pytest.mark.parametrize(
    ("key", "info", "length"),
    [(bytes(31), b"a", 32), (b"", b"a", 32), (bytes(32), b"", 32), (bytes(32), b"a", 0), (bytes(32), b"a", 8161)],
)
def test_it_refuses_weak_keys_missing_purposes_and_impossible_lengths(key, info, length):
    with pytest.raises(ValueError):
        derive(key, info=info, length=length)
