"""Parts of uploads as sealed files."""

import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hq.crypto.aead import Tampered
from hq.crypto.tokens import BadToken
from hq.lib.clock import now
from tests.vault.contract import BUCKET, OTHER
from tests.vault.staging_contract import PART, TAIL, StagingContract, staged
from vault.store import PartAddress, Staged, StorageFull
from vault.store.embedded import EmbeddedStore
from vault.store.staging import EmbeddedStaging, NoSuchPart, UploadGone, WrongPartSize, terms_of, upload_of

BASE = "https://hq.example.org"


class TestEmbeddedStaging(StagingContract):
    @pytest.fixture
    def staging(self, tmp_path: Path) -> EmbeddedStaging:
        for bucket in (BUCKET, OTHER):
            EmbeddedStore(tmp_path / "objects").make_bucket(bucket)
        return EmbeddedStaging(tmp_path / "objects", BASE)

    def send(self, staging: EmbeddedStaging, upload: Staged, address: PartAddress, content: bytes) -> bool:  # type: ignore[override]  # only this one receives
        part, size, _ = terms_of(address.url.rpartition("/")[2], upload.address_key)
        try:
            staging.receive(upload, part, size, [content[:1000], content[1000:]])
        except (WrongPartSize, UploadGone):
            return False
        return True

    def test_what_waits_is_sealed_for_this_user_alone(self, staging: EmbeddedStaging, tmp_path: Path) -> None:
        upload = self.begun(staging, PART + TAIL)
        canary = os.urandom(32)
        assert self.part(staging, upload, 2, canary + bytes(TAIL - 32))
        (file,) = (tmp_path / "objects" / BUCKET / "incoming" / upload.id.hex).iterdir()
        assert canary not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert {stat.S_IMODE(folder.stat().st_mode) for folder in tmp_path.rglob("*") if folder.is_dir()} == {0o700}

    def test_a_part_in_the_place_of_another_does_not_open(self, staging: EmbeddedStaging, tmp_path: Path) -> None:
        upload = self.begun(staging, 2 * PART)
        for number in (1, 2):
            assert self.part(staging, upload, number, os.urandom(PART))
        folder = tmp_path / "objects" / BUCKET / "incoming" / upload.id.hex
        (folder / "2").write_bytes((folder / "1").read_bytes())
        with pytest.raises(Tampered):
            b"".join(staging.read(upload))

    def test_while_it_comes_and_after_its_sender_broke_off_no_part_is_there(self, staging: EmbeddedStaging) -> None:
        upload = self.begun(staging, TAIL)

        def chunks() -> Iterator[bytes]:
            yield bytes(100)
            assert staging.parts(upload) == {}
            raise ConnectionError

        with pytest.raises(ConnectionError):
            staging.receive(upload, 1, TAIL, chunks())
        assert staging.parts(upload) == {}

    def test_a_part_that_comes_while_the_upload_is_given_up_finds_no_place(
        self, staging: EmbeddedStaging, tmp_path: Path
    ) -> None:
        upload = self.begun(staging, TAIL)

        def chunks() -> Iterator[bytes]:
            yield bytes(100)
            staging.discard(upload)
            yield bytes(TAIL - 100)

        with pytest.raises(UploadGone):
            staging.receive(upload, 1, TAIL, chunks())
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    def test_discarding_goes_on_where_it_was_stopped(self, staging: EmbeddedStaging, tmp_path: Path) -> None:
        upload = self.begun(staging, TAIL)
        assert self.part(staging, upload, 1, bytes(TAIL))
        folder = tmp_path / "objects" / BUCKET / "incoming" / upload.id.hex
        folder.rename(folder.with_name(f"{folder.name}.gone"))
        staging.discard(upload)
        assert list(folder.parent.iterdir()) == []

    def test_a_full_disk_is_said_in_a_sentence_and_leaves_nothing(
        self, staging: EmbeddedStaging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        upload = self.begun(staging, TAIL)
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StorageFull):
            staging.receive(upload, 1, TAIL, [bytes(TAIL)])
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    def test_an_address_says_which_part_of_which_upload_and_until_when_to_its_key_alone(
        self, staging: EmbeddedStaging
    ) -> None:
        upload, until = staged(PART + TAIL), now() + timedelta(minutes=10)
        address = staging.address(upload, 2, TAIL, until)
        base, _, token = address.url.rpartition("/")
        assert (base, address.method) == (f"{BASE}/v1/upload-parts", "PUT")
        assert upload_of(token) == upload.id
        assert terms_of(token, upload.address_key) == (2, TAIL, int(until.timestamp()))
        with pytest.raises(BadToken):
            terms_of(token, bytes(32))

    def test_a_part_is_not_received_as_what_the_upload_has_not(self, staging: EmbeddedStaging) -> None:
        upload = self.begun(staging, TAIL)
        with pytest.raises(NoSuchPart):
            staging.receive(upload, 2, TAIL, [bytes(TAIL)])
