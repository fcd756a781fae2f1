"""Parts of uploads in S3: by addresses that S3 itself judges, over TLS. ministack refuses what AWS refuses."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from hq.lib.clock import now
from hq.lib.ids import new_id
from tests.aws.fixtures import Aws, ministack, s3, s3_user
from tests.vault.contract import BUCKET, OTHER, new_bucket
from tests.vault.staging_contract import PART, TAIL, StagingContract, staged
from vault.store import MissingBytes, PartAddress, Staged, Staging, stage_for, store_for

__all__ = ["ministack", "s3", "s3_user"]


@pytest.fixture
def browser(s3: Aws) -> urllib3.PoolManager:
    """Whoever was given an address: no credentials of their own."""
    return urllib3.PoolManager(ca_certs=s3.ca)


class TestS3Staging(StagingContract):
    @pytest.fixture
    def staging(self, s3: Aws, browser: urllib3.PoolManager) -> Staging:
        self.browser = browser
        for bucket in (BUCKET, OTHER):
            store_for("s3").make_bucket(bucket)
        return stage_for("s3")

    def send(self, staging: Staging, upload: Staged, address: PartAddress, content: bytes) -> bool:
        return self.answer(address, content) == 200

    def answer(self, address: PartAddress, content: bytes, url: str = "", **headers: str) -> int:
        given = {**address.headers, **headers}
        return self.browser.request(address.method, url or address.url, body=content, headers=given).status

    @pytest.fixture
    def begun_one(self, staging: Staging) -> Iterator[tuple[Staged, PartAddress]]:
        upload = self.begun(staging, PART + TAIL)
        yield upload, staging.address(upload, 2, TAIL, now() + timedelta(minutes=10))
        staging.discard(upload)

    def test_an_address_lives_as_long_as_was_said_and_ten_minutes_are_in_it(
        self, begun_one: tuple[Staged, PartAddress]
    ) -> None:
        asked = parse_qs(urlsplit(begun_one[1].url).query)
        assert 595 <= int(asked["X-Amz-Expires"][0]) <= 600
        assert "content-length" in asked["X-Amz-SignedHeaders"][0].split(";")
        assert begun_one[1].url.startswith("https://")

    @pytest.mark.parametrize(
        "altered",
        [
            lambda url, upload: url.replace("/incoming/", "/objects/"),
            lambda url, upload: url.replace(upload.id.hex, new_id().hex),
            lambda url, upload: url.replace(f"/{BUCKET}/", f"/{OTHER}/"),
            lambda url, upload: url.replace("partNumber=2", "partNumber=1"),
            lambda url, upload: url.replace(upload.handle, upload.handle[::-1]),
            lambda url, upload: url.replace("X-Amz-Expires=", "X-Amz-Expires=9"),
            lambda url, upload: url.replace("X-Amz-SignedHeaders=content-length%3Bhost", "X-Amz-SignedHeaders=host"),
            lambda url, upload: url[:-4] + ("0000" if url[-4:] != "0000" else "1111"),
            lambda url, upload: url.partition("?")[0],
        ],
        ids=["place", "upload", "bucket", "part", "handle", "life", "size", "signature", "no signature"],
    )
    def test_an_address_that_was_altered_is_refused(
        self, staging: Staging, begun_one: tuple[Staged, PartAddress], altered: Any
    ) -> None:
        upload, address = begun_one
        url = altered(address.url, upload)
        assert url != address.url
        assert self.answer(address, bytes(TAIL), url) in {400, 403, 404, 405}
        assert staging.parts(upload) == {}
        assert self.send(staging, upload, address, bytes(TAIL))

    @pytest.mark.parametrize("size", [0, TAIL - 1, TAIL + 1, PART])
    def test_another_size_is_refused_by_the_signature(
        self, staging: Staging, begun_one: tuple[Staged, PartAddress], size: int
    ) -> None:
        upload, address = begun_one
        assert self.answer(address, bytes(size)) == 403
        assert staging.parts(upload) == {}

    def test_an_address_is_for_sending_only(self, begun_one: tuple[Staged, PartAddress]) -> None:
        _, address = begun_one
        for method in ("GET", "DELETE", "POST"):
            assert self.browser.request(method, address.url).status == 403

    def test_an_address_that_is_over_is_refused(self, staging: Staging, begun_one: tuple[Staged, PartAddress]) -> None:
        upload, _ = begun_one
        past = now() - timedelta(minutes=11)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: past)
            old = staging.address(upload, 2, TAIL, now() + timedelta(minutes=10))
        assert f"X-Amz-Date={past:%Y%m%dT%H%M%SZ}" in old.url
        assert self.answer(old, bytes(TAIL)) == 403
        assert staging.parts(upload) == {}

    def test_what_waits_stands_under_the_buckets_own_key(self, s3: Aws, staging: Staging) -> None:
        cmk = "arn:aws:kms:eu-central-1:000000000000:key/12345678-1234-1234-1234-123456789012"
        bucket = new_bucket()
        store_for("s3").make_bucket(bucket, cmk)
        upload = self.begun(staging, TAIL, bucket=bucket)
        assert self.part(staging, upload, 1, bytes(TAIL))
        assert b"".join(staging.read(upload)) == bytes(TAIL)
        found = s3.client("s3").head_object(Bucket=bucket, Key=f"incoming/{upload.id.hex}")
        assert found["SSEKMSKeyId"] == cmk
        store_for("s3").remove_bucket(bucket)
        staging.discard(upload)

    def test_discarding_leaves_neither_parts_nor_what_they_were_joined_to(self, s3: Aws, staging: Staging) -> None:
        upload = self.begun(staging, 2 * PART)
        staging.begin(BUCKET, upload.id)  # a name that nobody wrote down
        for number in (1, 2):
            assert self.part(staging, upload, number, os.urandom(PART))
        assert len(b"".join(staging.read(upload))) == 2 * PART
        assert staging.parts(upload) == {1: PART, 2: PART}
        staging.discard(upload)
        admin = s3.client("s3")
        named = {"Bucket": BUCKET, "Prefix": f"incoming/{upload.id.hex}"}
        assert not admin.list_multipart_uploads(**named).get("Uploads")
        assert not admin.list_object_versions(**named).get("Versions")
        assert staging.parts(upload) == {}
        with pytest.raises(MissingBytes):
            b"".join(staging.read(upload))

    def test_an_empty_file_needs_no_part(self, staging: Staging) -> None:
        upload = self.begun(staging, 0)
        assert staging.parts(upload) == {}
        assert list(staging.read(upload)) == []
        staging.discard(upload)


def test_there_is_nothing_of_an_upload_in_a_bucket_that_is_gone(s3: Aws) -> None:
    stage_for("s3").discard(staged(TAIL, bucket=new_bucket()))
