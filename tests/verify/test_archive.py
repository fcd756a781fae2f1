"""Folders of the archive: digest by digest, file by file, line by line."""

import gzip
import shutil
from pathlib import Path
from typing import Any

import pytest

from hq.crypto.statements import build
from tests.verify import trails
from tests.verify.program import run
from tests.verify.samples import KID, SEED, STRANGER, content
from tests.verify.trails import jsonl, lines_in, trail, write_archive

LINES = trail(40)
ENDS = [10, 20, 33, 40]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write_archive(tmp_path / "kept", LINES, ENDS)
    return tmp_path / "kept"


def checked(folder: Path) -> tuple[int, str]:
    done = run(folder, "--kid", KID)
    return done.returncode, done.stdout + done.stderr


def files(archive: Path) -> list[Path]:
    return sorted(archive.glob("audit/admin/*/*/*/*/*.gz"))


def digests(archive: Path) -> list[Path]:
    return sorted(archive.glob("audit/digests/*/*/*/*/*/*.json"))


def unsigned(path: Path) -> dict[str, Any]:
    """What a digest says, to be changed and signed again."""
    return {name: value for name, value in content(path.read_bytes()).items() if name not in {"signed_by", "check"}}


def test_a_whole_archive_holds(archive):
    for folder in (archive, archive / "audit"):
        code, said = checked(folder)
        assert code == 0
        assert "digests 1 to 4, entries 1 to 40, in 4 files" in said
        assert "Checkpoints: 4, to whose roots the entries lead" in said


def test_both_logs_may_be_there(archive):
    write_archive(archive, trail(9, "access"), [5, 9], "access")
    code, said = checked(archive)
    assert code == 0
    assert "Archive of the log access:" in said
    assert "Archive of the log admin:" in said


def test_a_missing_file_is_named(archive):
    files(archive)[1].unlink()
    code, said = checked(archive)
    assert code == 1
    assert "11-20.jsonl.gz, which digest 2 lists, is missing." in said


def test_a_missing_digest_is_named(archive):
    digests(archive)[1].unlink()
    code, said = checked(archive)
    assert code == 1
    assert "Digest 2 is missing." in said


def test_a_changed_digest_is_named(archive):
    path = digests(archive)[1]
    path.write_bytes(path.read_bytes().replace(b"What was recorded", b"That was recorded"))
    code, said = checked(archive)
    assert code == 1
    assert "2.json is not the digest that number 3 names as the one before it." in said


def test_the_newest_digest_has_to_be_signed(archive):
    path = digests(archive)[-1]
    path.write_bytes(path.read_bytes().replace(b"What was recorded", b"That was recorded"))
    code, said = checked(archive)
    assert code == 1
    assert "4.json: The statement that can be read is not the one that was signed." in said
    write_archive(archive, LINES, ENDS)
    statement = {
        name: value for name, value in content(path.read_bytes()).items() if name not in {"signed_by", "check"}
    }
    path.write_bytes(build(statement, STRANGER))
    code, said = checked(archive)
    assert code == 1
    assert "not one that you expected" in said


def test_a_changed_line_is_found_at_its_place(archive):
    path = files(archive)[2]
    lines = lines_in(gzip.decompress(path.read_bytes()))
    lines[4]["document"]["tag"] = "key:destroyed"
    path.write_bytes(gzip.compress(jsonl(lines), mtime=0))
    code, said = checked(archive)
    assert code == 1
    assert "21-33.jsonl.gz, line 5, entry 25: it was changed; its hash is another." in said


@pytest.mark.parametrize("at", [3, 7])
def test_a_changed_sealed_detail_is_found_by_the_hash_of_its_file(archive, at):
    path = files(archive)[0]
    lines = lines_in(gzip.decompress(path.read_bytes()))
    lines[at]["sealed"] = "AAAAAAAA"
    path.write_bytes(gzip.compress(jsonl(lines), mtime=0))
    code, said = checked(archive)
    assert code == 1
    assert "1-10.jsonl.gz is not the file that was signed" in said


def test_a_file_packed_again_is_not_the_one_that_was_signed(archive):
    path = files(archive)[0]
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), mtime=1))
    code, said = checked(archive)
    assert code == 1
    assert "1-10.jsonl.gz is not the file that was signed" in said


@pytest.mark.parametrize(
    "change", [lambda raw: raw[:-9], lambda raw: b"x" + raw, lambda raw: raw + b"x", lambda raw: b""]
)
def test_a_broken_gzip_is_named(archive, change):
    path = files(archive)[0]
    path.write_bytes(change(path.read_bytes()))
    code, said = checked(archive)
    assert code == 1
    assert "1-10.jsonl.gz" in said
    assert "Traceback" not in said


def test_a_folder_that_begins_later_says_so(archive):
    digests(archive)[0].unlink()
    files(archive)[0].unlink()
    code, said = checked(archive)
    assert code == 0
    assert "digests 2 to 4, entries 11 to 40, in 3 files" in said
    assert "What came before digest 2: the folder begins there." in said
    assert "The root in 3 of the digests" in said


def test_a_tail_that_was_cut_is_an_older_archive_but_for_who_remembers(archive, tmp_path):
    arguments = ("--kid", KID, "--remember", tmp_path / "seen.json")
    assert run(archive, *arguments).returncode == 0
    digests(archive)[-1].unlink()
    files(archive)[-1].unlink()
    assert checked(archive)[0] == 0
    done = run(archive, *arguments)
    assert done.returncode == 1
    assert "The checkpoint is of 33 entries, and one of 40 was seen before" in done.stdout


def test_a_file_that_no_digest_names_is_told_of(archive):
    stray = files(archive)[0].with_name("41-50.jsonl.gz")
    stray.write_bytes(b"x")
    code, said = checked(archive)
    assert code == 0
    assert "Anything of 1 files that no digest names, the first: audit/admin/" in said


def test_a_rewritten_archive_contradicts_the_root_in_its_digests(archive, tmp_path):
    """Lines, hashes and listing of one history; checkpoints of another."""
    changed = [*LINES[:4], LINES[4] | {"document": LINES[4]["document"] | {"tag": "key:destroyed"}}, *LINES[5:]]
    write_archive(tmp_path / "other", trails.rehashed(changed, 4), [40])
    path = digests(tmp_path / "other")[0]
    statement = {
        name: value for name, value in content(path.read_bytes()).items() if name not in {"signed_by", "check"}
    }
    statement["checkpoint"]["root"] = trails.tree_over(LINES)[0].hex()
    path.write_bytes(build(statement, SEED))
    code, said = checked(tmp_path / "other")
    assert code == 1
    assert "The entries do not lead to the root in digest 1." in said


def test_a_name_that_leads_elsewhere_is_not_followed(archive):
    outside = archive.parent / "1-10.jsonl.gz"
    shutil.copy(files(archive)[0], outside)
    path = digests(archive)[-1]
    for name in (f"../{outside.name}", str(outside), f"audit/admin/../../{outside.name}"):
        statement = {
            key: value for key, value in content(path.read_bytes()).items() if key not in {"signed_by", "check"}
        }
        statement["files"][0]["name"] = name
        path.write_bytes(build(statement, SEED))
        code, said = checked(archive)
        assert code == 1
        assert "which is not the file that comes next" in said


def test_a_folder_without_digests_is_no_archive(tmp_path):
    (tmp_path / "audit").mkdir()
    code, said = checked(tmp_path)
    assert code == 1
    assert "It is no archive" in said
