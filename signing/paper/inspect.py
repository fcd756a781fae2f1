"""What is in a PDF that somebody uploads: judged before anything else is done with it, in a process of its own.

A PDF is a program's worth of features. An agreement takes those that show the same to everybody and do nothing: no
scripts, no forms, no attachments, nothing encrypted, nothing signed before, nothing that can be switched on later.
"""

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

from hq.lib.errors import Invalid

BYTES_MOST, PAGES_MOST = 25_000_000, 500
SECONDS: Final = 20
_OUT_OF_TIME: Final = (signal.SIGXCPU, signal.SIGKILL)
_JUDGE: Final = Path(__file__).with_name("judge.py")
_TELL: Final = {
    "malformed": "This is not a PDF that can be read. Print it to a new PDF and upload that.",
    "encrypted": "This PDF is encrypted. Save it without a password or restrictions.",
    "pages": f"This PDF has more than {PAGES_MOST} pages, or none.",
    "javascript": "This PDF carries a script. Print it to a new PDF and upload that.",
    "actions": "This PDF does something when it is opened or clicked. Print it to a new PDF and upload that.",
    "forms": "This PDF carries form fields of its own. Flatten it, or print it to a new PDF.",
    "signed": "This PDF was signed before. Upload the document as it was before.",
    "altered": "This PDF was signed, and changed afterwards. Upload the document as it was before.",
    "files": "This PDF carries other files. Remove them, or print it to a new PDF.",
    "media": "This PDF carries media or 3D content. Print it to a new PDF and upload that.",
    "layers": "This PDF has layers, so that two people may see different documents. Print it to a new PDF.",
    "hidden": "This PDF shows something to some and not to others. Print it to a new PDF and upload that.",
    "ambiguous": "Programs may read this PDF in more than one way. Print it to a new PDF and upload that.",
    "boxes": "A page of this PDF has a size that cannot be shown.",
    "bomb": "This PDF unpacks to far more than it holds. Print it to a new PDF and upload that.",
    "slow": "This PDF takes too long to read. Print it to a new PDF and upload that.",
    "large": f"A PDF has at most {BYTES_MOST // 1_000_000} MB.",
}


class RefusedPdf(Invalid):
    """This PDF cannot be signed here; what to do about it is said."""

    def __init__(self, reason: str) -> None:
        super().__init__(_TELL[reason], errors=[{"pointer": "/document", "detail": _TELL[reason]}])
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Page:
    """Width and height in points, as the page is shown."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Inspected:
    """A PDF that may be signed: its pages, and the SHA-256 of its bytes in hexadecimal."""

    pages: tuple[Page, ...]
    sha256: str


def inspect_pdf(data: bytes) -> Inspected:
    """Judge a PDF. The reading is done by another process, with little memory and time. Raises RefusedPdf."""
    if len(data) > BYTES_MOST:
        raise RefusedPdf("large")
    if not data.startswith(b"%PDF-"):
        raise RefusedPdf("malformed")
    told = _answer(data)
    if "reason" in told:
        raise RefusedPdf(told["reason"])
    return Inspected(tuple(Page(width, height) for width, height in told["pages"]), sha256(data).hexdigest())


def _answer(data: bytes) -> dict[str, Any]:
    """What the other process says. It answers into a file, which has a bound; one that died says nothing good."""
    with TemporaryFile() as answer:
        command = [sys.executable, "-I", "-B", str(_JUDGE)]
        try:
            done = subprocess.run(
                command, input=data, stdout=answer, stderr=subprocess.DEVNULL, timeout=SECONDS, check=False, env={}
            )
        except subprocess.TimeoutExpired as error:
            raise RefusedPdf("slow") from error
        if done.returncode:
            raise RefusedPdf("slow" if -done.returncode in _OUT_OF_TIME else "malformed")
        answer.seek(0)
        told: dict[str, Any] = json.load(answer)
        return told
