"""Checking files on a page that sends nothing: the verdicts of bin/verify, in its words."""

from hashlib import sha256
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.verifying import ready, requests_of, said_by, verdicts_of_the_program
from tests.verify import agreements, trails
from tests.verify.agreements import Bundle
from tests.verify.bad_agreements import BAD
from tests.verify.make_corpus import CORPUS
from tests.verify.program import PROGRAM

FILES = [*sorted((CORPUS / "good").iterdir()), *sorted((CORPUS / "bad").iterdir())]


def made(folder: Path) -> list[Path]:
    """Agreements, which no corpus keeps: their seals are made anew each time."""
    sealed = Bundle().sealed().pdf
    room = sealed.index(b"/Contents <") + 900
    some = sorted(BAD)[::4]  # of each part of the checks; all of them would take the browser a minute
    files = {f"agreement-{name}.zip": BAD[name][0]() for name in some} | {
        "agreement.zip": Bundle().packed(),
        "agreement.pdf": sealed,
        "agreement-changed.pdf": sealed[:room]
        + (b"0" if sealed[room : room + 1] != b"0" else b"1")
        + sealed[room + 1 :],
        "agreement-longer.pdf": sealed + b"\n",
        "agreement-bare.pdf": agreements.paper(b"{}"),
        "agreement-spelled.zip": Bundle().packed() + b"\n",
    }
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
    return [folder / name for name in files]


def test_the_page_says_what_the_program_says_and_sends_nothing(open_browser: Open, tmp_path: Path):
    files = [*FILES, *made(tmp_path)]
    eyes, page = ready(open_browser)
    assert eyes.faults_in_every_look("verify") == []

    sent = requests_of(eyes)
    keys = trails.vkey(), trails.vkey("access")
    page.get_by_label("A key that you were told").check()
    page.get_by_label("Keys, one a line").fill("\n".join([*keys, agreements.root_fingerprint()]))
    page.locator("#verify-files").set_input_files(files)
    expect(page.locator(".hq-proof")).to_have_count(len(files), timeout=60_000)
    found = said_by(page)
    assert found == verdicts_of_the_program(files, *keys)
    held = {name for name, lines in found.items() if lines[0].startswith("HOLDS.")}
    assert held == {path.name for path in (CORPUS / "good").iterdir()} | {"agreement.zip", "agreement.pdf"}

    witness = (CORPUS / "witness.txt").read_text()
    witnessed = sorted((CORPUS / "good").glob("*witnessed*"))
    page.locator("summary", has_text="Witnesses").click()
    page.get_by_label("Keys of witnesses").fill(witness)
    page.locator("#verify-files").set_input_files(witnessed)
    expect(page.locator(".hq-proof")).to_have_count(len(files) + len(witnessed), timeout=60_000)
    seen = verdicts_of_the_program(witnessed, *keys, more=("--witness", witness))
    assert {name: said_by(page)[name] for name in seen} == seen
    page.get_by_label("Keys of witnesses").fill("")

    page.get_by_label("This HQ’s").check()
    page.locator("#verify-files").set_input_files(CORPUS / "good" / "export.zip")
    expect(page.locator(".hq-proof").first).to_contain_text("which is not one that you expected")
    page.get_by_label("A key that you were told").check()
    page.get_by_label("Keys, one a line").fill("")
    page.locator("#verify-files").set_input_files(CORPUS / "good" / "proof.json")
    expect(page.locator(".hq-proof").first).to_contain_text("Nothing is wrong with it, but nobody said whose key")
    page.locator("#verify-files").set_input_files(tmp_path / "agreement.pdf")
    expect(page.locator(".hq-proof").first).to_contain_text("nobody said whose root to expect")
    page.get_by_label("Keys, one a line").fill("nonsense")
    page.locator("#verify-files").set_input_files(CORPUS / "good" / "proof.json")
    expect(page.get_by_role("status")).to_contain_text("A thumbprint has 43 characters")
    assert sent == []
    assert eyes.faults_in_every_look("verified") == []

    program = eyes.context.request.get(f"{eyes.base}/verify/program").body()
    assert program == PROGRAM.read_bytes()
    expect(page.locator("body")).to_contain_text(sha256(program).hexdigest())


def test_without_scripts_the_page_hands_out_the_program(open_browser: Open):
    eyes = open_browser(java_script_enabled=False)
    eyes.context.set_default_timeout(60_000)
    page = eyes.go("/verify")
    expect(page.get_by_text("this page checks nothing")).to_be_visible()
    expect(page.get_by_role("link", name="Download verify")).to_be_visible()
    expect(page.get_by_text("Choose files")).to_be_hidden()
