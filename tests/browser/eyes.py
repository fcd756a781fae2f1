"""A browser that keeps its eyes open: whatever a page complains about, a test hears of."""

import os
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response, ViewportSize

from tenants import actions
from tenants.models import User

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
COLOURS = ["color-contrast", "link-in-text-block"]
WIDE, NARROW = ViewportSize(width=1280, height=900), ViewportSize(width=320, height=640)
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# A signer's passkey signs by ES256 alone, as what checks it does; Chromium advises to take RS256 too.
ADVICE = "publicKey.pubKeyCredParams"
# With this set to a folder, every page that is looked at is also photographed into it.
PICTURES = os.environ.get("PICTURES", "")


@cache
def _axe() -> str:
    return AXE.read_text()


@dataclass
class Eyes:
    """One person's browser. `complaints` must be empty when a journey ends."""

    context: BrowserContext
    base: str
    complaints: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(10_000)
        self.context.on("console", self._console)
        self.context.on(
            "weberror", lambda error: self.complaints.append(f"{error.page and error.page.url}: {error.error}")
        )
        self.context.on("response", self._response)
        self.page = self.context.new_page()

    def _console(self, message: ConsoleMessage) -> None:
        # The browser repeats each refused request here; whether that was meant is judged by its status.
        if message.type in {"error", "warning"} and not message.text.startswith(("Failed to load resource", ADVICE)):
            where = message.page.url if message.page else ""
            self.complaints.append(f"{where}: console {message.type}: {message.text}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.complaints.append(f"{response.request.method} {response.url} was answered with {response.status}")

    def go(self, path: str) -> Page:
        """Open a path, or a whole address."""
        self.page.goto(path if "://" in path else self.base + path, wait_until="load")
        return self.page

    def expect(self, *statuses: int) -> "Eyes":
        """From here on these refusals are part of the story."""
        self.expected |= set(statuses)
        return self

    def sign_in(self, person: User) -> "Eyes":
        """By a link made on the server, as an operator would."""
        self.go(actions.create_sign_in_link(person=person))
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(re.compile(r".*/(o|organizations)/.*"))
        return self

    # ---- looking

    def faults(self, name: str) -> list[str]:
        """What is wrong with the page as it stands: accessibility, sideways scrolling, links that lead nowhere."""
        return self._seen(name, self._violations({"type": "tag", "values": TAGS}) + self._overflow() + self._nowhere())

    def faults_in_the_dark(self, name: str) -> list[str]:
        """The same page in dark: nothing but its colours is another, so only they are judged again."""
        self.page.emulate_media(color_scheme="dark")
        found = self._seen(name, self._violations({"type": "rule", "values": COLOURS}))
        self.page.emulate_media(color_scheme="light")
        return found

    def faults_in_every_look(self, name: str) -> list[str]:
        """The same page in light, in dark, and at 320 px."""
        found = self.faults(f"light-{name}") + self.faults_in_the_dark(f"dark-{name}")
        self.page.set_viewport_size(NARROW)
        found += self.faults(f"narrow-{name}")
        self.page.set_viewport_size(WIDE)
        return found

    def _seen(self, name: str, found: list[str]) -> list[str]:
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)
        return [f"{name}: {fault}" for fault in found]

    def _violations(self, run_only: dict[str, Any]) -> list[str]:
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(_axe())  # a script element would be stopped by our own policy
        options = {"runOnly": run_only, "resultTypes": ["violations"]}
        result: dict[str, Any] = self.page.evaluate("(options) => axe.run(document, options)", options)
        return [
            f"{violation['id']}: {node['html'][:160]} {node['any'][0]['message'][:160] if node['any'] else ''}"
            for violation in result["violations"]
            for node in violation["nodes"]
        ]

    def _overflow(self) -> list[str]:
        found: list[str] = self.page.evaluate(
            """() => {
              const root = document.documentElement;
              if (root.scrollWidth <= root.clientWidth) return [];
              const wide = [...document.querySelectorAll("body *:not(.visually-hidden)")].filter(
                (node) => node.getBoundingClientRect().right > root.clientWidth + 1);
              return [`scrolls sideways, ${root.scrollWidth} of ${root.clientWidth} px: ` +
                wide.slice(0, 3).map((node) => node.outerHTML.slice(0, 120)).join(" | ")];
            }"""
        )
        return found

    def _nowhere(self) -> list[str]:
        found: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll('a[href=""], a:not([href]), form[action=""]')].map(
                 (node) => `leads nowhere: ${node.outerHTML.slice(0, 120)}`)"""
        )
        return found
