"""A served HQ, a real Chromium, and somebody to open it."""

import email
import shutil
from collections.abc import Callable, Iterator
from email import policy
from pathlib import Path

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, sync_playwright

from tests import chromium
from tests.browser.eyes import WIDE, Eyes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium.find())
        yield running
        running.close()


Open = Callable[..., Eyes]


@pytest.fixture
def open_browser(transactional_db: None, address: str, browser: Browser) -> Iterator[Open]:
    """Browsers of different people, each with its own cookies. What any of them complained about fails the test."""
    opened: list[Eyes] = []
    cache.clear()  # how often an address may be mailed is counted there

    def open_browser(**options: object) -> Eyes:
        context = browser.new_context(**{"viewport": WIDE, **options})  # type: ignore[arg-type]  # handed through as they are
        opened.append(Eyes(context, address))
        return opened[-1]

    yield open_browser
    for eyes in opened:
        eyes.context.close()
    assert [complaint for eyes in opened for complaint in eyes.complaints] == []


class Mailbox:
    """What was mailed, as the files that development writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def newest(self, to: str) -> str:
        """The text of the last letter to an address."""
        files = sorted(self.folder.glob("*.log"), key=lambda file: file.stat().st_mtime_ns)  # names tell seconds only
        letters = [text for file in files for text in _letters(file) if to in text[0]]
        assert letters, f"no mail to {to}"
        return letters[-1][1]


def _letters(file: Path) -> list[tuple[str, str]]:
    found = []
    for raw in file.read_bytes().split(b"-" * 79 + b"\n"):
        if raw.strip():
            message = email.message_from_bytes(raw, policy=policy.default)
            body = message.get_body()
            found.append((str(message["To"]), body.get_content() if body else ""))
    return found


@pytest.fixture
def mailbox(settings: object) -> Mailbox:
    """Django's test runner puts mail into memory; here it goes where it goes in development."""
    settings.EMAIL_BACKEND = "hq.web.mail.DevelopmentBackend"  # type: ignore[attr-defined]  # settings made from words
    folder = Path(settings.EMAIL_FILE_PATH)  # type: ignore[attr-defined]  # settings made from words
    shutil.rmtree(folder, ignore_errors=True)
    return Mailbox(folder)
