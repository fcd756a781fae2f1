"""The corpus: what holds, holds; what does not is refused for the reason in its name; and it can be made again."""

import io
import zipfile
from pathlib import Path

import pytest

from hq.crypto import merkle
from hq.lib.canonical import canonical
from tests.verify import make_corpus, make_kinds, trails
from tests.verify.make_corpus import CORPUS
from tests.verify.program import VERIFY, run
from tests.verify.samples import KID

# What each is refused for. Whatever stands in one of these sentences, the browser says too.
REASONS = {
    "statement-edited.json": "The statement that can be read is not the one that was signed",
    "statement-stranger.json": "not one that you expected",
    "statement-spaced.json": "not in canonical form",
    "statement-not-json.json": "not JSON",
    "statement-twice.json": "name rows twice",
    "statement-type.json": "type is unknown here: hq/other",
    "statement-field.json": "field statement.approved is not of the right type",
    "statement-fraction.json": "a number that is no integer: 1.5",
    "statement-utf8.json": "not UTF-8",
    "checkpoint-size.txt": "signature of the checkpoint does not hold",
    "checkpoint-origin.txt": "not signed with a key that you expected",
    "checkpoint-key.txt": "not signed with a key that you expected",
    "checkpoint-wrong-signature.txt": "signature of the checkpoint does not hold",
    "checkpoint-cut.txt": "no signed note",
    "checkpoint-unsigned.txt": "no signed note",
    "checkpoint-leading-zero.txt": "no checkpoint",
    "checkpoint-huge.txt": "no checkpoint",
    "checkpoint-short-root.txt": "no checkpoint",
    "checkpoint-crlf.txt": "not JSON",
    "checkpoint-name.txt": "not signed with a key that you expected",
    "proof-edited.json": "entry 7: it was changed",
    "proof-previous.json": "entry 7: it was changed",
    "proof-hash.json": "entry 7: it was changed",
    "proof-detail.json": "entry 7: its detail is not the one that was committed to",
    "proof-salt.json": "its detail is not the one that was committed to",
    "proof-no-salt.json": "its detail is not the one that was committed to",
    "proof-no-detail.json": "its detail is not the one that was committed to",
    "proof-version.json": "another version",
    "proof-more.json": "other members",
    "proof-spaced.json": "not in canonical form",
    "proof-index.json": "no tlog-proof of this entry",
    "proof-extra.json": "no tlog-proof of this entry",
    "proof-long.json": "too many hashes",
    "proof-short.json": "does not lead from the event to the root",
    "proof-short-hash.json": "not the base64 of 32 bytes",
    "proof-no-note.json": "no signed note",
    "proof-empty.json": "no tlog-proof of this entry",
    "proof-other-log.json": "of another log",
    "proof-other-environment.json": "of another log",
    "proof-other-root.json": "does not lead from the event to the root",
    "proof-small-checkpoint.json": "of 5 entries, and the event is entry 7",
    "proof-key.json": "not signed with a key that you expected",
    "proof-index-zero.json": "none of a log that is known here",
    "export-edited.zip": "events.jsonl, line 11, entry 11: it was changed",
    "export-edited-by-a-stranger.zip": "events.jsonl, line 11, entry 11: it was changed",
    "export-edited-last.zip": "events.jsonl, line 40, entry 40: it was changed",
    "export-deleted.zip": "line 11 is entry 12, and 11 comes next",
    "export-swapped.zip": "line 11 is entry 12, and 11 comes next",
    "export-inserted.zip": "line 12 is entry 11, and 12 comes next",
    "export-cut.zip": "ends with entry 30, and 40 was to be the last",
    "export-rewritten.zip": "do not lead to the root of the checkpoint",
    "export-other-tenant.zip": "line 6: It is an entry of another environment or organization",
    "export-other-environment.zip": "line 6: It is an entry of another environment or organization",
    "export-before-changed.zip": "line 13, entry 13: its detail is not the one that was committed to",
    "export-detail-gone-salt-there.zip": "line 1, entry 1: its detail is not the one that was committed to",
    "export-detail-spaced.zip": "line 1, its detail: It is not in canonical form",
    "export-spaced-line.zip": "line 1: It is not in canonical form (RFC 8785)",
    "export-empty-line.zip": "line 4: It is not JSON",
    "export-no-last-feed.zip": "does not end with a whole line",
    "export-not-utf8.zip": "line 1, entry 1: its detail is not the one",
    "export-member-twice-in-a-line.zip": "line 1: It has the name v twice",
    "export-member-twice.zip": "It has events.jsonl twice",
    "export-table-differs.zip": "events.csv does not say of entry 1 what the entry says",
    "export-table-columns.zip": "events.csv has other columns",
    "export-table-longer.zip": "events.csv goes on after the last entry",
    "export-statement-edited.zip": "statement.json: The statement that can be read is not the one that was signed",
    "export-stranger.zip": "statement.json: It was signed with the key",
    "export-other-statement.zip": "no statement of an export of the trail",
    "export-checkpoint-exchanged.zip": "checkpoint.txt is not the file that was signed",
    "export-checkpoint-of-another.zip": "checkpoint.txt: The checkpoint is of another log",
    "export-checkpoint-by-another.zip": "checkpoint.txt: The checkpoint was not signed with a key",
    "export-checkpoint-not-named.zip": "not the checkpoint that the statement names",
    "export-root.zip": "do not lead to the root of the checkpoint",
    "export-proof-other-range.zip": "proof.json: It is the proof of another range",
    "export-proof-too-long.zip": "proof.json: It has too many hashes",
    "export-proof-too-short.zip": "proof.json: It has too few hashes",
    "export-proof-more.zip": "proof.json: It is the proof of another range",
    "export-times.zip": "Its times, or its number of details",
    "export-shredded-count.zip": "Its times, or its number of details",
    "export-range-impossible.zip": "Its range is none of a log",
    "export-missing-checkpoint.zip": "checkpoint.txt is missing",
    "export-missing-table.zip": "It lists other files than are there",
    "export-more-members.zip": "a member that no export has: readme.txt",
    "export-outside.zip": "a member that no export has: ../events.jsonl",
    "export-comment.zip": "something before its first member or behind its last",
    "export-behind.zip": "something before its first member or behind its last",
    "export-bytes-gone.zip": "something before its first member or behind its last",
    "export-bytes-changed.zip": "no ZIP that can be read to its end",
    "export-before.zip": "something before its first member or behind its last",
    "export-encrypted.zip": "is encrypted, or packed in a way",
    "export-bzip2.zip": "is encrypted, or packed in a way",
    "export-truncated.zip": "no ZIP that can be read to its end",
    "export-no-zip.zip": "no ZIP that can be read to its end",
    "export-broken-inside.zip": "no ZIP that can be read to its end",
    "checkpoint-space-in-a-name.txt": "A line of its signatures is none",
    "proof-log-of-no-table.json": "none of a log that is known here",
    "proof-index-huge.json": "event.document.index is not an integer",
    "statement-joined.json": "its members are not jws and statement",
    "export-behind-a-member.zip": "no ZIP that can be read to its end",
    "export-longer-member.zip": "no ZIP that can be read to its end",
    "export-patched.zip": "no ZIP that can be read to its end",
    "export-extra-cut.zip": "no ZIP that can be read to its end",
    "export-count.zip": "no ZIP that can be read to its end",
    "export-name-not-ascii.zip": "no ZIP that can be read to its end",
    "export-end-twice.zip": "no ZIP that can be read to its end",
    "export-line-too-long.zip": "events.jsonl has a line of more than 1 MiB",
    "export-two-wrong.zip": "line 1, its detail: It is not in canonical form",
}


