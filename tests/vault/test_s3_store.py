"""The store in S3: the contract over TLS, as an IAM user with the documented policy, and what S3 itself holds to."""

import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hq.crypto.aead import Tampered
from hq.crypto.stream import sealed_size
from tests.aws import servers
from tests.aws.fixtures import Aws, ministack, s3, s3_user
from tests.vault.contract import AAD, BUCKET, KEY, StoreContract, get, new_bucket, new_key, put
from vault.store import ObjectStore, StorageFull, store_for
from vault.store import s3 as s3_module
from vault.store.s3 import MEBIBYTE, MOST_PARTS, S3Store, part_bytes
from vault.store.s3_bucket import policy
from vault.store.s3_faults import StoreMisplaced, StoreRefused, WrongRegion
from vault.store.s3_line import Line

__all__ = ["ministack", "s3", "s3_user"]
CMK = f"arn:aws:kms:{servers.REGION}:000000000000:key/12345678-1234-1234-1234-123456789012"
OTHER_CMK = CMK[:-1] + "0"
MOVED = "eu-west-1"


def place(key: str) -> dict[str, str]:
    bucket, _, name = key.partition("/")
    return {"Bucket": bucket, "Key": f"objects/{name[-2:]}/{name}"}


@pytest.fixture
def admin(s3: Aws) -> Any:
    return s3.client("s3")


@pytest.fixture
def hq(s3: Aws) -> Any:
    """As HQ comes, with TLS, and asks for what HQ would not."""
    return s3.client("s3", s3.credentials, s3.tls)


@pytest.fixture
def bucket(s3: Aws) -> Iterator[str]:
    name = new_bucket()
    store_for("s3").make_bucket(name, CMK)
    yield name
    store_for("s3").remove_bucket(name)


class TestS3Store(StoreContract):
    @pytest.fixture
    def store(self, s3: Aws) -> ObjectStore:
        return store_for("s3")

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

    @pytest.mark.parametrize("cut", [1, 17, 65_552, 150_000, 200_107])
    def test_a_cut_object_is_refused_before_its_first_byte_is_given_away(
        self, store: ObjectStore, admin: Any, cut: int
    ) -> None:
        key = new_key()
        put(store, key, bytes(200_000))
        content = admin.get_object(**place(key))["Body"].read()
        admin.put_object(**place(key), Body=content[:-cut])
        with pytest.raises(Tampered):
            store.open(BUCKET, key, content_key=KEY, aad=AAD)

    def test_several_parts_make_one_object(self, store: ObjectStore, admin: Any) -> None:
        key, content = new_key(), os.urandom(2 * part_bytes(1) + 12_345)
        put(store, key, content)
        assert admin.head_object(**place(key))["ETag"].endswith('-3"')
        assert get(store, key, part_bytes(1) - 5, part_bytes(1) + 70_000) == content[part_bytes(1) - 5 :][:70_005]
        assert get(store, key) == content

    def test_deleting_leaves_no_version_and_no_marker(self, store: ObjectStore, admin: Any) -> None:
        key = new_key()
        put(store, key, b"x")
        admin.delete_object(**place(key))
        put(store, key, b"y")
        store.delete(BUCKET, key)
        left = admin.list_object_versions(Bucket=BUCKET, Prefix=place(key)["Key"])
        assert not left.get("Versions")
        assert not left.get("DeleteMarkers")

    @pytest.mark.parametrize("mebibytes", [16, 96])
    def test_a_put_and_a_get_take_as_much_memory_whatever_the_size(self, store: ObjectStore, mebibytes: int) -> None:
        key, piece = new_key(), bytes(MEBIBYTE)
        put(store, key, b"warm")
        tracemalloc.start()
        try:
            with store.put(BUCKET, key, content_key=KEY, aad=AAD) as writer:
                for _ in range(mebibytes):
                    writer.write(piece)
            assert sum(map(len, store.open(BUCKET, key, content_key=KEY, aad=AAD))) == mebibytes * MEBIBYTE
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 32 * MEBIBYTE
        store.delete(BUCKET, key)


def test_five_tebibytes_fit_and_no_part_is_one_that_s3_refuses() -> None:
    sizes = [part_bytes(number) for number in range(1, MOST_PARTS + 1)]
    assert sum(sizes) >= sealed_size(5 * 1024**4)
    assert min(sizes) >= 5 * MEBIBYTE
    assert max(sizes) <= 5 * 1024**3


