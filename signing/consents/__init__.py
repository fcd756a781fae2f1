"""The consent to sign electronically, as it was put to signers. A text that was ever shown is never changed: add one.

What it has to say follows the ESIGN Act (15 U.S.C. 7001(c)): that paper can be had, what it costs, how to withdraw, to
what it applies, and what is needed to read the document.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

_FOLDER = Path(__file__).parent
_CURRENT = {"en": "1"}


@dataclass(frozen=True, slots=True)
class Consent:
    """One text, and the SHA-256 in hexadecimal of its bytes in UTF-8, by which a step says that it was this one."""

    version: str
    language: str
    text: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"consent-{self.language}-{self.version}.txt"


def current(language: str) -> Consent:
    """The text that is shown now. In English where there is none in the language."""
    known = language if language in _CURRENT else "en"
    return get(known, _CURRENT[known])


@cache
def get(language: str, version: str) -> Consent:
    """A text that was shown once. Raises LookupError."""
    path = _FOLDER / f"{language}-{version}.txt"
    if path.parent != _FOLDER or not path.is_file():
        raise LookupError(f"There is no consent {language}-{version}.")
    content = path.read_bytes()
    return Consent(version=version, language=language, text=content.decode(), sha256=sha256(content).hexdigest())
