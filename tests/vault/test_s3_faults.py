"""S3 failing in every way at every call: each is a named error in HQ's own words, and nothing is left or lost."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hq.crypto.aead import Tampered
from hq.lib.errors import Problem
from tests.aws import s3_proxy, servers
from tests.aws.fixtures import Aws, ministack, s3, s3_user
from tests.aws.keepers import lines
from tests.aws.s3_proxy import S3Proxy, refusing, saying
from tests.database import free_port
from tests.vault.contract import AAD, BUCKET, KEY, get, new_bucket, new_key, put
from vault.store import BucketMissing, MissingBytes, StorageFull
from vault.store.s3 import S3Store
from vault.store.s3_faults import (
    BucketTaken,
    BytesChanged,
    GarbledAnswer,
    StoreCredentialsRefused,
    StoreFault,
    StoreKeyUnusable,
    StoreRefused,
    StoreThrottled,
    StoreUnavailable,
    WrongRegion,
)
from vault.store.s3_line import Line, Pace

__all__ = ["ministack", "s3", "s3_user"]

ONCE = Pace(tries=1, read_seconds=0.4, faults_to_open=1000)
PATIENT = Pace(tries=3, faults_to_open=1000)
OUTAGES = [GarbledAnswer, StoreUnavailable]  # botocore itself takes some unreadable answers for a fault of S3
LARGE = 9 * 1024 * 1024  # two parts


def store_at(address: str, pace: Pace = ONCE) -> S3Store:
    return S3Store(Line(servers.REGION, address, pace=pace), spool=Path("/tmp"), origin="https://hq.example.org")


@pytest.fixture(scope="module")
def line(ministack: Aws, s3_user: tuple[str, str]) -> Iterator[tuple[S3Proxy, S3Store]]:
    """A proxy, and the store over it. The bucket is made before anything fails."""
    with pytest.MonkeyPatch.context() as patch, s3_proxy.proxy_to(ministack.address) as server:
        servers.use(patch, s3_user)
        made = store_at(server.address)
        made.make_bucket(BUCKET)
        yield server, made


@pytest.fixture
def proxy(s3: Aws, line: tuple[S3Proxy, S3Store]) -> Iterator[S3Proxy]:
    yield line[0]
    line[0].fail("")


@pytest.fixture
def store(proxy: S3Proxy, line: tuple[S3Proxy, S3Store]) -> S3Store:
    return line[1]


@pytest.fixture
def stored(store: S3Store) -> str:
    for key in store.keys_of(BUCKET):
        store.delete(BUCKET, key)
    key = new_key()
    put(store, key, bytes(200_000))
    return key


FAULTS: dict[str, tuple[s3_proxy.Fault, object]] = {
    "500": (refusing("InternalError", 500), StoreUnavailable),
    "503": (refusing("SlowDown", 503), StoreThrottled),
    "502 of somebody between": (
        lambda call: call.send(502, [("Content-Type", "text/html")], b"<html>Bad gateway</html>"),
        StoreUnavailable,
    ),
    "access denied": (refusing("AccessDenied", 403), StoreRefused),
    "no such bucket": (refusing("NoSuchBucket", 404), BucketMissing),
    "expired credentials": (refusing("ExpiredToken", 400), StoreCredentialsRefused),
    "disabled key": (refusing("KMS.DisabledException", 400), StoreKeyUnusable),
    "full": (refusing("QuotaExceeded", 403), StorageFull),
    "elsewhere": (refusing("PermanentRedirect", 301), WrongRegion),
    "something new": (refusing("SomethingNew", 400), StoreFault),
    "somebody else's page": (saying(b"<html>Welcome to the hotel's network"), OUTAGES),
    "gone": (s3_proxy.gone, StoreUnavailable),
    "slow": (s3_proxy.silent, StoreUnavailable),
}
CALLS: dict[str, Callable[[S3Store, str], object]] = {
    "create_multipart_upload": lambda store, _: put(store, new_key(), b"x"),
    "upload_part": lambda store, _: put(store, new_key(), b"x"),
    "complete_multipart_upload": lambda store, _: put(store, new_key(), b"x"),
    "get_object": get,
    "list_multipart_uploads": lambda store, key: store.delete(BUCKET, key),
    "list_object_versions": lambda store, key: store.delete(BUCKET, key),
    "delete_objects": lambda store, key: store.delete(BUCKET, key),
}


@pytest.mark.parametrize("operation", sorted(CALLS))
@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_each_fault_at_each_call_is_named_in_our_own_words_and_leaves_nothing(  # noqa: PLR0917 - as it is parametrized
    store: S3Store, proxy: S3Proxy, stored: str, operation: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    failing, named = FAULTS[fault]
    proxy.fail(operation, failing)
    with pytest.raises(Problem) as caught:
        CALLS[operation](store, stored)
    assert type(caught.value) in (named if named is OUTAGES else [named])
    assert operation in proxy.asked
    told = lines(caplog)
    assert f"bucket={BUCKET}" in told
    for words in (str(caught.value), repr(caught.value), told):
        assert "ada" not in words
        assert "secret" not in words
        assert os.environ["AWS_SECRET_ACCESS_KEY"] not in words
    proxy.fail("")
    assert store.unfinished(BUCKET) == []
    assert get(store, stored) == bytes(200_000)
    store.delete(BUCKET, stored)
    assert store.keys_of(BUCKET) == []


@pytest.mark.parametrize(
    ("status", "named"), [(403, StoreRefused), (500, StoreUnavailable), (503, StoreUnavailable), (301, WrongRegion)]
)
def test_an_answer_that_has_no_words_is_named_too(
    store: S3Store, proxy: S3Proxy, stored: str, status: int, named: type[Problem]
) -> None:
    proxy.fail("head_object", lambda call: call.send(status, [], b""))
    with pytest.raises(Problem) as caught:
        store.sealed_size(BUCKET, stored)
    assert type(caught.value) is named


@pytest.mark.parametrize("operation", ["create_bucket", "head_bucket", "put_bucket_policy", "put_bucket_encryption"])
def test_a_bucket_that_could_not_be_made_whole_is_made_by_the_next_try(
    store: S3Store, proxy: S3Proxy, operation: str
) -> None:
    bucket = new_bucket()
    proxy.fail(operation, refusing("InternalError", 500))
    with pytest.raises(StoreUnavailable):
        store.make_bucket(bucket)
    proxy.fail("")
    store.make_bucket(bucket)
    store.remove_bucket(bucket)


def test_a_name_that_somebody_else_has_is_not_used(store: S3Store, proxy: S3Proxy) -> None:
    proxy.fail("create_bucket", refusing("BucketAlreadyExists", 409))
    with pytest.raises(BucketTaken):
        store.make_bucket(new_bucket())
    assert proxy.asked == ["create_bucket"]


@pytest.mark.parametrize(
    "operation", ["list_multipart_uploads", "list_object_versions", "delete_objects", "delete_bucket"]
)
def test_removing_a_bucket_goes_on_where_it_failed(store: S3Store, proxy: S3Proxy, operation: str) -> None:
    bucket = new_bucket()
    store.make_bucket(bucket)
    put(store, new_key(bucket), b"x")
    proxy.fail(operation, refusing("InternalError", 500))
    with pytest.raises(StoreUnavailable):
        store.remove_bucket(bucket)
    proxy.fail("")
    store.remove_bucket(bucket)
    with pytest.raises(BucketMissing):
        store.unfinished(bucket)


# ---- what passes


@pytest.mark.parametrize("fault", [refusing("SlowDown", 503), s3_proxy.gone], ids=["503", "gone"])
@pytest.mark.parametrize("operation", ["create_multipart_upload", "upload_part", "complete_multipart_upload"])
def test_a_passing_fault_of_a_put_is_nobodys_business(
    store: S3Store, proxy: S3Proxy, operation: str, fault: s3_proxy.Fault
) -> None:
    key = new_key()
    proxy.fail(operation, fault, lasting=False)
    put(store_at(proxy.address, PATIENT), key, b"whole")
    assert proxy.asked.count(operation) == 2
    assert get(store, key) == b"whole"


def test_a_body_that_breaks_off_is_taken_up_where_it_broke(store: S3Store, proxy: S3Proxy) -> None:
    key, content = new_key(), os.urandom(1_000_000)
    put(store, key, content)
    broken = (s3_proxy.cut, s3_proxy.nothing_of_it, s3_proxy.nothing_of_it, s3_proxy.cut)
    for at_first in (broken, (s3_proxy.passing, *broken)):  # of the end, which comes first; of the stream
        proxy.fail("get_object", *at_first, lasting=False)
        assert get(store, key) == content
    proxy.fail("get_object", s3_proxy.cut, s3_proxy.cut, s3_proxy.passing, s3_proxy.cut, lasting=False)
    assert get(store, key, 300_000, 700_000) == content[300_000:700_000]


def test_a_body_of_which_nothing_comes_is_given_up(store: S3Store, proxy: S3Proxy, stored: str) -> None:
    proxy.fail("get_object", s3_proxy.nothing_of_it)
    with pytest.raises(StoreUnavailable):
        get(store, stored)
    assert len(proxy.asked) == ONCE.breaks + 1


def test_an_object_that_goes_while_it_is_read_is_missing_and_nothing_wrong_was_given(
    store: S3Store, proxy: S3Proxy
) -> None:
    key, content = new_key(), os.urandom(5_000_000)
    put(store, key, content)
    proxy.fail("get_object", s3_proxy.passing, s3_proxy.cut, lasting=False)
    pieces = store.open(BUCKET, key, content_key=KEY, aad=AAD)
    given = [next(iter(pieces))]
    store.delete(BUCKET, key)
    with pytest.raises(MissingBytes):
        given.extend(pieces)
    assert content.startswith(b"".join(given))


# ---- bytes that change


@pytest.mark.parametrize("operation", ["upload_part", "complete_multipart_upload"])
def test_what_arrives_other_than_it_was_sent_is_not_kept(store: S3Store, proxy: S3Proxy, operation: str) -> None:
    key = new_key()
    proxy.fail(operation, s3_proxy.altering_the_checksum)
    with pytest.raises(BytesChanged):
        put(store, key, os.urandom(1000))
    assert store.sealed_size(BUCKET, key) is None
    assert store.unfinished(BUCKET) == []


def test_s3_itself_refuses_what_changed_on_the_way(store: S3Store, proxy: S3Proxy) -> None:
    proxy.fail("upload_part", s3_proxy.altering_what_is_sent)
    with pytest.raises(BytesChanged):
        put(store, new_key(), os.urandom(LARGE))
    assert store.unfinished(BUCKET) == []


def test_an_empty_object_is_no_sealed_file(store: S3Store, proxy: S3Proxy, stored: str) -> None:
    proxy.fail("get_object", refusing("InvalidRange", 416))
    with pytest.raises(Tampered):
        store.open(BUCKET, stored, content_key=KEY, aad=AAD)


# ---- the last word


def test_a_put_whose_last_answer_is_lost_leaves_nothing_or_all_of_it(store: S3Store, proxy: S3Proxy) -> None:
    key = new_key()
    proxy.fail("complete_multipart_upload", s3_proxy.done_and_gone)
    with pytest.raises(StoreUnavailable):
        put(store, key, b"x")
    assert store.sealed_size(BUCKET, key) is None
    proxy.fail("complete_multipart_upload", s3_proxy.done_and_gone, lasting=False)
    put(store_at(proxy.address, PATIENT), key, b"whole")
    assert get(store, key) == b"whole"


def test_an_upload_that_has_ended_already_counts_if_the_object_is_there(store: S3Store, proxy: S3Proxy) -> None:
    def ended(call: s3_proxy.Call) -> None:
        call.forward()
        refusing("NoSuchUpload", 404)(call)

    key = new_key()
    proxy.fail("complete_multipart_upload", ended)
    put(store, key, b"whole")
    assert get(store, key) == b"whole"


def test_what_could_not_be_taken_back_is_left_to_the_reaper(store: S3Store, proxy: S3Proxy) -> None:
    key = new_key()
    proxy.fail("", s3_proxy.passing, refusing("InternalError", 500))
    with pytest.raises(StoreUnavailable):
        put(store, key, b"x")
    proxy.fail("")
    assert store.unfinished(BUCKET) == [key]
    store.delete(BUCKET, key)
    assert store.unfinished(BUCKET) == []


# ---- when nobody answers


def test_after_some_outages_nobody_is_asked_for_a_while_and_then_one_tries(proxy: S3Proxy, store: S3Store) -> None:
    hasty = store_at(proxy.address, Pace(tries=1, faults_to_open=3))
    proxy.fail("", refusing("InternalError", 500))
    for _ in range(10):
        with pytest.raises(StoreUnavailable):
            hasty.sealed_size(BUCKET, new_key())
    assert len(proxy.asked) == 3
    proxy.fail("")
    hasty._line.circuit.circuit.reset_timeout = 0
    assert hasty.sealed_size(BUCKET, new_key()) is None


def test_a_refusal_is_no_outage(proxy: S3Proxy, store: S3Store) -> None:
    hasty = store_at(proxy.address, Pace(tries=1, faults_to_open=3))
    proxy.fail("", refusing("AccessDenied", 403))
    for _ in range(10):
        with pytest.raises(StoreRefused):
            hasty.unfinished(BUCKET)
    assert len(proxy.asked) == 10


def test_nobody_at_the_address_is_named(s3: Aws) -> None:
    with pytest.raises(StoreUnavailable):
        store_at(f"http://127.0.0.1:{free_port(servers.worker())}").unfinished(BUCKET)


def test_without_credentials_it_says_so(s3: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    servers.use(monkeypatch, None)
    with pytest.raises(StoreCredentialsRefused):
        store_at(s3.address).unfinished(BUCKET)


def test_a_buckets_own_key_is_asked_of_kms_by_one_bucket_key(s3: Aws) -> None:
    """ministack keeps no BucketKeyEnabled, so what counts is what is sent."""
    sent: list[bytes] = []

    def kept(call: s3_proxy.Call) -> None:
        sent.append(call.body)
        s3_proxy.passing(call)

    cmk = f"arn:aws:kms:{servers.REGION}:000000000000:key/12345678-1234-1234-1234-123456789012"
    with s3_proxy.proxy_to(s3.address) as server:
        server.fail("put_bucket_encryption", kept)
        for key in (cmk, ""):
            store_at(server.address).make_bucket(new_bucket(), key)
    under_cmk, under_s3 = (body.decode() for body in sent)
    assert "<BucketKeyEnabled>true</BucketKeyEnabled>" in under_cmk
    assert f"<KMSMasterKeyID>{cmk}</KMSMasterKeyID>" in under_cmk
    assert "<SSEAlgorithm>aws:kms</SSEAlgorithm>" in under_cmk
    assert "<SSEAlgorithm>AES256</SSEAlgorithm>" in under_s3
    assert "BucketKeyEnabled" not in under_s3
