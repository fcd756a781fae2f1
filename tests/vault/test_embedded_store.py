"""The store of sealed files."""

import os
import stat
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from hq.crypto.aead import Tampered
from tests.vault.contract import AAD, BUCKET, KEY, StoreContract, get, new_key, put
from vault.store import ObjectStore, StorageFull, embedded
from vault.store.embedded import EmbeddedStore


class TestEmbeddedStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return EmbeddedStore(tmp_path / "objects")

    def test_folders_are_0700_and_files_0600(self, store: ObjectStore, tmp_path: Path) -> None:
        put(store, new_key(), b"x")
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "objects").rglob("*") if path.is_file()}
        folders = {
            stat.S_IMODE(path.stat().st_mode)
            for path in [tmp_path / "objects", *(tmp_path / "objects").rglob("*")]
            if path.is_dir()
        }
        assert modes == {0o600}
        assert folders == {0o700}

    def test_the_plaintext_is_in_no_file_not_even_while_it_is_written(self, store: ObjectStore, tmp_path: Path) -> None:
        canary = os.urandom(32)
        with store.put(BUCKET, new_key(), content_key=KEY, aad=AAD) as writer:
            writer.write(canary * 10_000)
            assert canary not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert canary not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    @pytest.mark.parametrize("at", [0, 10, 44, 60_000, 65_600, -1, -17])
    def test_a_changed_byte_anywhere_is_found(self, store: ObjectStore, tmp_path: Path, at: int) -> None:
        key = new_key()
        put(store, key, bytes(200_000))
        file = tmp_path / "objects" / BUCKET / key[-2:] / key.rpartition("/")[2]
        content = bytearray(file.read_bytes())
        content[at] ^= 1
        file.write_bytes(content)
        with pytest.raises(Tampered):
            get(store, key)

    @pytest.mark.parametrize("cut", [1, 17, 65_552, 150_000, 200_107])
    def test_a_cut_file_is_refused_before_its_first_byte_is_given_away(
        self, store: ObjectStore, tmp_path: Path, cut: int
    ) -> None:
        key = new_key()
        put(store, key, bytes(200_000))
        file = tmp_path / "objects" / BUCKET / key[-2:] / key.rpartition("/")[2]
        os.truncate(file, file.stat().st_size - cut)
        with pytest.raises(Tampered):
            store.open(BUCKET, key, content_key=KEY, aad=AAD)

    def test_two_files_changed_for_each_other_do_not_open(self, store: ObjectStore, tmp_path: Path) -> None:
        one, two = new_key(), new_key()
        with store.put(BUCKET, one, content_key=KEY, aad=b"one") as writer:
            writer.write(b"1")
        with store.put(BUCKET, two, content_key=KEY, aad=b"two") as writer:
            writer.write(b"2")
        files = [tmp_path / "objects" / BUCKET / key[-2:] / key.rpartition("/")[2] for key in (one, two)]
        contents = [file.read_bytes() for file in files]
        files[0].write_bytes(contents[1])
        with pytest.raises(Tampered):
            store.open(BUCKET, one, content_key=KEY, aad=b"one")

    def test_bytes_are_on_the_disk_before_the_name_and_the_name_before_the_end(
        self, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps: list[str] = []
        fsync, rename = os.fsync, Path.rename

        def noted_fsync(descriptor: int) -> None:
            steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
            fsync(descriptor)

        def noted_rename(self: Path, target: Path) -> Path:
            steps.append("rename")
            return rename(self, target)

        key = new_key()
        (store._root / BUCKET / key[-2:]).mkdir()  # type: ignore[attr-defined]  # of this store only
        monkeypatch.setattr(os, "fsync", noted_fsync)
        monkeypatch.setattr(Path, "rename", noted_rename)
        put(store, key, b"x")
        assert steps == ["file", "rename", "folder"]

    @pytest.mark.parametrize("step", ["write", "fsync", "mkdir"])
    def test_a_full_disk_is_said_in_a_sentence_and_leaves_nothing(
        self, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        def full(*_: object) -> int:
            raise OSError(28, "No space left on device")

        if step == "write":
            monkeypatch.setattr(embedded, "FileIO", _full_file())
        elif step == "fsync":
            monkeypatch.setattr(os, "fsync", full)
        else:
            monkeypatch.setattr(embedded, "make_folder", full)
        with pytest.raises(StorageFull):
            put(store, new_key(), bytes(300_000))
        monkeypatch.undo()
        assert store.unfinished(BUCKET) == []
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def _full_file() -> type:
    class Full(FileIO):
        written = 0

        def write(self, data: Any, /) -> int:
            self.written += 1
            if self.written > 3:
                raise OSError(28, "No space left on device")
            return super().write(data)

    return Full
