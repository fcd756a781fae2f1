"""The archive in a folder: as the contract says, files that nobody changes by accident, and a full disk."""

import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from archive.buckets import AlreadyThere, ArchiveFault, ArchiveFull, ArchiveMissing, Bucket
from archive.buckets.folder import Folder
from tests.archive.contract import BucketContract, new_name


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """The system itself refuses to let a file grow beyond it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestFolder(BucketContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Bucket:
        folder = Folder(tmp_path / "archive")
        folder.prepare()
        return folder

    def test_it_says_that_it_cannot_lock(self, place: Bucket) -> None:
        assert not place.lockable
        assert place.where == "a folder on this machine"

    def test_files_are_read_only_and_folders_are_for_one_user(self, place: Bucket, tmp_path: Path) -> None:
        name = new_name()
        place.put(name, b"x")
        file = tmp_path / "archive" / name
        assert stat.S_IMODE(file.stat().st_mode) == 0o400
        for folder in [above for above in file.parents if above.is_relative_to(tmp_path / "archive")]:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    def test_a_full_disk_is_said_in_a_sentence_and_leaves_nothing(self, place: Bucket, tmp_path: Path) -> None:
        name = new_name()
        with disk_of(100_000), pytest.raises(ArchiveFull, match="The disk that holds the archive is full"):
            place.put(name, bytes(300_000))
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
        place.put(name, bytes(300_000))
        assert len(place.read(name)) == 300_000

    def test_what_a_crash_left_beside_a_name_is_neither_listed_nor_in_the_way(
        self, place: Bucket, tmp_path: Path
    ) -> None:
        name = new_name()
        file = tmp_path / "archive" / name
        file.parent.mkdir(parents=True)
        left = file.with_name(f"{file.name}~1")
        left.write_bytes(b"half")
        assert list(place.names(name.rpartition("/")[0] + "/")) == []
        place.put(name, b"whole")
        assert place.read(name) == b"whole"
        assert not left.exists()
        left.write_bytes(b"whole")  # killed behind the link
        with pytest.raises(AlreadyThere):
            place.put(name, b"whole")
        assert not left.exists()

    def test_two_who_put_the_same_name_at_once_do_not_replace_each_other(
        self, place: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = new_name()
        other = Folder(place._root)  # type: ignore[attr-defined]  # of this kind only
        exists = Path.exists

        def meanwhile(path: Path, **more: bool) -> bool:
            monkeypatch.undo()
            found = exists(path, **more)
            other.put(name, b"the other")
            return found

        monkeypatch.setattr(Path, "exists", meanwhile)
        with pytest.raises(AlreadyThere):
            place.put(name, b"this one")
        assert place.read(name) == b"the other"

    def test_one_that_was_taken_away_is_not_taken_for_an_empty_one(self, place: Bucket, tmp_path: Path) -> None:
        (tmp_path / "archive").rename(tmp_path / "elsewhere")
        with pytest.raises(ArchiveMissing):
            place.check()

    def test_a_file_in_the_place_of_a_folder_is_a_fault_with_a_sentence(self, place: Bucket, tmp_path: Path) -> None:
        (tmp_path / "archive" / "audit").write_bytes(b"")
        with pytest.raises(ArchiveFault):
            place.put(new_name(), b"x")
