"""Folders of the archive and remembered checkpoints, on the page: the verdicts of bin/verify, in its words."""

import gzip
import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from hq.crypto.statements import build
from tests.browser.conftest import Open
from tests.browser.verifying import plain, ready, requests_of, said_by, verdicts_of_the_program
from tests.verify import agreements, trails
from tests.verify.program import run
from tests.verify.samples import SEED, STRANGER, content
from tests.verify.trails import (
    Export,
    Signer,
    checkpoint_of,
    consistency_proof,
    event_proof,
    jsonl,
    lines_in,
    rehashed,
    trail,
    write_archive,
)

LINES = trail(40)
ENDS = [10, 20, 33, 40]
FORKED = rehashed(
    [*LINES[:9], LINES[9] | {"document": LINES[9]["document"] | {"tag": "key:destroyed"}}, *LINES[10:]], 9
)
KEYS = trails.vkey(), trails.vkey("access")


def files(archive: Path) -> list[Path]:
    return sorted(archive.glob("audit/admin/*/*/*/*/*.gz"))


def digests(archive: Path) -> list[Path]:
    return sorted(archive.glob("audit/digests/*/*/*/*/*/*.json"))


def repacked(archive: Path, change: Callable[[list[Any]], object], number: int = 2) -> None:
    path = files(archive)[number]
    lines = lines_in(gzip.decompress(path.read_bytes()))
    change(lines)
    path.write_bytes(gzip.compress(jsonl(lines), mtime=0))


def signed_again(archive: Path, seed: bytes = SEED, **change: Any) -> None:
    path = digests(archive)[-1]
    said = {name: value for name, value in content(path.read_bytes()).items() if name not in {"signed_by", "check"}}
    path.write_bytes(build(said | change, seed))


def listing(**change: Any) -> Callable[[Path], None]:
    """The newest digest says something else of its file."""

    def act(archive: Path) -> None:
        (listed,) = content(digests(archive)[-1].read_bytes())["files"]
        signed_again(archive, files=[listed | change])

    return act


def raw(change: Callable[[bytes], bytes], number: int = 0) -> Callable[[Path], None]:
    def act(archive: Path) -> None:
        path = files(archive)[number]
        path.write_bytes(change(path.read_bytes()))

    return act


def cut(archive: Path, *numbers: int) -> None:
    for path in [digests(archive)[number] for number in numbers] + [files(archive)[number] for number in numbers]:
        path.unlink()


def lists_nothing(archive: Path) -> None:
    cut(archive, 1, 2, 3)
    signed_again(archive, files=[])


