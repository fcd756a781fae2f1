"""The vault's path rules, all in one place: what an object may be called, and what never leaves a person's machine.

A path is a sequence of names joined by "/", in Unicode NFC. It is taken after the one URL-decoding that the caller's
framework does. Names are kept as people write them (spaces, emoji, any script); refused is what some system between
here and a recipient's disk would read as something else.
"""

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from hq.lib.errors import Invalid, Refused
from hq.lib.local_only import local_only_reason

MAX_PATH_BYTES = 1024
MAX_NAME_BYTES = 255
MAX_NAMES = 32
# No path has this noncharacter, and every character that a path may have sorts before it: what begins with a prefix is
# from the prefix up to the prefix and this.
LAST = "\U0010ffff"

_MAX_DECODINGS = 8

# Controls (C0, DEL, C1), line separators, surrogates, noncharacters, bidirectional marks, overrides and isolates, and
# characters without any width. The two joiners (U+200C, U+200D) stay: emoji and Persian are written with them.
_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufdd0-\ufdef"
    "\ufeff\ufff9-\ufffb"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000))
    + "]"
)
_FORBIDDEN_REASON = "The path has a control or invisible character."
_DRIVE = re.compile(r"[A-Za-z]:")
# The superscript digits are ports to Windows too.
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:[.:].*)?", re.IGNORECASE
)


class InvalidPath(Invalid):
    """The vault does not accept such a path."""


class LocalOnlyPath(Refused):
    """The file was not uploaded. It belongs to a class that stays on your machine."""


def clean_path(raw: str) -> str:
    """Give the one spelling of an object's path, such as `reports/2026 Q3.pdf`.

    Raises:
        InvalidPath: it is no path; the sentence says why.
        LocalOnlyPath: it is one, but what it names stays on the person's machine.
    """
    path = clean_stored_path(raw)
    for form in _forms(path):
        if reason := local_only_reason(form):
            raise LocalOnlyPath(f"{path} was not uploaded. {reason}")
    return path


def clean_stored_path(raw: str) -> str:
    """Do as `clean_path` does, for reading and deleting: what was stored before a local-only rule came stays in reach.

    Raises:
        InvalidPath: it is no path; the sentence says why.
    """
    path = _normalised(raw)
    if not path:
        raise InvalidPath("The path is empty.")
    for form in _forms(path):
        for name in _names(form, path):
            _check_name(name)
    return path


def clean_prefix(raw: str) -> str:
    """Give the one spelling of what paths begin with: `""`, `reports/`, or up to within a name, `reports/20`.

    Raises:
        InvalidPath: no path can begin like this; the sentence says why.
    """
    prefix = _normalised(raw)
    if not prefix:
        return ""
    for form in _forms(prefix):
        *names, beginning = _names(form, prefix)
        for name in names:
            _check_name(name)
        # Of an unfinished name only what is there can be judged: `con` may become `contract.pdf`.
        _check_characters(beginning)
        if beginning == "..":
            raise InvalidPath("The path has a name that is only dots.")
    return prefix


def _normalised(raw: str) -> str:
    # Before the normalisation, so that it never works on more than a path's worth; NFC may shorten, not by 4.
    if len(raw) > 4 * MAX_PATH_BYTES:
        raise InvalidPath(f"The path is longer than {MAX_PATH_BYTES} bytes.")
    if _FORBIDDEN.search(raw):
        raise InvalidPath(_FORBIDDEN_REASON)
    path = unicodedata.normalize("NFC", raw)
    if len(path.encode()) > MAX_PATH_BYTES:
        raise InvalidPath(f"The path is longer than {MAX_PATH_BYTES} bytes.")
    return path


def _forms(path: str) -> Iterator[str]:
    """The path, and what it becomes each time somebody decodes its percent escapes once more.

    Bytes that are not UTF-8 (overlong forms of "." and "/" are not) come out as surrogates, which no path may have.
    """
    yield path
    for _ in range(_MAX_DECODINGS):
        decoded = unicodedata.normalize("NFC", unquote(path, errors="surrogateescape"))
        if decoded == path:
            return
        yield decoded
        path = decoded
    raise InvalidPath("The path is escaped too many times.")


def _names(form: str, path: str) -> list[str]:
    names = form.split("/")
    if len(names) != path.count("/") + 1:
        raise InvalidPath("The path hides a slash in an escape.")
    if len(names) > MAX_NAMES:
        raise InvalidPath(f"The path has more than {MAX_NAMES} levels.")
    if form.startswith("/"):
        raise InvalidPath("The path begins with a slash.")
    return names


def _check_name(name: str) -> None:
    if not name:
        raise InvalidPath("The path has an empty name between two slashes, or ends with a slash.")
    _check_characters(name)
    if unicodedata.normalize("NFKC", name).strip(".") == "":
        raise InvalidPath("The path has a name that is only dots.")
    if name != name.strip():
        raise InvalidPath("The path has a name that begins or ends with a space.")
    if name.endswith("."):
        raise InvalidPath("The path has a name that ends with a dot.")
    if _DEVICE.fullmatch(name):
        raise InvalidPath("The path has a name that Windows keeps for a device.")


def _check_characters(name: str) -> None:
    if _FORBIDDEN.search(name):
        raise InvalidPath(_FORBIDDEN_REASON)
    if "\\" in name:
        raise InvalidPath("The path has a backslash.")
    if _DRIVE.match(name):
        raise InvalidPath("The path has a Windows drive letter.")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidPath(f"The path has a name that is longer than {MAX_NAME_BYTES} bytes.")
