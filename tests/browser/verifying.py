"""The page that checks files, and the program that says the same."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open
from tests.verify import agreements
from tests.verify.program import run

HEADINGS = {"What was checked:", "What this does not prove:"}
SHOWN = """sections => sections.map(section => [section.querySelector('[data-name]').textContent,
    ...['verdict', 'told', 'steps', 'limits'].flatMap(part => {
      const found = section.querySelector(`[data-${part}]`);
      return found.children.length ? [...found.children].map(line => line.textContent) : [found.textContent];
    })])"""


def plain(lines: Iterable[str]) -> list[str]:
    """Without what differs in how it is set; where JSON ends to be JSON, either reader counts in its own way."""
    stripped = (re.sub(r"(It is not JSON): .*", r"\1", line.strip()) for line in lines)
    return [line for line in stripped if line and line not in HEADINGS]


def verdicts_of_the_program(files: Iterable[Path], *keys: str, more: Iterable[object] = ()) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    expected = *(part for key in keys for part in ("--vkey", key)), "--root", agreements.root_fingerprint()
    for line in run(*files, *expected, *more).stdout.splitlines():
        if line.startswith("/"):
            name = Path(line).name
            found[name] = []
        else:
            found[name].append(line)
    return {name: plain(lines) for name, lines in found.items()}


def ready(open_browser: Open) -> tuple[Any, Page]:
    eyes = open_browser(reduced_motion="reduce")
    eyes.context.set_default_timeout(60_000)  # a busy machine computes more than a hundred files for a while
    page = eyes.go("/verify")
    expect(page.get_by_text("Making ready")).to_have_count(0, timeout=60_000)
    expect(page.locator("#verify-files")).to_be_enabled(timeout=60_000)
    return eyes, page


def requests_of(eyes: Any) -> list[str]:
    """What is asked of the network from now on."""
    sent: list[str] = []
    eyes.context.on("request", lambda request: sent.append(request.url))
    return sent


def said_by(page: Page | Locator) -> dict[str, list[str]]:
    """By name, in the order in which it was said: the newest stands first on the page."""
    proofs = page.locator(".hq-proof") if isinstance(page, Page) else page
    found = proofs.evaluate_all(SHOWN)
    return {name: plain(lines) for name, *lines in reversed(found)}