def verdicts(folder: str, *arguments: object) -> dict[str, list[str]]:
    """The lines on every file of a folder, by its name. One run of the program, as on a stranger's machine."""
    done = run(*sorted((CORPUS / folder).iterdir()), *arguments)
    assert done.stderr == ""
    found: dict[str, list[str]] = {}
    name = ""
    for line in done.stdout.splitlines():
        if line.startswith("  "):
            found[name].append(line[2:])
        else:
            name = Path(line).name
            found[name] = []
    return found


def test_every_good_file_holds():
    found = verdicts("good", "--jwks", CORPUS / "jwks.json")
    assert found.keys() == make_corpus.GOOD.keys()
    for name, lines in found.items():
        assert lines[0] == f"HOLDS. Signed with a key that you expected: {KID}", name
        assert "What this does not prove:" in lines


def test_every_bad_file_is_refused_for_what_is_wrong_with_it():
    found = verdicts("bad", "--jwks", CORPUS / "jwks.json")
    assert found.keys() == make_corpus.BAD.keys() == REASONS.keys()
    for name, lines in found.items():
        assert len(lines) == 1, name
        assert lines[0].startswith("REFUSED. "), name
        assert REASONS[name] in lines[0], name


def test_a_witness_that_is_asked_for_must_have_signed():
    witness = (CORPUS / "witness.txt").read_text()
    found = verdicts("good", "--jwks", CORPUS / "jwks.json", "--witness", witness)
    for name, lines in found.items():
        if name.startswith("statement") or "witnessed" in name:
            assert lines[0].startswith("HOLDS."), name
        else:
            assert lines[0].endswith("The witness witness.example.net/hq did not sign the checkpoint."), name
    assert "  Witness witness.example.net/hq saw it at 2026-11-22T05:10:00Z" in found["checkpoint-witnessed.txt"]


