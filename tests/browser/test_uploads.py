"""A folder is dragged in, the connection is lost, and what is missing travels once it is back; after a reload too."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open
from tests.browser.eyes import NARROW
from tests.factories import make_place
from tests.vault.support import get
from vault.actions import uploads
from vault.store import Staged
from vault.store.staging import EmbeddedStaging

PART = 100_000


class Line:
    """Takes in parts as HQ does, and holds one back: so the test knows how far the browser is."""

    def __init__(self) -> None:
        self.taken: Counter[int] = Counter()
        self.stops_at: int | None = None
        self.reached, self.goes_on = Event(), Event()

    def receive(self, staging: EmbeddedStaging, upload: Staged, part: int, size: int, chunks: Iterable[bytes]) -> None:
        if part == self.stops_at:
            self.reached.set()
            assert self.goes_on.wait(30)
        RECEIVE(staging, upload, part, size, chunks)
        self.taken[part] += 1

    def hold_back(self, part: int) -> None:
        self.taken.clear()
        self.stops_at = part
        self.reached.clear()
        self.goes_on.clear()

    def let_go(self) -> None:
        self.stops_at = None
        self.goes_on.set()


RECEIVE = EmbeddedStaging.receive


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    line = Line()
    monkeypatch.setattr(uploads, "part_size", lambda _: PART)

    def receive(staging: EmbeddedStaging, *arguments: Any) -> None:
        line.receive(staging, *arguments)

    monkeypatch.setattr(EmbeddedStaging, "receive", receive)
    yield line
    line.let_go()


def drag_in(page: Page, path: Path) -> None:
    """As from a file manager: only so does a page come to see folders."""
    box = page.locator(".hq-drop").bounding_box()
    assert box is not None
    tool = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for step in ("dragEnter", "dragOver", "drop"):
        where: dict[str, Any] = {"x": box["x"] + 20, "y": box["y"] + 20}
        tool.send("Input.dispatchDragEvent", {"type": step, "data": data, **where})


def row(page: Page, path: str) -> Locator:
    return page.locator("[data-rows] > li").filter(has_text=path)


def test_a_dragged_folder_survives_a_lost_connection_and_a_reload(
    open_browser: Open, line: Line, tmp_path: Path
) -> None:
    place = make_place("Alder Peak")
    large, small = os.urandom(5 * PART + 17), b"claim,amount\n1,17\n"
    folder = tmp_path / "claims"
    (folder / "2026-q3").mkdir(parents=True)
    (folder / "register.bin").write_bytes(large)
    (folder / "2026-q3" / "method.csv").write_bytes(small)
    eyes = open_browser().sign_in(place.owner)
    page = eyes.go(f"/o/{place.slug}/live/files/")

    # The fourth part is on its way when the connection breaks.
    line.hold_back(4)
    drag_in(page, folder)
    assert line.reached.wait(30)
    eyes.context.set_offline(True)
    line.let_go()
    expect(row(page, "claims/register.bin").locator("[data-reason]")).to_contain_text("goes on by itself")
    eyes.context.set_offline(False)
    expect(page.get_by_role("heading", name="2 of 2 stored")).to_be_visible()
    assert [line.taken[part] for part in (1, 2)] != [0, 0]
    assert get(place.actor(), "claims/register.bin") == large
    assert get(place.actor(), "claims/2026-q3/method.csv") == small
    receipt = row(page, "claims/register.bin").locator("[data-receipt]")
    expect(receipt).to_contain_text(hashlib.sha256(large).hexdigest())
    expect(receipt).to_contain_text(re.compile(r"Version 1, entry \d+ of the trail"))
    expect(page.locator("#files").get_by_role("link", name="claims", exact=True)).to_be_visible()
    assert eyes.faults("files, with receipts") == []
    page.set_viewport_size(NARROW)
    assert eyes.faults("files, with receipts, narrow") == []

    # Reloaded in the middle: the person picks the file again, and what had arrived does not travel again.
    page = eyes.go(f"/o/{place.slug}/live/files/?folder=later/")
    line.hold_back(4)
    page.locator("#upload-files").set_input_files(folder / "register.bin")
    assert line.reached.wait(30)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    before = dict(line.taken)
    line.let_go()
    line.taken.clear()
    page.locator("#upload-files").set_input_files(folder / "register.bin")
    expect(page.get_by_role("heading", name="1 of 1 stored")).to_be_visible()
    assert before.keys() >= {1, 2}
    assert line.taken[1] == line.taken[2] == 0
    assert get(place.actor(), "later/register.bin") == large


def test_paused_it_waits_and_cancelled_nothing_of_it_is_kept(open_browser: Open, line: Line, tmp_path: Path) -> None:
    place = make_place("Alder Peak")
    file = tmp_path / "register.bin"
    file.write_bytes(os.urandom(5 * PART))
    page = open_browser().sign_in(place.owner).go(f"/o/{place.slug}/live/files/")
    line.hold_back(3)
    page.locator("#upload-files").set_input_files(file)
    assert line.reached.wait(30)
    page.get_by_role("button", name="Pause").click()
    expect(row(page, "register.bin")).to_contain_text("paused")
    line.let_go()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="1 of 1 stored")).to_be_visible()

    line.hold_back(3)
    file.write_bytes(os.urandom(5 * PART))
    page.locator("#upload-files").set_input_files(file)
    assert line.reached.wait(30)
    with page.expect_response("**/uploads/give-up") as given_up:
        row(page, "register.bin").last.get_by_role("button", name="Cancel").click()
    assert given_up.value.status == 204