def fitted(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """The newest file changed, and signed as it is then: nothing but its packing or its spelling is wrong."""

    def act(archive: Path) -> None:
        raw(change, -1)(archive)
        now = files(archive)[-1].read_bytes()
        listing(sha256=hashlib.sha256(now).hexdigest(), size=len(now))(archive)

    return act


def emptied(archive: Path) -> None:
    """Folders stay that have nothing in them, which no browser tells of."""
    for path in digests(archive):
        path.unlink()


BOMB = gzip.compress(b"x" * 3_000_000 + b"\n", mtime=0)
CHANGES: dict[str, Callable[[Path], object]] = {
    "whole": lambda archive: None,
    "both-logs": lambda archive: write_archive(archive, trail(9, "access"), [5, 9], "access"),
    "begins-later": lambda archive: cut(archive, 0, 1),
    "older": lambda archive: cut(archive, -1),
    "stray": lambda archive: files(archive)[0].with_name("41-50.jsonl.gz").write_bytes(b"x"),
    "file-missing": lambda archive: files(archive)[1].unlink(),
    "digest-missing": lambda archive: digests(archive)[1].unlink(),
    "digest-changed": lambda archive: digests(archive)[1].write_bytes(
        digests(archive)[1].read_bytes().replace(b"What was recorded", b"That was recorded")
    ),
    "digest-spaced": lambda archive: digests(archive)[-1].write_bytes(digests(archive)[-1].read_bytes() + b" "),
    "digest-named-badly": lambda archive: shutil.copy(digests(archive)[-1], digests(archive)[-1].with_name("x.json")),
    "digest-twice": lambda archive: shutil.copy(digests(archive)[-1], digests(archive)[-1].with_name("04.json")),
    "no-digests": lambda archive: shutil.rmtree(archive / "audit" / "digests"),
    "stranger": lambda archive: signed_again(archive, STRANGER),
    "other-number": lambda archive: signed_again(archive, number=5),
    "other-log": lambda archive: signed_again(archive, log="access"),
    "other-root": lambda archive: signed_again(
        archive, checkpoint={"origin": trails.origin(), "size": 40, "root": "ab" * 32}
    ),
    "other-origin": lambda archive: signed_again(
        archive, checkpoint={"origin": trails.origin("access"), "size": 40, "root": trails.tree_over(LINES)[0].hex()}
    ),
    "no-root-yet": lambda archive: signed_again(archive, checkpoint=None),
    "lists-nothing": lists_nothing,
    "lists-elsewhere": listing(name="../1-10.jsonl.gz"),
    "lists-another": listing(first=35),
    "lists-too-few": listing(last=38),
    "lists-too-many": listing(last=42),
    "line-edited": lambda archive: repacked(archive, lambda lines: lines[4]["document"].update(tag="key:destroyed")),
    "line-gone": lambda archive: repacked(archive, lambda lines: lines.pop(4)),
    "line-twice": lambda archive: repacked(archive, lambda lines: lines.insert(4, lines[4])),
    "line-cut": lambda archive: repacked(archive, lambda lines: lines.pop()),
    "line-open": lambda archive: repacked(archive, lambda lines: lines[3].pop("sealed")),
    "line-unlinked": lambda archive: repacked(archive, lambda lines: lines[3].update(previous="ab" * 32)),
    "line-of-another": lambda archive: repacked(
        archive, lambda lines: lines[3]["document"].update(environment=trails.ELSEWHERE)
    ),
    "sealed-changed": lambda archive: repacked(archive, lambda lines: lines[3].update(sealed="AAAAAAAA")),
    "sealed-no-base64": lambda archive: repacked(archive, lambda lines: lines[3].update(sealed="!")),
    "sealed-none": lambda archive: repacked(archive, lambda lines: lines[3].update(sealed=None)),
    "file-empty": raw(lambda _: b""),
    "file-cut": raw(lambda old: old[:-9]),
    "file-before": raw(lambda old: b"x" + old),
    "file-behind": raw(lambda old: old + b"x"),
    "file-packed-again": raw(lambda old: gzip.compress(gzip.decompress(old), mtime=1)),
    "file-no-feed": raw(lambda old: gzip.compress(gzip.decompress(old)[:-1], mtime=0)),
    "file-bomb": raw(lambda _: BOMB),
    "fitted": fitted(lambda old: gzip.compress(gzip.decompress(old), mtime=1)),
    "fitted-nulls-behind": fitted(lambda old: old + bytes(10)),
    "fitted-two-members": fitted(
        lambda old: gzip.compress(gzip.decompress(old)[:500]) + gzip.compress(gzip.decompress(old)[500:])
    ),
    "fitted-flag": fitted(lambda old: old[:3] + b"\x20" + old[4:]),
    "fitted-bare": fitted(lambda old: gzip.compress(gzip.decompress(old).replace(b'{"document":', b"", 1))),
    "root-huge": lambda archive: signed_again(
        archive, checkpoint={"origin": trails.origin(), "size": str(2**53 + 1), "root": "ab" * 32}
    ),
    "empty-chain": emptied,
    "file-of-another": lambda archive: shutil.copy(files(archive)[0], files(archive)[1]),
}


@pytest.fixture
def archives(tmp_path: Path) -> list[Path]:
    for name, change in CHANGES.items():
        write_archive(tmp_path / name, LINES, ENDS)
        change(tmp_path / name)
    shutil.copytree(tmp_path / "whole" / "audit", tmp_path / "alone" / "audit")
    return [*(tmp_path / name for name in CHANGES), tmp_path / "alone" / "audit"]


def expecting(page: Page, *keys: str) -> None:
    page.get_by_label("A key that you were told").check()
    page.get_by_label("Keys, one a line").fill("\n".join([*keys, agreements.root_fingerprint()]))


def test_the_page_says_of_a_folder_what_the_program_says(open_browser: Open, archives: list[Path]) -> None:
    eyes, page = ready(open_browser)
    sent = requests_of(eyes)
    expecting(page, *KEYS)
    for number, folder in enumerate(archives, 1):
        page.get_by_label("Choose a folder of the archive").set_input_files(folder)
        expect(page.locator(".hq-proof")).to_have_count(number, timeout=60_000)
    found = said_by(page)
    assert found == verdicts_of_the_program(archives, *KEYS)
    held = {name for name, lines in found.items() if lines[0].startswith("HOLDS.")}
    assert held == {"whole", "both-logs", "begins-later", "older", "stray", "no-root-yet", "fitted", "audit"}
    page.get_by_label("Choose a folder of the archive").set_input_files(archives[0] / "audit" / "digests")
    expect(page.get_by_role("status")).to_contain_text("It is no folder of the archive")
    assert sent == []


def test_a_folder_can_be_dropped(open_browser: Open, archives: list[Path]) -> None:
    """With more files in one place than a browser lists at once."""
    eyes, page = ready(open_browser)
    expecting(page, *KEYS)
    for number in range(250):
        files(archives[0])[0].with_name(f"stray-{number:03}").write_bytes(b"")
    box = page.locator("[data-drop]").bounding_box()
    assert box
    devtools = eyes.context.new_cdp_session(page)
    dropped = {"items": [], "files": [str(archives[0]), str(archives[5])], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": box["x"] + 9, "y": box["y"] + 9, "data": dropped})
    expect(page.locator(".hq-proof")).to_have_count(2)
    assert said_by(page) == verdicts_of_the_program([archives[0], archives[5]], *KEYS)
    assert "Anything of 250 files" in page.locator(".hq-proof").last.inner_text()


def histories(folder: Path) -> dict[str, Sequence[Path]]:
    """What somebody checks, one after the other, who remembers."""
    good, other = folder / "good", folder / "other"
    write_archive(good, LINES, [15, 40])
    write_archive(other, FORKED, [15, 40])
    texts: dict[str, str | bytes] = {
        "seen": checkpoint_of(LINES[:20]),
        "again": checkpoint_of(LINES[:20]),
        "smaller": checkpoint_of(LINES[:19]),
        "forked": checkpoint_of(FORKED[:20]),
        "larger": checkpoint_of(LINES),
        "between": checkpoint_of(LINES[:30]),
        "stranger": checkpoint_of(LINES, signer=Signer(STRANGER)),
        "continued": consistency_proof(LINES, 20),
        "consistent-forked": consistency_proof(FORKED, 20),
        "consistent-unseen": consistency_proof(LINES, 19),
        "consistent-same": consistency_proof(LINES[:20], 20),
        "consistent-cut": consistency_proof(LINES, 20).replace(b"\n\n", b"\n", 1),
        "consistent-huge": consistency_proof(LINES, 20).replace(b"old 20", b"old 9999999999999999", 1),
        "consistent-spelled": consistency_proof(LINES, 20).replace(b"old 20", b"old 020", 1),
        "consistent-hash": consistency_proof(LINES, 20).replace(b"\n", b"\nAAAA\n", 1),
        "consistent-more": consistency_proof(LINES, 20).replace(b"\n\n", b"\n" + b"A" * 43 + b"=\n\n", 1),
        "export-over": Export(LINES, first=15).packed(),
        "export-beside": Export(LINES, first=21).packed(),
        "export-forked": Export(FORKED, first=1).packed(),
        "export-forked-later": Export(FORKED, first=25).packed(),
        "export-late": Export(LINES, said={"shredded": 1}).packed(),
        "proof": event_proof(LINES, 7),
        "proof-forked": event_proof(FORKED[:20], 7),
        "access": checkpoint_of(trail(9, "access"), "access"),
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    orders = {
        "cut and forked": "seen again smaller forked stranger access seen",
        "larger": "seen larger between larger",
        "by proof": "seen continued consistent-same consistent-forked consistent-unseen larger",
        "no proofs": "seen consistent-cut consistent-huge consistent-spelled consistent-hash consistent-more",
        "by export": "seen export-over export-forked proof",
        "by export beside": "seen export-beside",
        "by export later": "seen export-forked-later",
        "late": "seen export-late again",
        "by event": "seen proof-forked proof",
        "by archive": "seen good smaller",
        "by another archive": "seen other access",
    }
    return {what: [folder / name for name in order.split()] for what, order in orders.items()}


def one_by_one(history: Sequence[Path], seen: Path) -> list[list[str]]:
    """What the program says of each, as it goes on with what it keeps."""
    expected = *(part for key in KEYS for part in ("--vkey", key)), "--remember", seen
    return [plain(run(path, *expected).stdout.splitlines()[1:]) for path in history]


def check_here(page: Page, path: Path) -> list[str]:
    count = page.locator(".hq-proof").count()
    page.locator("#verify-folder" if path.is_dir() else "#verify-files").set_input_files(path)
    expect(page.locator(".hq-proof")).to_have_count(count + 1)
    return next(iter(said_by(page.locator(".hq-proof").first).values()))


def test_the_page_remembers_what_the_program_remembers(open_browser: Open, tmp_path: Path) -> None:
    eyes, page = ready(open_browser)
    every = histories(tmp_path)
    sent = requests_of(eyes)
    expecting(page, *KEYS)
    page.locator("#verify-files").set_input_files(tmp_path / "continued")
    expect(page.get_by_role("status")).to_contain_text("give --remember")
    page.get_by_text("Earlier checkpoints").click()
    remember = page.get_by_label("Remember checkpoints")
    for what, history in every.items():
        remember.check()
        kept = tmp_path / f"{what}.json"
        assert [check_here(page, path) for path in history] == one_by_one(history, kept), what
        with page.expect_download() as download:
            page.get_by_role("link", name="Download seen.json").click()
        assert download.value.suggested_filename == "seen.json"
        assert Path(download.value.path()).read_bytes() == kept.read_bytes(), what
        remember.uncheck()
        expect(page.get_by_role("link", name="Download seen.json")).to_be_hidden()
    assert [url for url in sent if not url.startswith("blob:")] == []
    assert eyes.faults_in_every_look("verify-remembering") == []


def test_what_was_kept_is_given_to_the_page_and_what_is_none_is_not_taken(open_browser: Open, tmp_path: Path) -> None:
    _, page = ready(open_browser)
    histories(tmp_path)
    expecting(page, *KEYS)
    one_by_one([tmp_path / "seen"], tmp_path / "seen.json")
    page.get_by_text("Earlier checkpoints").click()
    page.get_by_label("Remember checkpoints").check()
    kept = page.get_by_label("What you kept last time")
    kept.set_input_files(tmp_path / "seen.json")
    expect(page.get_by_text("1 checkpoint remembered")).to_be_visible()
    assert check_here(page, tmp_path / "smaller")[0].startswith("REFUSED. The checkpoint is of 19 entries")
    page.get_by_label("Remember checkpoints").uncheck()
    assert check_here(page, tmp_path / "smaller")[0].startswith("HOLDS.")
    for none in ("", "[]", "{", '{"x":1}', '{"x":[[1]]}', '{"x":[["a","bb"]]}', '{"x":[[1,"bb"]]}', '{"x":[1]}'):
        (tmp_path / "none.json").write_text(none)
        page.get_by_label("Remember checkpoints").check()
        kept.set_input_files(tmp_path / "none.json")
        expect(page.get_by_role("status")).to_have_text("none.json is nothing that was remembered here.")
        expect(page.get_by_label("Remember checkpoints")).not_to_be_checked()
        done = run(tmp_path / "seen", "--remember", tmp_path / "none.json")
        assert "is nothing that was remembered here." in done.stderr
