"""Writes static/hq/verify-kinds.js: the tables of bin/verify, for its sibling in the browser.

.venv/bin/python -m tests.verify.make_kinds
"""

import json
from typing import Any

from tests.verify.program import ROOT, VERIFY

TARGET = ROOT / "static" / "hq" / "verify-kinds.js"
NAMES = (
    "AGREEMENT",
    "AGREEMENT_LIMITS",
    "CERTIFICATE",
    "EVENT_LINE",
    "OWN_CLOCK",
    "PASSKEY",
    "PDF_ALONE",
    "SENT_DETAIL",
    "STAMPED",
    "STEP",
    "STEP_FACTS",
    "STEP_LINE",
    "WHOSE_ROOT",
    "WRITTEN",
    "COMMON",
    "DOCUMENTS",
    "COLUMNS",
    "EVENTS",
    "EVENT_PROOF",
    "EVENT_PLACE",
    "EXPORT_MEMBERS",
    "NOT_PROVEN",
    "COME_AFTER",
    "WHOSE_KEY",
    "SHOWN",
    "TYP",
)


def tables() -> dict[str, Any]:
    found = {name: getattr(VERIFY, name) for name in NAMES}
    found["KINDS"] = {f"{kind} {version}": told for (kind, version), told in VERIFY.KINDS.items()}
    found["ENDINGS"] = {kind: ending for kind, (*_, ending) in VERIFY.LINES.items()}
    found["TRAIL_EXPORT"] = VERIFY.TRAIL_EXPORT
    found["LOW_ORDER"] = sorted(str(y) for y in VERIFY.LOW_ORDER)
    return found


def script() -> str:
    """A shape of two, the second null, may be null; one of one is a list."""
    lines = [
        f"export const {name} = {json.dumps(table, ensure_ascii=False)};" for name, table in sorted(tables().items())
    ]
    return "\n".join(["// Written by tests/verify/make_kinds.py from bin/verify, which says what each is.", *lines, ""])


if __name__ == "__main__":
    TARGET.write_text(script())
