"""Where a browser is, for the tests that drive one."""

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ABSENT = (
    "Browser tests did NOT run: no Chromium or Chrome was found. "
    "Install one (Debian: apt-get install chromium), or name it in HQ_CHROMIUM."
)


def find() -> str | None:
    """The path of an installed Chromium or Chrome, or None."""
    if given := os.environ.get("HQ_CHROMIUM"):
        return shutil.which(given)
    return next((path for name in NAMES if (path := shutil.which(name))), None)
