"""What others published, against what HQ runs: NIST's and RFC 8032's vectors, and Project Wycheproof's where at hand.

The first come with the package cryptography-vectors. The AES-GCM ones of Wycheproof are in test_aead.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cryptography_vectors
import pytest

from hq.crypto.aead import Aead, Tampered
from hq.crypto.signatures import BadSignature, public_of, sign, verify

# RFC 8032 section 7.1, test 2, so that one vector is always there.
TEST_2: dict[str, Any] = {
    "tcId": 0,
    "pk": "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "msg": "72",
    "sig": "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    "result": "valid",
}
WYCHEPROOF = Path(__file__).parents[2].parent / "shared" / "data" / "wycheproof-ed25519.json"


def lines(name: str) -> Iterator[str]:
    with cryptography_vectors.open_vector_file(name, "r") as file:
        yield from file


def nist(name: str) -> Iterator[dict[str, str]]:
    """The vectors of a CAVP file, with 96-bit nonce and 128-bit tag; `FAIL` stands where there is no plaintext."""
    sizes: dict[str, str] = {}
    vector: dict[str, str] = {}
    for line in (*lines(name), ""):
        words = line.strip().strip("[]")
        if not words and "Tag" in vector:
            if (sizes["IVlen"], sizes["Taglen"]) == ("96", "128"):
                yield vector
            vector = {}
        name, _, value = words.partition("=")
        (sizes if line.startswith("[") else vector)[name.strip()] = value.strip()


def ed25519() -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
    """Seed, public key, message, signature."""
    for line in lines("asymmetric/Ed25519/sign.input"):
        secret, public, message, signed = (bytes.fromhex(part) for part in line.strip().split(":")[:4])
        yield secret[:32], public, message, signed[:64]


def wycheproof() -> list[dict[str, Any]]:
    """In CI they have to be at hand: nothing may be left out there."""
    at_hand = WYCHEPROOF.exists() or os.environ.get("CI")
    groups = json.loads(WYCHEPROOF.read_text())["testGroups"] if at_hand else []
    return [test | {"pk": group["publicKey"]["pk"]} for group in groups for test in group["tests"]]


@pytest.mark.parametrize(("name", "count"), [("gcmDecrypt256", 375), ("gcmEncryptExtIV256", 375)])
def test_it_opens_exactly_what_nist_says_can_be_opened(name, count):
    seen = 0
    for vector in nist(f"ciphers/AES/GCM/{name}.rsp"):
        key, nonce, ciphertext, aad, tag = (bytes.fromhex(vector[part]) for part in ("Key", "IV", "CT", "AAD", "Tag"))
        seen += 1
        if "FAIL" in vector:
            with pytest.raises(Tampered):
                Aead(key).open(nonce + ciphertext + tag, aad)
        else:
            assert Aead(key).open(nonce + ciphertext + tag, aad) == bytes.fromhex(vector["PT"])
    assert seen == count


def test_it_signs_as_the_authors_of_ed25519_did():
    seen = 0
    for seed, public, message, signature in ed25519():
        seen += 1
        assert public_of(seed) == public
        assert sign(seed, message) == signature
        verify(public, message, signature)
        with pytest.raises(BadSignature):
            verify(public, message + b"\x00", signature)
    assert seen == 1024


@pytest.mark.parametrize("vector", [TEST_2, *wycheproof()], ids=lambda vector: str(vector["tcId"]))
def test_it_verifies_exactly_the_valid_vectors_of_wycheproof(vector):
    parts = [bytes.fromhex(vector[part]) for part in ("pk", "msg", "sig")]
    if vector["result"] == "valid":
        verify(*parts)
    else:
        with pytest.raises(BadSignature):
            verify(*parts)
