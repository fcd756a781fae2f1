import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from hq.crypto import aead
from hq.crypto.aead import OVERHEAD_BYTES, Aead, Tampered

KEY = bytes(range(32))


def _wycheproof() -> list[dict[str, Any]]:
    """Vectors of C2SP/wycheproof, where they are at hand, as in CI: 256-bit key, 96-bit nonce, 128-bit tag."""
    found = Path(__file__).parents[2].parent / "shared" / "data" / "wycheproof-aes-gcm.json"
    groups = json.loads(found.read_text())["testGroups"] if found.exists() or os.environ.get("CI") else []
    return [
        test
        for group in groups
        if (group["keySize"], group["ivSize"], group["tagSize"]) == (256, 96, 128)
        for test in group["tests"]
    ]


# The GCM submission of McGrew and Viega, appendix B, test case 16, so that one vector is always there.
TEST_CASE_16: dict[str, Any] = {
    "tcId": 0,
    "key": "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
    "iv": "cafebabefacedbaddecaf888",
    "aad": "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    "msg": "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a31"
    "8a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    "ct": "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555"
    "d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
    "tag": "76fc6ece0f4e1768cddf8853bb2d551b",
    "result": "valid",
}
VECTORS = [TEST_CASE_16, *_wycheproof()]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["tcId"]))
def test_it_opens_exactly_the_valid_vectors(vector):
    part = {name: bytes.fromhex(vector[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")}
    sealed = part["iv"] + part["ct"] + part["tag"]
    if vector["result"] == "valid":
        assert Aead(part["key"]).open(sealed, part["aad"]) == part["msg"]
    else:
        with pytest.raises(Tampered):
            Aead(part["key"]).open(sealed, part["aad"])


def test_it_seals_the_bytes_of_the_vector_given_its_nonce(monkeypatch):
    part = {name: bytes.fromhex(TEST_CASE_16[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")}
    monkeypatch.setattr(aead, "urandom", lambda size: part["iv"])
    assert Aead(part["key"]).seal(part["msg"], part["aad"]) == part["iv"] + part["ct"] + part["tag"]


@pytest.mark.parametrize("plaintext", [b"", b"x", bytes(200), os.urandom(70_000)], ids=len)
def test_it_opens_what_it_sealed(plaintext):
    sealed = Aead(KEY).seal(plaintext, b"row 1")
    assert len(sealed) == len(plaintext) + OVERHEAD_BYTES
    assert Aead(KEY).open(sealed, b"row 1") == plaintext


@pytest.mark.parametrize(("key", "aad"), [(bytes(32), b"row 1"), (KEY, b"row 2"), (KEY, b"")])
def test_it_refuses_another_key_or_place(key, aad):
    with pytest.raises(Tampered):
        Aead(key).open(Aead(KEY).seal(b"text", b"row 1"), aad)


def test_it_refuses_every_flipped_bit():
    sealed = Aead(KEY).seal(b"text", b"")
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Tampered):
            Aead(KEY).open(bytes(changed), b"")


def test_it_refuses_every_cut_and_every_extension():
    sealed = Aead(KEY).seal(b"text", b"")
    for end in range(len(sealed)):
        with pytest.raises(Tampered):
            Aead(KEY).open(sealed[:end], b"")
    with pytest.raises(Tampered):
        Aead(KEY).open(sealed + b"\x00", b"")


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33, 64])
def test_it_takes_only_256_bit_keys(length):
    with pytest.raises(ValueError, match="32 bytes"):
        Aead(bytes(length))


def test_it_asks_the_system_for_each_nonce(monkeypatch):
    asked = []

    def urandom(size: int) -> bytes:
        asked.append(size)
        return len(asked).to_bytes(size, "big")

    monkeypatch.setattr(aead, "urandom", urandom)
    cipher = Aead(KEY)
    assert [cipher.seal(b"", b"")[:12] for _ in range(3)] == [number.to_bytes(12, "big") for number in (1, 2, 3)]
    assert asked == [12, 12, 12]


def test_it_makes_different_nonces_on_both_sides_of_a_fork():
    cipher = Aead(KEY)
    cipher.seal(b"", b"")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, cipher.seal(b"", b""))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100)[:12] != cipher.seal(b"", b"")[:12]
    os.close(reader)
    os.close(writer)


def test_it_shows_its_key_to_no_log_and_no_pickle():
    assert KEY.hex() not in repr(Aead(KEY))
    assert not hasattr(Aead(KEY), "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(Aead(KEY))


def test_it_does_not_carry_the_cause_that_would_tell_more():
    with pytest.raises(Tampered) as refused:
        Aead(KEY).open(bytes(40), b"")
    assert refused.value.__suppress_context__
    assert str(refused.value) == ""
