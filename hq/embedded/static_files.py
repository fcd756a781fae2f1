"""Whether the collected static files are those of this checkout."""

import hashlib
import os
from pathlib import Path

from hq.embedded.layout import ROOT, Layout

# What decides how the collected files look, beside the files themselves.
OTHERS = (ROOT / "hq" / "settings.py", ROOT / "hq" / "web" / "bundles.py", ROOT / "requirements" / "base.txt")


def fingerprint() -> str:
    """Changes when a file, or what processes it, does."""
    state = hashlib.sha256()
    for file in sorted([*(path for path in (ROOT / "static").rglob("*") if path.is_file()), *OTHERS]):
        state.update(f"{file.relative_to(ROOT)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return state.hexdigest()


def collected(layout: Layout) -> bool:
    folder = Path(os.environ.get("HQ_STATIC_DIR") or layout.data / "static")
    return (
        (folder / "staticfiles.json").exists()
        and _stamp(layout).exists()
        and _stamp(layout).read_text() == fingerprint()
    )


def remember(layout: Layout) -> None:
    """Call it when collecting has succeeded."""
    _stamp(layout).write_text(fingerprint())


def _stamp(layout: Layout) -> Path:
    return layout.data / "static.collected"
