"""bin/screenshots, once everything is installed: the README's pictures, of a real HQ with the demo's data."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import chromium  # noqa: E402 - the folder is known only now

PICTURES = ROOT / "docs" / "screenshots"
MANAGE = (sys.executable, str(ROOT / "bin" / "_manage.py"))
PATIENCE = 120


@dataclass(frozen=True)
class Picture:
    """What is photographed: where it begins, what is clicked, and how it looks."""

    name: str
    path: str
    click: str = ""
    scheme: str = "light"
    height: int = 900


PICTURES_OF_THE_README = (
    Picture("overview-light", "/o/alder-peak/live/"),
    Picture(
        "share-dark", "/o/alder-peak/live/shares/", click="Read before the call on Tuesday", scheme="dark", height=820
    ),
)


@contextmanager
def running(port: int) -> Iterator[dict[str, str]]:
    """An instance in a folder of its own, gone afterwards. Gives the environment of its commands."""
    with tempfile.TemporaryDirectory(prefix="hqs-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as nobody when we are root
        own = {name: value for name, value in os.environ.items() if not name.startswith("HQ_")}
        environment = own | {"HQ_DATA_DIR": f"{folder}/data", "HQ_PORT": str(port)}
        command = [sys.executable, str(ROOT / "manage.py"), "run"]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            wait_until_ready(process)
            yield environment
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    for line in process.stdout or ():
        if "HQ is ready" in line:
            return
        if time.monotonic() > deadline:
            break
    sys.exit("HQ did not start; bin/run says why.")


def demo(environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run([*MANAGE, "demo", "--json"], env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def photograph(page: Page, base: str, picture: Picture, folder: Path) -> None:
    page.emulate_media(color_scheme=picture.scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.set_viewport_size({"width": 1280, "height": picture.height})
    page.goto(base + picture.path)
    if picture.click:
        page.get_by_role("link", name=picture.click).click()
        page.wait_for_load_state()
    page.evaluate("document.fonts.ready")
    file = folder / f"{picture.name}.png"
    page.screenshot(path=file)
    print(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/screenshots", description="Makes the README's pictures again.")
    parser.add_argument("--port", type=int, default=8123, help="port of the instance that is photographed")
    parser.add_argument("--folder", type=Path, default=PICTURES, help="where the pictures go")
    arguments = parser.parse_args()
    program = chromium.find()
    if program is None:
        print(chromium.ABSENT, file=sys.stderr)
        return 1
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with running(arguments.port) as environment, sync_playwright() as playwright:
        made = demo(environment)
        browser = playwright.chromium.launch(executable_path=program)
        page = browser.new_page(device_scale_factor=1)
        page.goto(made["sign_in_url"])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/o/alder-peak/**")
        for picture in PICTURES_OF_THE_README:
            photograph(page, f"http://localhost:{arguments.port}", picture, arguments.folder)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
