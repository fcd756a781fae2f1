"""The archive in S3, over HTTP, as a user who is not root: the contract, the lock, and a bucket that refuses."""

import json
import time
from collections.abc import Callable, Iterator
from hashlib import sha256

import pytest
from botocore.exceptions import ClientError

from archive.buckets import (
    ArchiveFault,
    ArchiveMissing,
    ArchiveRefused,
    ArchiveUnavailable,
    Bucket,
    NotLocked,
    s3,
)
from archive.buckets.s3 import S3Bucket
from hq.lib.ids import new_id
from tests.archive.contract import BucketContract, new_name
from tests.aws import s3_proxy, servers
from tests.aws.fixtures import Aws
from tests.aws.s3_proxy import S3Proxy

MAY = (servers.DEPLOY / "aws-archive-policy.json").read_text().replace("YOUR-ARCHIVE", "archive-*")
ALL_BUT_BYPASS = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:BypassGovernanceRetention", "Resource": "*"},
        ],
    }
)
ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})


@pytest.fixture(scope="module")
def users(ministack: Aws) -> dict[str, tuple[str, str]]:
    policies = {"archive-hq": MAY, "archive-operator": ALL_BUT_BYPASS, "archive-breaker": ALL}
    return {name: servers.user(ministack.address, name, policy) for name, policy in policies.items()}


