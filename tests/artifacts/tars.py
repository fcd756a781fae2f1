"""Archives as tar writes them, and as nobody should."""

import io
import tarfile
from collections.abc import Iterator
from typing import Any

SITE = {
    "index.html": b"<!doctype html><title>Q3</title><h1>Q3</h1>",
    "about.html": b"<h1>About</h1>",
    "docs/index.html": b"<h1>Docs</h1>",
    "assets/app.3f2a9c1d.js": b"console.log(3)",
    "404.html": b"<h1>Not here</h1>",
}


def tar(files: dict[str, bytes], *, mode: str = "w", kind: int = tarfile.GNU_FORMAT) -> bytes:
    """What `tar c .` gives for these files."""
    return packed([entry(name, content) for name, content in files.items()], mode=mode, kind=kind)


def entry(name: str, content: bytes = b"", **changes: Any) -> tuple[tarfile.TarInfo, bytes]:
    """A member, with whatever of its header is to be another."""
    found = tarfile.TarInfo(name)
    found.size = len(content)
    for field, value in changes.items():
        setattr(found, field, value)
    return found, content


def packed(entries: list[tuple[tarfile.TarInfo, bytes]], *, mode: str = "w", kind: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=kind) as archive:  # type: ignore[call-overload]  # a mode of several
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def in_pieces(data: bytes, size: int = 700) -> Iterator[bytes]:
    """As it may come over the wire: pieces that end anywhere."""
    return (data[at : at + size] for at in range(0, len(data), size))
