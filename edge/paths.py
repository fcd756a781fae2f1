"""From the path of a request to names of files. What any part of the way could read in two ways names nothing."""

import re
import unicodedata
from urllib.parse import quote

INDEX, NOT_FOUND = "index.html", "404.html"
MAX_BYTES = 1024
# Controls, a backslash, and an escape that is left after the one decoding that the server has done.
_AMBIGUOUS = re.compile(r"[\x00-\x1f\x7f-\x9f\\]|%[0-9A-Fa-f]{2}")


def name_of(path: str) -> str | None:
    """The one spelling of what a request asks for, without the first slash; None where there is no such.

    `path` is as WSGI gives it: decoded once, each byte as a character. A slash that was escaped is one by now: it parts
    names like any other, and a file is found by its whole name in a table.
    """
    try:
        text = path.encode("latin-1").decode()
    except UnicodeError:
        return None
    name = unicodedata.normalize("NFC", text.removeprefix("/"))
    if not text.startswith("/") or len(path) > MAX_BYTES or _AMBIGUOUS.search(name):
        return None
    parts = name.split("/")
    if any(part in {".", ".."} for part in parts) or "" in parts[:-1]:
        return None
    return name


def candidates(name: str) -> list[str]:
    """Files that answer for a name, the best first: itself, its page, the index of its folder."""
    if name == "" or name.endswith("/"):
        return [f"{name}{INDEX}"]
    return [name, f"{name}.html", f"{name}/{INDEX}"]


def address_of_folder(name: str) -> str:
    """Where a folder's index is shown, so that what it refers to is found beside it."""
    return quote(f"/{name}/", safe="/")