@pytest.fixture
def as_user(
    ministack: Aws, users: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    monkeypatch.setenv("AWS_CA_BUNDLE", ministack.ca)

    def become(name: str) -> None:
        servers.use(monkeypatch, users[name])
        monkeypatch.setenv("AWS_CA_BUNDLE", ministack.ca)

    become("archive-operator")
    return become


@pytest.fixture
def place(ministack: Aws, as_user) -> Bucket:
    """Made by an operator; written by HQ's own role."""
    name = f"archive-{new_id().hex[-12:]}"
    S3Bucket(name, servers.REGION, ministack.tls).prepare()
    as_user("archive-hq")
    bucket = S3Bucket(name, servers.REGION, ministack.tls)
    bucket.prepare = S3Bucket(name, servers.REGION, ministack.tls, tries=1)._check_lock  # type: ignore[method-assign]  # HQ's role makes none
    return bucket


class TestS3Bucket(BucketContract):
    @pytest.fixture
    def place(self, place: Bucket) -> Bucket:
        return place

    def test_it_says_that_it_locks_and_where_it_is(self, place: Bucket) -> None:
        assert place.lockable
        assert place.where.startswith("the bucket archive-")


def looked_at(ministack: Aws, bucket: Bucket):
    client = ministack.client("s3")
    return client, {"Bucket": bucket.name}  # type: ignore[attr-defined]  # of this kind only


def test_the_bucket_is_made_with_all_that_protects_it(ministack: Aws, place: Bucket) -> None:
    client, here = looked_at(ministack, place)
    lock = client.get_object_lock_configuration(**here)["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Years": 7}
    assert client.get_bucket_versioning(**here)["Status"] == "Enabled"
    (rule,) = client.get_bucket_lifecycle_configuration(**here)["Rules"]
    assert [(step["Days"], step["StorageClass"]) for step in rule["Transitions"]] == [
        (90, "GLACIER"),
        (365, "DEEP_ARCHIVE"),
    ]
    assert rule["Expiration"]["Days"] == 2557
    assert all(client.get_public_access_block(**here)["PublicAccessBlockConfiguration"].values())
    (denied,) = json.loads(client.get_bucket_policy(**here)["Policy"])["Statement"]
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_nobody_removes_a_file_before_its_time_who_may_not_break_the_lock(
    ministack: Aws, place: Bucket, users: dict[str, tuple[str, str]]
) -> None:
    name = new_name()
    place.put(name, b"kept")
    _, here = looked_at(ministack, place)
    found = ministack.client("s3").head_object(**here, Key=name)
    assert found["ObjectLockMode"] == "GOVERNANCE"
    here |= {"Key": name, "VersionId": found["VersionId"]}
    for who in ("archive-hq", "archive-operator"):
        client = servers.client("s3", ministack.tls, users[who])
        with pytest.raises(ClientError, match="AccessDenied"):
            client.delete_object(**here)
        with pytest.raises(ClientError, match="AccessDenied"):
            client.delete_object(**here, BypassGovernanceRetention=True)
    assert place.read(name) == b"kept"
    breaker = servers.client("s3", ministack.tls, users["archive-breaker"])
    with pytest.raises(ClientError, match="AccessDenied"):
        breaker.delete_object(**here)
    breaker.delete_object(**here, BypassGovernanceRetention=True)  # so it was the lock that refused the others


def test_without_tls_nobody_comes_in(ministack: Aws, place: Bucket) -> None:
    plain = S3Bucket(place.name, servers.REGION, ministack.address)  # type: ignore[attr-defined]  # of this kind only
    with pytest.raises(ArchiveRefused):
        plain.read(new_name())


def test_a_bucket_without_a_lock_is_not_written_to(ministack: Aws, as_user) -> None:
    name = f"archive-{new_id().hex[-12:]}"
    client = ministack.client("s3")
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": servers.REGION})
    as_user("archive-hq")
    with pytest.raises(NotLocked):
        S3Bucket(name, servers.REGION, ministack.tls).put(new_name(), b"x")
    assert client.list_objects_v2(Bucket=name)["KeyCount"] == 0


def test_one_that_is_away_or_lost_its_lock_is_found_so_though_it_was_seen_before(
    ministack: Aws, place: Bucket, proxy: S3Proxy
) -> None:
    bucket = S3Bucket(place.name, servers.REGION, proxy.address, read_seconds=0.3, tries=1)  # type: ignore[attr-defined]  # of this kind only
    bucket.check()
    for fault, told in ((s3_proxy.gone, ArchiveUnavailable), (s3_proxy.refusing("NoSuchBucket", 404), ArchiveMissing)):
        proxy.fail("get_object", fault)  # a GET without a word of ours in its query
        with pytest.raises(told):
            bucket.check()


def test_the_hash_of_what_lies_in_glacier_is_told_without_reading_it(place: Bucket, proxy: S3Proxy) -> None:
    bucket = S3Bucket(place.name, servers.REGION, proxy.address, tries=1)  # type: ignore[attr-defined]  # of this kind only
    name = new_name()
    bucket.put(name, b"kept")
    proxy.fail("get_object", s3_proxy.refusing("InvalidObjectState", 403))
    assert bucket.digest(name) == sha256(b"kept").digest()


@pytest.mark.parametrize(
    ("kept", "takes"),
    [
        ({"Mode": "GOVERNANCE", "Days": 1}, False),
        ({"Mode": "GOVERNANCE", "Years": 6}, False),
        ({"Mode": "COMPLIANCE", "Days": 2557}, True),
        ({"Mode": "GOVERNANCE", "Years": 10}, True),
    ],
)
def test_a_lock_of_less_than_seven_years_is_none(
    ministack: Aws, place: Bucket, kept: dict[str, object], takes: bool
) -> None:
    client, here = looked_at(ministack, place)
    rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": kept}}
    client.put_object_lock_configuration(**here, ObjectLockConfiguration=rule)
    bucket = S3Bucket(place.name, servers.REGION, ministack.tls)  # type: ignore[attr-defined]  # of this kind only
    name = new_name()
    if takes:
        bucket.put(name, b"x")
        return
    with pytest.raises(NotLocked, match="seven years"):
        bucket.put(name, b"x")
    assert client.list_objects_v2(**here)["KeyCount"] == 0


def test_a_lock_that_was_taken_away_is_missed_within_the_hour(
    ministack: Aws, place: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.put(new_name(), b"x")
    client, here = looked_at(ministack, place)
    client.put_object_lock_configuration(**here, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    place.put(new_name(), b"not asked again yet")
    later = time.monotonic() + s3.LOOKED_FOR
    monkeypatch.setattr("archive.buckets.s3.monotonic", lambda: later)
    with pytest.raises(NotLocked):
        place.put(new_name(), b"x")


def test_a_bucket_that_is_not_there_is_not_made_by_writing(ministack: Aws, as_user) -> None:
    as_user("archive-operator")
    with pytest.raises(ArchiveMissing, match="bin/manage archive_bucket"):
        S3Bucket(f"archive-{new_id().hex[-12:]}", servers.REGION, ministack.tls).put(new_name(), b"x")


@pytest.fixture
def proxy(ministack: Aws, place: Bucket) -> Iterator[S3Proxy]:
    with s3_proxy.proxy_to(ministack.address) as found:
        yield found


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (s3_proxy.refusing("AccessDenied", 403), ArchiveRefused),
        (s3_proxy.refusing("InvalidAccessKeyId", 403), ArchiveRefused),
        (s3_proxy.refusing("NoSuchBucket", 404), ArchiveMissing),
        (s3_proxy.refusing("InternalError", 500), ArchiveUnavailable),
        (s3_proxy.refusing("SlowDown", 503), ArchiveUnavailable),
        (s3_proxy.refusing("ConditionalRequestConflict", 409), ArchiveUnavailable),
        (s3_proxy.gone, ArchiveUnavailable),
        (s3_proxy.silent, ArchiveUnavailable),
    ],
)
def test_a_bucket_that_refuses_is_told_of_in_hq_s_words_and_later_takes_the_file(
    place: Bucket, proxy: S3Proxy, fault: s3_proxy.Fault, told: type[ArchiveFault], caplog: pytest.LogCaptureFixture
) -> None:
    bucket = S3Bucket(place.name, servers.REGION, proxy.address, read_seconds=0.3, tries=1)  # type: ignore[attr-defined]  # of this kind only
    name = new_name()
    proxy.fail("create_bucket", fault)  # a PUT without a word in its query: of a file, or of a bucket
    with pytest.raises(told) as found:
        bucket.put(name, b"x")
    assert "said secret" not in str(found.value) + caplog.text
    proxy.fail("create_bucket")
    bucket.put(name, b"x")
    assert place.read(name) == b"x"


def test_bytes_that_changed_on_the_way_are_not_kept(place: Bucket, proxy: S3Proxy) -> None:
    bucket = S3Bucket(place.name, servers.REGION, proxy.address, tries=1)  # type: ignore[attr-defined]  # of this kind only
    name = new_name()
    proxy.fail("create_bucket", s3_proxy.altering_what_is_sent)
    with pytest.raises(ArchiveFault):
        bucket.put(name, b"some bytes")
    proxy.fail("create_bucket")
    bucket.put(name, b"some bytes")
