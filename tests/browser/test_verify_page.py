"""Checking files on a page that sends nothing: the verdicts of bin/verify, in its words."""

import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.verify import trails
from tests.verify.make_corpus import CORPUS
from tests.verify.program import PROGRAM, run

HEADINGS = {"What was checked:", "What this does not prove:"}
FILES = [*sorted((CORPUS / "good").iterdir()), *sorted((CORPUS / "bad").iterdir())]
SHOWN = """sections => sections.map(section => [section.querySelector('[data-name]').textContent,
    ...['verdict', 'told', 'steps', 'limits'].flatMap(part => {
      const found = section.querySelector(`[data-${part}]`);
      return found.children.length ? [...found.children].map(line => line.textContent) : [found.textContent];
    })])"""


def plain(lines: Iterable[str]) -> list[str]:
    """Without what differs in how it is set; where JSON ends to be JSON, either reader counts in its own way."""
    stripped = (re.sub(r"(It is not JSON): .*", r"\1", line.strip()) for line in lines)
    return [line for line in stripped if line and line not in HEADINGS]


def verdicts_of_the_program(*keys: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in run(*FILES, *(part for key in keys for part in ("--vkey", key))).stdout.splitlines():
        if line.startswith("/"):
            name = Path(line).name
            found[name] = []
        else:
            found[name].append(line)
    return {name: plain(lines) for name, lines in found.items()}


def test_the_page_says_what_the_program_says_and_sends_nothing(open_browser: Open):
    eyes = open_browser(reduced_motion="reduce")
    eyes.context.set_default_timeout(60_000)  # a busy machine computes more than a hundred files for a while
    page = eyes.go("/verify")
    expect(page.get_by_text("Making ready")).to_have_count(0, timeout=60_000)
    expect(page.locator("#verify-files")).to_be_enabled(timeout=60_000)
    assert eyes.faults_in_every_look("verify") == []

    sent: list[str] = []
    eyes.context.on("request", lambda request: sent.append(request.url))
    keys = trails.vkey(), trails.vkey("access")
    page.get_by_label("A key that you were told").check()
    page.get_by_label("Keys, one a line").fill("\n".join(keys))
    page.locator("#verify-files").set_input_files(FILES)
    expect(page.locator(".hq-proof")).to_have_count(len(FILES), timeout=60_000)
    found = {name: plain(lines) for name, *lines in page.locator(".hq-proof").evaluate_all(SHOWN)}
    assert found == verdicts_of_the_program(*keys)
    held = {name for name, lines in found.items() if lines[0].startswith("HOLDS.")}
    assert held == {path.name for path in (CORPUS / "good").iterdir()}

    page.get_by_label("This HQ’s").check()
    page.locator("#verify-files").set_input_files(CORPUS / "good" / "export.zip")
    expect(page.locator(".hq-proof").first).to_contain_text("which is not one that you expected")
    page.get_by_label("A key that you were told").check()
    page.get_by_label("Keys, one a line").fill("")
    page.locator("#verify-files").set_input_files(CORPUS / "good" / "proof.json")
    expect(page.locator(".hq-proof").first).to_contain_text("Nothing is wrong with it, but nobody said whose key")
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
