"""What every staging does. A store's own tests inherit this and give `staging` and `send`."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from hq.lib.clock import now
from hq.lib.ids import new_id
from tests.vault.contract import BUCKET, OTHER
from vault.store import MissingBytes, PartAddress, Staged, Staging
from vault.store.staging import NoSuchPart

PART = 5 * 1024 * 1024  # the least that S3 takes of a part that is not the last
TAIL = 1234


def staged(size: int, handle: str = "", bucket: str = BUCKET) -> Staged:
    return Staged(
        bucket=bucket,
        id=new_id(),
        handle=handle,
        size=size,
        part_size=PART,
        content_key=bytes(range(32)),
        aad=b"place",
        address_key=bytes(range(32, 64)),
    )


class StagingContract:
    @pytest.fixture
    def staging(self) -> Iterator[Staging]:
        """In which the buckets are made."""
        raise NotImplementedError

    def send(self, staging: Staging, upload: Staged, address: PartAddress, content: bytes) -> bool:
        """Send it as a browser does; whether the store took it."""
        raise NotImplementedError

    def begun(self, staging: Staging, size: int, bucket: str = BUCKET) -> Staged:
        upload = staged(size, bucket=bucket)
        return replace(upload, handle=staging.begin(bucket, upload.id))

    def part(self, staging: Staging, upload: Staged, number: int, content: bytes) -> bool:
        address = staging.address(upload, number, upload.size_of(number), now() + timedelta(minutes=10))
        return self.send(staging, upload, address, content)

    def test_what_was_sent_in_any_order_is_read_in_the_right_one_as_often_as_asked(self, staging: Staging) -> None:
        content = os.urandom(2 * PART + TAIL)
        upload = self.begun(staging, len(content))
        for number in (3, 1, 2):
            assert self.part(staging, upload, number, content[(number - 1) * PART : number * PART])
        assert staging.parts(upload) == {1: PART, 2: PART, 3: TAIL}
        assert b"".join(staging.read(upload)) == content
        assert b"".join(staging.read(upload)) == content

    def test_it_tells_which_parts_are_there(self, staging: Staging) -> None:
        upload = self.begun(staging, 2 * PART + TAIL)
        assert staging.parts(upload) == {}
        assert self.part(staging, upload, 2, bytes(PART))
        assert staging.parts(upload) == {2: PART}

    def test_a_part_of_another_size_is_refused_and_leaves_nothing(self, staging: Staging) -> None:
        upload = self.begun(staging, TAIL)
        for wrong in (bytes(TAIL - 1), bytes(TAIL + 1), b""):
            assert not self.part(staging, upload, 1, wrong)
        assert staging.parts(upload) == {}

    def test_a_part_may_be_sent_again(self, staging: Staging) -> None:
        upload = self.begun(staging, TAIL)
        assert self.part(staging, upload, 1, b"a" * TAIL)
        assert self.part(staging, upload, 1, b"b" * TAIL)
        assert b"".join(staging.read(upload)) == b"b" * TAIL

    @pytest.mark.parametrize(("number", "size"), [(0, PART), (3, PART), (1, PART - 1), (2, PART)])
    def test_there_is_no_address_for_a_part_that_the_upload_has_not(
        self, staging: Staging, number: int, size: int
    ) -> None:
        upload = self.begun(staging, PART + TAIL)
        with pytest.raises(NoSuchPart):
            staging.address(upload, number, size, now() + timedelta(minutes=10))

    def test_reading_tells_that_a_part_is_missing(self, staging: Staging) -> None:
        upload = self.begun(staging, PART + TAIL)
        assert self.part(staging, upload, 1, bytes(PART))
        with pytest.raises(MissingBytes):
            b"".join(staging.read(upload))

    def test_what_was_discarded_is_gone_and_takes_no_part_any_more(self, staging: Staging) -> None:
        upload = self.begun(staging, PART + TAIL)
        late = staging.address(upload, 2, TAIL, now() + timedelta(minutes=10))
        assert self.part(staging, upload, 1, bytes(PART))
        staging.discard(upload)
        staging.discard(upload)
        assert not self.send(staging, upload, late, bytes(TAIL))
        assert staging.parts(upload) == {}

    def test_discarding_what_was_never_begun_is_nothing(self, staging: Staging) -> None:
        staging.discard(staged(TAIL))

    def test_beginning_again_keeps_what_is_there_or_begins_anew(self, staging: Staging) -> None:
        upload = self.begun(staging, TAIL)
        again = replace(upload, handle=staging.begin(BUCKET, upload.id))
        assert self.part(staging, again, 1, bytes(TAIL))
        assert b"".join(staging.read(again)) == bytes(TAIL)
        staging.discard(again)
        assert not self.part(staging, upload, 1, bytes(TAIL))

    def test_two_uploads_are_kept_apart_in_one_bucket_and_in_two(self, staging: Staging) -> None:
        uploads = [self.begun(staging, 1), self.begun(staging, 1), self.begun(staging, 1, bucket=OTHER)]
        for number, upload in enumerate(uploads):
            assert self.part(staging, upload, 1, b"%d" % number)
        staging.discard(uploads[0])
        assert [b"".join(staging.read(upload)) for upload in uploads[1:]] == [b"1", b"2"]
