"""What a deployment may hold: names that mean one thing everywhere, in numbers and sizes that HQ can serve."""

import re
import unicodedata
from dataclasses import dataclass, field

from artifacts.actions.tar import ArchiveTooLarge, RefusedMember
from artifacts.models import BYTES_MOST, FILES_MOST
from hq.lib.errors import Problem
from hq.lib.paths import LocalOnlyPath, clean_path

RESERVED = "_hq"  # the edge's own addresses
FOLDERS_MOST = 10_000
UNKNOWN = "application/octet-stream"
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_TEXT = "; charset=utf-8"

# By the end of the name, and by nothing else: what a file holds never decides how a browser reads it.
TYPES = {
    "html": "text/html" + _TEXT,
    "htm": "text/html" + _TEXT,
    "css": "text/css" + _TEXT,
    "js": "text/javascript" + _TEXT,
    "mjs": "text/javascript" + _TEXT,
    "json": "application/json",
    "map": "application/json",
    "webmanifest": "application/manifest+json",
    "xml": "application/xml",
    "rss": "application/rss+xml",
    "atom": "application/atom+xml",
    "txt": "text/plain" + _TEXT,
    "md": "text/plain" + _TEXT,
    "log": "text/plain" + _TEXT,
    "csv": "text/csv" + _TEXT,
    "tsv": "text/tab-separated-values" + _TEXT,
    "vtt": "text/vtt" + _TEXT,
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "ico": "image/x-icon",
    "bmp": "image/bmp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "ttf": "font/ttf",
    "otf": "font/otf",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "wav": "audio/wav",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "pdf": "application/pdf",
    "wasm": "application/wasm",
    "zip": "application/zip",
    "gz": "application/gzip",
}


@dataclass(frozen=True, slots=True)
class Placed:
    """One file of a bundle. `sha256` is hex."""

    path: str
    offset: int
    size: int
    sha256: str

    @property
    def content_type(self) -> str:
        return type_of(self.path)


def type_of(path: str) -> str:
    """The content type that a file is served under."""
    name, _, ending = path.rpartition("/")[2].rpartition(".")
    return TYPES.get(ending.lower(), UNKNOWN) if name else UNKNOWN


@dataclass(slots=True)
class Contents:
    """What came so far. Names are compared as systems compare them that tell neither case nor spelling apart."""

    size: int = 0
    files: int = 0
    _names: dict[str, str] = field(default_factory=dict)
    _folders: dict[str, str] = field(default_factory=dict)
    _entries: int = 0

    def folder(self, raw: str) -> None:
        """Take note of a folder that is named by itself. Raises RefusedMember, ArchiveTooLarge."""
        self._count()
        if (name := raw.removesuffix("/").removeprefix("./")) not in {"", "."}:
            self._step_into(published_path(name), raw)

    def claim(self, raw: str, size: int) -> str:
        """The path of a file that may come. Raises RefusedMember, ArchiveTooLarge."""
        self._count()
        path = published_path(raw.removeprefix("./"))
        folder, _, _ = path.rpartition("/")
        if folder:
            self._step_into(folder, raw)
        key = _key(path)
        if key in self._names:
            raise _refused(raw, f"is there twice, also as {self._names[key]!r}")
        if key in self._folders:
            raise _refused(raw, "is a file and a folder")
        self._names[key] = path
        self.size, self.files = self.size + size, self.files + 1
        if self.files > FILES_MOST:
            raise ArchiveTooLarge(f"A deployment has at most {FILES_MOST:,} files. Nothing was kept.")
        if self.size > BYTES_MOST:
            raise ArchiveTooLarge(f"A deployment has at most {BYTES_MOST // 1024**2:,} MiB. Nothing was kept.")
        return path

    def _count(self) -> None:
        self._entries += 1
        if self._entries > FILES_MOST + FOLDERS_MOST:
            raise ArchiveTooLarge("There are far too many files and folders. Nothing was kept.")

    def _step_into(self, folder: str, raw: str) -> None:
        """Every folder on the way, in one spelling."""
        names = folder.split("/")
        for depth in range(1, len(names) + 1):
            path = "/".join(names[:depth])
            key = _key(path)
            if key in self._names:
                raise _refused(raw, "is a file and a folder")
            if self._folders.setdefault(key, path) != path:
                raise _refused(raw, f"differs from {self._folders[key]!r} in case or spelling only")


def published_path(raw: str) -> str:
    """The one spelling of a file's path. Raises RefusedMember."""
    try:
        path = clean_path(raw)
    except LocalOnlyPath as refused:
        raise RefusedMember(
            str(refused).replace(" was not uploaded.", " is not published, and nothing was kept.")
        ) from None
    except Problem as refused:
        raise _refused(raw, f"cannot be published: {refused}") from None
    if path.partition("/")[0].casefold() == RESERVED:
        raise _refused(raw, "lies where HQ's own pages are")
    if _ESCAPE.search(path):
        raise _refused(raw, "has an escape like %20 in its name, which addresses read as something else")
    return path


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", path).casefold())


def _refused(raw: str, why: str) -> RefusedMember:
    return RefusedMember(f"{raw[:200]!r} {why.rstrip('.')}. Nothing was kept.")