def test_a_part_too_large_for_memory_waits_in_a_file_and_a_full_disk_is_said_in_a_sentence(
    s3: Aws, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key(bucket)
    monkeypatch.setattr(s3_module, "IN_MEMORY", 1000)
    put(store_for("s3"), key, bytes(200_000))
    assert get(store_for("s3"), key) == bytes(200_000)
    line = store_for("s3")._line  # type: ignore[attr-defined]  # of this store only
    full = S3Store(line, spool=Path("/dev/full-of-nothing"), origin="")
    with pytest.raises(FileNotFoundError):
        put(full, new_key(bucket), bytes(200_000))
    monkeypatch.setattr("tempfile.SpooledTemporaryFile.rollover", _full)
    with pytest.raises(StorageFull):
        put(store_for("s3"), new_key(bucket), bytes(200_000))
    assert store_for("s3").unfinished(bucket) == []


def _full(_: object) -> None:
    raise OSError(28, "No space left on device")


# ---- what a bucket is made with


def test_a_bucket_is_made_with_everything_that_protects_it(s3: Aws, bucket: str, admin: Any) -> None:
    assert admin.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    assert admin.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    (rule,) = admin.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": CMK}
    (life,) = admin.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert life["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert life["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert life["Status"] == "Enabled"
    assert json.loads(admin.get_bucket_policy(Bucket=bucket)["Policy"]) == policy(bucket, CMK, servers.REGION)
    assert admin.head_bucket(Bucket=bucket)["BucketRegion"] == servers.REGION


def test_what_is_stored_stands_under_the_organizations_own_key(s3: Aws, bucket: str, admin: Any) -> None:
    key = new_key(bucket)
    put(store_for("s3"), key, b"x")
    found = admin.head_object(**place(key))
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", CMK)


def test_a_bucket_follows_a_key_that_is_moved_and_goes_back_to_none(s3: Aws, bucket: str, admin: Any, hq: Any) -> None:
    store = store_for("s3")
    for cmk, named in (
        (OTHER_CMK, {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": OTHER_CMK}),
        ("", {"SSEAlgorithm": "AES256"}),
    ):
        store.make_bucket(bucket, cmk)
        (rule,) = admin.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == named
        with pytest.raises(hq.exceptions.ClientError):
            hq.put_object(Bucket=bucket, Key="objects/x", ServerSideEncryption="aws:kms", SSEKMSKeyId=CMK)


@pytest.mark.parametrize(
    "other",
    [
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": OTHER_CMK},
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/somebody"},
        {"ServerSideEncryption": "AES256"},
        {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32},
    ],
)
def test_no_put_goes_under_another_key_than_the_organizations(
    s3: Aws, bucket: str, hq: Any, other: dict[str, str]
) -> None:
    with pytest.raises(hq.exceptions.ClientError) as refused:
        hq.put_object(Bucket=bucket, Key="objects/00/x", Body=b"x", **other)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    with pytest.raises(hq.exceptions.ClientError) as refused:
        hq.create_multipart_upload(Bucket=bucket, Key="objects/00/x", **other)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    hq.put_object(Bucket=bucket, Key="objects/00/x", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=CMK)


def test_nothing_is_done_without_tls_whoever_asks(s3: Aws, bucket: str) -> None:
    allowed = json.loads(servers.S3_POLICY.read_text())
    allowed["Statement"] = [each for each in allowed["Statement"] if each["Effect"] == "Allow"]
    lenient = servers.user(s3.address, new_key().rpartition("/")[2], json.dumps(allowed))
    for address, works in ((s3.tls, True), (s3.address, False)):
        client = s3.client("s3", lenient, address)
        if works:
            client.put_object(Bucket=bucket, Key="objects/00/x", Body=b"x")
        else:
            with pytest.raises(client.exceptions.ClientError) as refused:
                client.put_object(Bucket=bucket, Key="objects/00/x", Body=b"x")
            assert refused.value.response["Error"]["Code"] == "AccessDenied"
            with pytest.raises(client.exceptions.ClientError):
                client.get_object(Bucket=bucket, Key="objects/00/x")


def test_the_documented_policy_itself_refuses_to_come_without_tls(s3: Aws, admin: Any) -> None:
    plain = S3Store(Line(servers.REGION, s3.address), spool=Path("/tmp"), origin="https://hq.example.org")
    with pytest.raises(StoreRefused):
        plain.make_bucket(new_bucket())


def test_hq_reaches_no_bucket_that_is_not_its_own_by_name(s3: Aws, admin: Any, hq: Any) -> None:
    name = f"payroll-{new_bucket()}"
    admin.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": servers.REGION})
    with pytest.raises(hq.exceptions.ClientError):
        hq.list_objects_v2(Bucket=name)


# ---- where it lies (OPS-8)


@pytest.fixture
def elsewhere(s3: Aws) -> Iterator[str]:
    """A bucket of ours in another region."""
    client, name = s3.client("s3", region=MOVED), new_bucket()
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": MOVED})
    yield name
    client.delete_bucket(Bucket=name)


def test_a_bucket_in_another_region_is_refused_by_every_call(s3: Aws, elsewhere: str) -> None:
    store = store_for("s3")
    key = new_key(elsewhere)
    with pytest.raises(WrongRegion):
        store.make_bucket(elsewhere)
    with pytest.raises(WrongRegion):
        put(store, key, b"x")
    with pytest.raises(WrongRegion):
        get(store, key)
    with pytest.raises(WrongRegion):
        store.delete(elsewhere, key)


def test_only_the_region_of_backups_is_another_one_where_it_may_lie(s3: Aws, elsewhere: str, settings: Any) -> None:
    settings.BACKUP_REGION = MOVED
    key = new_key(elsewhere)
    put(store_for("s3"), key, b"x")
    assert get(store_for("s3"), key) == b"x"
    store_for("s3").delete(elsewhere, key)


@pytest.mark.parametrize("region", ["local", "", "berlin"])
def test_without_a_region_of_aws_there_is_no_store_in_s3(settings: Any, region: str) -> None:
    settings.REGION = region
    with pytest.raises(StoreMisplaced):
        store_for("s3")


def test_no_other_setting_than_its_own_leads_it_elsewhere(s3: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.address)
    assert Line(servers.REGION).client().meta.endpoint_url == f"https://s3.{servers.REGION}.amazonaws.com"


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_a_policy_names_the_bucket_as_its_region_does(region: str, partition: str) -> None:
    statements = policy("hq-a", "", region)["Statement"]
    assert {resource.partition(":s3")[0] for each in statements for resource in _listed(each["Resource"])} == {
        f"arn:{partition}"
    }


def _listed(resource: str | list[str]) -> list[str]:
    return [resource] if isinstance(resource, str) else resource
