"""The page on which a signer reads and signs, in a Chromium with a slow network and a slow processor."""

import os
import subprocess
import sys
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from playwright.sync_api import Browser, Page, sync_playwright

from bench.api_servers import server
from hq.db.context import tenant
from hq.embedded.layout import ROOT
from signing.actions.door import open_session
from signing.models import Agreement, Signer
from signing.views.signer import BELOW, COOKIE
from tests import chromium
from tests.signing import support

# As Lighthouse's mobile profile, which WebPageTest calls 3G Fast.
LATENCY, DOWN, UP, SLOWER = 150, 1_600_000, 750_000, 4
PROFILE = f"{LATENCY} ms and {DOWN / 1e6:g} Mbit/s, the processor {SLOWER} times slower"
FIRST_TEXT = "performance.getEntriesByName('first-contentful-paint').map(entry => entry.startTime)"
APART = "/vendor/pdfjs/"  # is brought for uploaded PDFs alone


@dataclass(frozen=True, slots=True)
class Look:
    """Seconds until the first text of each look; bytes over the network of one, and of the page itself."""

    first_text: list[float]
    weight: float
    document: float
    profile: str = PROFILE


def look_at_page(agreement: Agreement, times: int) -> Look:
    """Each time as for the first time: nothing is in any cache of a context's.

    One browser is there for all, as people have one open: for a second after its start Chromium is busy with pages of
    its own. The first look is left out: before it, the server reads templates.
    """
    one = support.signer(agreement)
    with tenant(one.organization_id):
        token = open_session(one.organization_id, bytes(one.email_index), Signer.Method.CODE, one)
    _collect()
    with server() as port, sync_playwright() as driver:
        address = f"http://localhost:{port}{BELOW}{one.id}/"
        cookie = {"name": COOKIE + one.id.hex[-12:], "value": token, "domain": "localhost", "path": BELOW}
        browser = driver.chromium.launch(executable_path=chromium.find())
        looks = [_look(browser, address, cookie) for _ in range(times + 1)][1:]
        browser.close()
    weights = looks[0][1]
    return Look(
        first_text=[first for first, _ in looks],
        weight=sum(size for path, size in weights.items() if APART not in path),
        document=weights[urlsplit(address).path],
    )


def _collect() -> None:
    """The static files as they are served: compressed, under names that follow from what they hold."""
    command = [sys.executable, str(ROOT / "manage.py"), "collectstatic", "--noinput", "--verbosity", "0"]
    subprocess.run(command, env=os.environ | {"HQ_STATIC_DIR": str(settings.STATIC_ROOT)}, check=True)


def _look(browser: Browser, address: str, cookie: dict[str, str]) -> tuple[float, dict[str, float]]:
    with browser.new_context(viewport={"width": 360, "height": 740}) as context:
        context.add_cookies([cookie])  # type: ignore[list-item]  # a SetCookieParam is a dict like this one
        page = context.new_page()
        weights = _slowed(page)
        answer = page.goto(address, wait_until="load", timeout=120_000)
        if answer is None or answer.status != 200:
            raise RuntimeError(f"The signer's page answers {answer.status if answer else 'nothing'}.")
        page.wait_for_load_state("networkidle")
        (first,) = page.evaluate(FIRST_TEXT)
    return first / 1000, weights


def _slowed(page: Page) -> dict[str, float]:
    """Slow everything down, and count the bytes of each path that come over the network."""
    session, paths, weights = page.context.new_cdp_session(page), dict[str, str](), dict[str, float]()
    session.on("Network.requestWillBeSent", lambda told: paths.update({told["requestId"]: told["request"]["url"]}))
    session.on(
        "Network.loadingFinished",
        lambda told: weights.update({urlsplit(paths[told["requestId"]]).path: told["encodedDataLength"]}),
    )
    session.send("Network.enable")
    speed = {"latency": LATENCY, "downloadThroughput": DOWN / 8, "uploadThroughput": UP / 8}
    session.send("Network.emulateNetworkConditions", {"offline": False, **speed})
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    return weights
