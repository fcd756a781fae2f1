"""The store in S3: the contract over TLS, as an IAM user with the documented policy, and what S3 itself holds to."""

import os
from typing import Any

import pytest

from hq.crypto.aead import Tampered
from tests.aws.fixtures import Aws, ministack, s3, s3_user
from tests.vault.contract import BUCKET, StoreContract, get, new_key, put
from vault.store import ObjectStore, store_for

__all__ = ["ministack", "s3", "s3_user"]
TERABYTE = 1024**4


def place(key: str) -> dict[str, str]:
    name = key.rpartition("/")[2]
    return {"Bucket": BUCKET, "Key": f"objects/{name[-2:]}/{name}"}


class TestS3Store(StoreContract):
    @pytest.fixture
    def store(self, s3: Aws) -> ObjectStore:
        return store_for("s3")

    @pytest.fixture
    def admin(self, s3: Aws) -> Any:
        return s3.client("s3")

    def test_the_plaintext_is_not_what_s3_has(self, store: ObjectStore, admin: Any) -> None:
        key, canary = new_key(), os.urandom(32)
        put(store, key, canary * 10_000)
        assert canary not in admin.get_object(**place(key))["Body"].read()

    @pytest.mark.parametrize("at", [0, 10, 44, 60_000, 65_600, -1, -17])
    def test_a_changed_byte_anywhere_is_found(self, store: ObjectStore, admin: Any, at: int) -> None:
        key = new_key()
        put(store, key, bytes(200_000))
        content = bytearray(admin.get_object(**place(key))["Body"].read())
        content[at] ^= 1
        admin.put_object(**place(key), Body=bytes(content))
        with pytest.raises(Tampered):
            get(store, key)
