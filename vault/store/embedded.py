"""Objects as sealed files: objects/<bucket>/<2 hex>/<id>, folders 0700 and files 0600.

A file is written in objects/<bucket>/unfinished/ and renamed when it is whole, so a reader meets all of it or none.
That folder is short, so what a crash left in it is found by looking, without walking through the bucket.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from itertools import islice
from pathlib import Path
from shutil import rmtree

from hq.crypto.stream import SealingWriter, open_stream
from vault.store import base
from vault.store.base import BucketMissing, ClosingPieces, MissingBytes, Pieces, Told, Writer, check_key, nobody
from vault.store.files import make_folder, refusing_when_full, sync_folder

UNFINISHED = "unfinished"


class EmbeddedStore:
    """An ObjectStore on a local file system."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def make_bucket(self, bucket: str, cmk: str = "") -> None:
        for folder in (self._root, self._root / bucket, self._root / bucket / UNFINISHED):
            make_folder(folder)

    def remove_bucket(self, bucket: str, told: Told = nobody) -> None:
        gone = 0
        # Under another name nobody who still writes finds a place in it.
        for place in (self._leaving(bucket), self._root / bucket):
            if not place.exists():
                continue
            folder = place.rename(self._leaving(bucket))
            sync_folder(self._root)
            for inner in sorted(folder.iterdir()):
                gone += sum(len(files) for _, _, files in os.walk(inner))
                rmtree(inner)
                told(gone)
            folder.rmdir()
            sync_folder(self._root)

    def keys_of(self, bucket: str, after: str = "") -> list[str]:
        found = islice(self._places(bucket, _place_after(bucket, after)), base.PAGE)
        return [
            f"{bucket}/{place.rpartition('/')[2] if len(place.partition('/')[0]) == 2 else place}" for place in found
        ]

    def _places(self, bucket: str, after: str) -> Iterator[str]:
        """In order, where files lie in a bucket, also in one that was being removed."""
        roots = [folder for folder in (self._root / bucket, self._leaving(bucket)) if folder.exists()]
        for name in sorted({inner.name for folder in roots for inner in folder.iterdir()}):
            if name < after.partition("/")[0]:
                continue
            inside = {
                str(Path(where, file).relative_to(folder))
                for folder in roots
                for where, _, files in os.walk(folder / name)
                for file in files
            }
            yield from (place for place in sorted(inside) if place > after)

    def _leaving(self, bucket: str) -> Path:
        return self._root / f"{bucket}.gone"  # no bucket's name has a dot

    @contextmanager
    def put(self, bucket: str, key: str, *, content_key: bytes, aad: bytes) -> Iterator[Writer]:
        draft, final = self._draft(bucket, key), self._final(bucket, key)
        with _in_bucket(), refusing_when_full():
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # Unbuffered: the sealing writer hands over 64 KiB at a time already.
            with FileIO(descriptor, "wb") as file:
                with refusing_when_full():
                    writer = SealingWriter(file, content_key, aad)
                yield _FileWriter(writer)
                with refusing_when_full():
                    writer.finish()
                    os.fsync(descriptor)
            with _in_bucket(), refusing_when_full():
                make_folder(final.parent)
            _rename(draft, final)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def open(
        self, bucket: str, key: str, *, content_key: bytes, aad: bytes, start: int = 0, stop: int | None = None
    ) -> Pieces:
        try:
            # Unbuffered: chunks are read whole.
            file = FileIO(self._final(bucket, key), "rb")
        except FileNotFoundError:
            raise MissingBytes from None
        try:
            pieces = open_stream(file, content_key, aad, start=start, stop=stop)
        except BaseException:
            file.close()
            raise
        return ClosingPieces(file, pieces)

    def delete(self, bucket: str, key: str) -> None:
        # The draft first: should its writer be alive, then either its rename fails or the renamed file goes next.
        self._draft(bucket, key).unlink(missing_ok=True)
        self._final(bucket, key).unlink(missing_ok=True)

    def sealed_size(self, bucket: str, key: str) -> int | None:
        try:
            return self._final(bucket, key).stat().st_size
        except FileNotFoundError:
            return None

    def unfinished(self, bucket: str) -> list[str]:
        with _in_bucket():
            return [f"{bucket}/{draft.name}" for draft in sorted((self._root / bucket / UNFINISHED).iterdir())]

    def _draft(self, bucket: str, key: str) -> Path:
        return self._root / bucket / UNFINISHED / check_key(bucket, key)

    def _final(self, bucket: str, key: str) -> Path:
        name = check_key(bucket, key)
        # The last digits: a UUIDv7 begins with the time, so its first ones are the same for years.
        return self._root / bucket / name[-2:] / name


class _FileWriter:
    """A sealing writer that says when the disk is full."""

    def __init__(self, writer: SealingWriter) -> None:
        self._writer = writer

    @property
    def size(self) -> int:
        return self._writer.size

    def write(self, data: bytes | memoryview, /) -> int:
        with refusing_when_full():
            return self._writer.write(data)


def _place_after(bucket: str, key: str) -> str:
    rest = key.removeprefix(f"{bucket}/")
    return rest if "/" in rest or not rest else f"{rest[-2:]}/{rest}"


@contextmanager
def _in_bucket() -> Iterator[None]:
    """Raises BucketMissing."""
    try:
        yield
    except FileNotFoundError:
        raise BucketMissing from None


def _rename(draft: Path, final: Path) -> None:
    try:
        draft.rename(final)
    except FileNotFoundError:
        raise MissingBytes from None  # deleted while it was written
    sync_folder(final.parent)
