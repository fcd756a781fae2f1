"""Checkpoints that were seen before: a log that was cut, forked or rewritten contradicts one of them."""

import json
from pathlib import Path

import pytest

from tests.verify import trails
from tests.verify.program import run
from tests.verify.samples import STRANGER
from tests.verify.trails import Export, Signer, checkpoint_of, consistency_proof, rehashed, trail, write_archive

LINES = trail(40)
FORKED = rehashed(
    [*LINES[:9], LINES[9] | {"document": LINES[9]["document"] | {"tag": "key:destroyed"}}, *LINES[10:]], 9
)


class Desk:
    """Somebody who checks one file after the other, and remembers."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.memory, self.files = folder, folder / "seen.json", 0

    def check(self, raw: bytes | str | Path, *more: object) -> tuple[int, str]:
        if isinstance(raw, (bytes, str)):
            self.files += 1
            path = self.folder / str(self.files)
            path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
        else:
            path = raw
        done = run(path, *(more or ("--vkey", trails.vkey())), "--remember", self.memory)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = Desk(tmp_path)
    assert found.check(checkpoint_of(LINES[:20]))[0] == 0
    return found


def test_a_checkpoint_that_was_seen_holds_again(desk):
    assert desk.check(checkpoint_of(LINES[:20]))[0] == 0


def test_a_log_that_was_cut_is_noticed(desk):
    code, said = desk.check(checkpoint_of(LINES[:19]))
    assert code == 1
    assert "The checkpoint is of 19 entries, and one of 20 was seen before" in said


def test_a_log_that_was_forked_is_noticed(desk):
    code, said = desk.check(checkpoint_of(FORKED[:20]))
    assert code == 1
    assert "The log was forked: another checkpoint of 20 entries was seen before." in said


def test_a_larger_checkpoint_is_kept_and_what_is_missing_is_told(desk):
    code, said = desk.check(checkpoint_of(LINES))
    assert code == 0
    assert "That the log goes on from the 20 entries that were seen before." in said
    assert desk.check(checkpoint_of(LINES[:30]))[0] == 1


def test_a_proof_of_consistency_shows_that_a_log_goes_on(desk):
    code, said = desk.check(consistency_proof(LINES, 20))
    assert code == 0
    assert "Consistency: the 40 entries begin with the 20 that were seen before" in said
    assert "goes on from" not in said


def test_a_proof_of_consistency_of_another_history_is_refused(desk):
    code, said = desk.check(consistency_proof(FORKED, 20))
    assert code == 1
    assert "does not begin with the 20 that were seen before" in said
    code, said = desk.check(consistency_proof(LINES, 19))
    assert code == 1
    assert "no checkpoint of so many was seen before" in said


@pytest.mark.parametrize("first", [1, 15, 21])
def test_an_export_that_reaches_over_it_shows_it(desk, first):
    code, said = desk.check(Export(LINES, first=first).packed())
    assert code == 0
    assert "goes on from" not in said


@pytest.mark.parametrize("first", [1, 15, 21])
def test_an_export_of_another_history_is_refused_though_everything_in_it_is_signed(desk, first):
    code, said = desk.check(Export(FORKED, first=first).packed())
    assert code == 1
    assert "The log was rewritten: its first 20 entries are not those that were seen before." in said


def test_an_export_that_does_not_reach_it_says_so(desk):
    code, said = desk.check(Export(FORKED, first=25).packed())
    assert code == 0
    assert "goes on from the 20 entries" in said


def test_an_archive_that_reaches_over_it_shows_it_or_is_refused(desk, tmp_path):
    write_archive(tmp_path / "good", LINES, [15, 40])
    code, said = desk.check(tmp_path / "good")
    assert code == 0
    assert "goes on from" not in said
    write_archive(tmp_path / "other", FORKED, [15, 40])
    code, said = desk.check(tmp_path / "other")
    assert code == 1
    assert "The log was rewritten: its first 20 entries" in said


def test_nothing_is_remembered_of_what_is_refused_or_of_a_stranger(desk):
    before = desk.memory.read_bytes()
    assert desk.check(checkpoint_of(LINES, signer=Signer(STRANGER)))[0] == 1
    assert desk.check(checkpoint_of(FORKED[:20]))[0] == 1
    assert desk.memory.read_bytes() == before
    (desk.folder / "nobody").write_text(checkpoint_of(LINES))
    assert run(desk.folder / "nobody", "--remember", desk.memory).returncode == 3
    assert desk.memory.read_bytes() == before


def test_a_refused_file_leaves_nothing_behind_for_the_next(desk):
    """One run: the first is refused late, and a good file after it keeps only what is its own."""
    late = Export(LINES, said={"shredded": 1}).packed()
    (desk.folder / "late").write_bytes(late)
    (desk.folder / "good").write_text(checkpoint_of(LINES[:20]))
    done = run(desk.folder / "late", desk.folder / "good", "--vkey", trails.vkey(), "--remember", desk.memory)
    assert done.returncode == 1
    assert [size for [size, _] in json.loads(desk.memory.read_bytes())[trails.origin()]] == [20]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"x":1}',
        '{"x":[[1]]}',
        '{"x":[["a","b"]]}',
        '{"x":[[1,"zz"]]}',
        '{"x":[["a","bb"]]}',
        '{"x":[[1,"bb"]]}',
        '{"x":[[-1,"' + "bb" * 32 + '"]]}',
    ],
)
def test_a_memory_that_is_none_is_not_used(desk, content):
    desk.memory.write_text(content)
    code, said = desk.check(checkpoint_of(LINES))
    assert code == 2
    assert "is nothing that was remembered here" in said
    assert desk.memory.read_text() == content


def test_a_proof_of_consistency_needs_a_memory(tmp_path):
    path = tmp_path / "proof"
    path.write_bytes(consistency_proof(LINES, 20))
    done = run(path, "--vkey", trails.vkey())
    assert done.returncode == 2
    assert "give --remember" in done.stderr