def test_without_a_key_nothing_is_said_to_hold(tmp_path):
    for folder in ("good", "bad"):
        assert not [name for name, lines in verdicts(folder).items() if lines[0].startswith("HOLDS")]
    done = run(CORPUS / "good" / "checkpoint.txt", "--kid", KID)
    assert done.returncode == 2
    assert "A thumbprint is no key" in done.stderr


def test_a_range_says_what_it_does_not_reach():
    lines = verdicts("good", "--jwks", CORPUS / "jwks.json")["export-range.zip"]
    assert "Entries 7 to 13 of the log admin" in lines[2]
    assert lines[-1] == "  That nothing was recorded after entry 13."


def contents(raw: bytes) -> object:
    """What a file says: of a ZIP its members, for how well they are packed is the library's choice."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return [(info.filename, archive.read(info)) for info in archive.infolist()]
    except (zipfile.BadZipFile, RuntimeError, ValueError):
        return None


def test_it_can_be_made_again():
    made = make_corpus.files()
    there = {path.relative_to(CORPUS).as_posix(): path.read_bytes() for path in CORPUS.rglob("*") if path.is_file()}
    assert made.keys() == there.keys()
    for name, raw in made.items():
        assert (contents(raw), contents(raw) is None and not name.endswith(".zip") and raw) == (
            contents(there[name]),
            contents(raw) is None and not name.endswith(".zip") and there[name],
        ), name


def test_the_browser_has_the_same_tables():
    assert make_kinds.TARGET.read_text() == make_kinds.script(), "run python -m tests.verify.make_kinds"


@pytest.mark.parametrize("text", ["", "x", "+", "a+00000000+AQ==", "hq.example.org+00000000+" + "A" * 44])
def test_it_takes_no_broken_key_of_a_log(text):
    done = run(CORPUS / "good" / "checkpoint.txt", "--vkey", text)
    assert done.returncode == 2
    assert "is no key of a log" in done.stderr


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 40])
def test_its_tree_is_that_of_the_server(size):
    lines = trails.trail(size)
    root, _ = trails.tree_over(lines)
    tree = VERIFY.Tree()
    for line in lines:
        tree.add(merkle.leaf_hash(canonical(line["document"])))
    assert tree.root() == root
