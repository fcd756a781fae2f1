"""Where the parts of an upload wait until all of them are there. tests/vault/staging_contract.py says it as tests.

A part comes from its sender straight to the store, by an address that is good for that part, that size and a few
minutes. Where it goes follows from the upload alone, so no path, header or field of the sender's names another place
(VLT-3). Nothing that waits here can be read by anybody but HQ, and nothing of it is an object yet.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import FileIO
from pathlib import Path
from shutil import rmtree
from typing import Protocol
from uuid import UUID

from hq.crypto.stream import SealingWriter, open_stream, plain_size
from hq.crypto.tokens import BadToken, SealedTokens
from hq.lib.errors import Invalid, NotFound
from vault.store.base import MissingBytes
from vault.store.files import make_folder, refusing_when_full, sync_folder

INCOMING = "incoming"
MOST_PARTS = 10_000  # of one S3 multipart upload
_TERMS = 20  # bytes of what a token holds


class WrongPartSize(Invalid):
    """This is not the size that the address was made for. Nothing of the part was kept."""


class NoSuchPart(Invalid):
    """The upload has no part of this number and size."""


class UploadGone(NotFound):
    """There is nothing here that you can see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """One upload as its store knows it: `size` bytes in parts of `part_size`, the last one shorter.

    `handle` is what `begin` gave. `content_key` and `aad` seal what waits in a store of files; `address_key` seals the
    addresses that HQ answers itself. Both are keys of the upload's own organization.
    """

    bucket: str
    id: UUID
    handle: str
    size: int
    part_size: int
    content_key: bytes = field(repr=False)
    aad: bytes
    address_key: bytes = field(repr=False)

    @property
    def count(self) -> int:
        """How many parts; none for an empty file."""
        return -(-self.size // self.part_size)

    def size_of(self, part: int) -> int:
        """Bytes of one part; they count from 1. Raises NoSuchPart."""
        if not 1 <= part <= self.count:
            raise NoSuchPart
        return min(self.part_size, self.size - (part - 1) * self.part_size)


@dataclass(frozen=True, slots=True)
class PartAddress:
    """Where to send a part's bytes as they are, how, and with which headers."""

    url: str
    method: str
    headers: Mapping[str, str]


class Staging(Protocol):
    """Keeps parts. A part is there whole or not at all; sent twice, either one is there, whole."""

    def begin(self, bucket: str, upload: UUID) -> str:
        """Make room for the parts of an upload; what the store calls it, "" if it needs no name.

        It may be called again, by whoever did not hear of the first time; either name serves.
        """
        ...

    def address(self, upload: Staged, part: int, size: int, expires_at: datetime) -> PartAddress:
        """An address that takes exactly `size` bytes as this part, until then. Raises NoSuchPart."""
        ...

    def parts(self, upload: Staged) -> dict[int, int]:
        """Number and plain size of each part that is there whole."""
        ...

    def read(self, upload: Staged) -> Iterator[bytes]:
        """All parts in order, plain. It may be read again. Raises MissingBytes, hq.crypto.aead.Tampered."""
        ...

    def discard(self, upload: Staged) -> None:
        """Remove every part, also under a name that nobody wrote down; none comes any more. Twice is nothing."""
        ...


class EmbeddedStaging:
    """Parts as sealed files: objects/<bucket>/incoming/<upload>/<number>. HQ's own address takes them in.

    Only `begin` makes the upload's folder. `discard` renames it before it is emptied, so that a part which comes late
    finds no place any more, rather than one that nobody would look into again.
    """

    def __init__(self, root: Path, base_url: str) -> None:
        self._root = root
        self._base_url = base_url

    def begin(self, bucket: str, upload: UUID) -> str:
        for folder in (self._root / bucket / INCOMING, self._root / bucket / INCOMING / upload.hex):
            with refusing_when_full():
                make_folder(folder)
        return ""

    def address(self, upload: Staged, part: int, size: int, expires_at: datetime) -> PartAddress:
        _check_size(upload, part, size)
        terms = part.to_bytes(4, "big") + size.to_bytes(8, "big") + int(expires_at.timestamp()).to_bytes(8, "big")
        token = SealedTokens(upload.address_key).seal(upload.id.bytes, terms)
        headers = {"Content-Type": "application/octet-stream"}
        return PartAddress(f"{self._base_url}/v1/upload-parts/{token}", "PUT", headers)

    def receive(self, upload: Staged, part: int, size: int, chunks: Iterable[bytes]) -> None:
        """Take a part in as it comes, with no transaction open. Raises WrongPartSize, UploadGone, StorageFull."""
        _check_size(upload, part, size)
        folder = self._folder(upload)
        draft = folder / f"{part}.{os.urandom(8).hex()}"
        try:
            with refusing_when_full():
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            raise UploadGone from None
        try:
            with FileIO(descriptor, "wb") as file:
                _seal(file, upload, part, size, chunks)
                with refusing_when_full():
                    os.fsync(descriptor)
            draft.rename(folder / str(part))
            sync_folder(folder)
        except FileNotFoundError:
            raise UploadGone from None  # given up while it came
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def parts(self, upload: Staged) -> dict[int, int]:
        try:
            found = list(os.scandir(self._folder(upload)))
        except FileNotFoundError:
            return {}
        return {int(entry.name): plain_size(entry.stat().st_size) for entry in found if entry.name.isdecimal()}

    def read(self, upload: Staged) -> Iterator[bytes]:
        for part in range(1, upload.count + 1):
            try:
                file = FileIO(self._folder(upload) / str(part), "rb")
            except FileNotFoundError:
                raise MissingBytes from None
            with file:
                yield from open_stream(file, upload.content_key, _aad(upload, part))

    def discard(self, upload: Staged) -> None:
        folder = self._folder(upload)
        gone = folder.with_name(f"{folder.name}.gone")
        if gone.exists():
            rmtree(gone)
        try:
            folder.rename(gone)
        except FileNotFoundError:
            return
        rmtree(gone)
        sync_folder(folder.parent)

    def _folder(self, upload: Staged) -> Path:
        return self._root / upload.bucket / INCOMING / upload.id.hex


def upload_of(token: str) -> UUID:
    """Which upload an address of HQ's own names. Nothing is proven by it. Raises BadToken."""
    return UUID(bytes=SealedTokens.header_of(token))


def terms_of(token: str, address_key: bytes) -> tuple[int, int, float]:
    """Part, size and end (seconds since 1970) of such an address. Whether it is over the caller must ask.

    Raises BadToken.
    """
    terms = SealedTokens(address_key).open(token)
    if len(terms) != _TERMS:
        raise BadToken
    part, size, end = (int.from_bytes(terms[start:stop], "big") for start, stop in ((0, 4), (4, 12), (12, _TERMS)))
    return part, size, float(end)


def _check_size(upload: Staged, part: int, size: int) -> None:
    if upload.size_of(part) != size:
        raise NoSuchPart


def _seal(file: FileIO, upload: Staged, part: int, size: int, chunks: Iterable[bytes]) -> None:
    with refusing_when_full():
        writer = SealingWriter(file, upload.content_key, _aad(upload, part))
    for chunk in chunks:
        if writer.size + len(chunk) > size:
            raise WrongPartSize
        with refusing_when_full():
            writer.write(chunk)
    if writer.size != size:
        raise WrongPartSize
    with refusing_when_full():
        writer.finish()


def _aad(upload: Staged, part: int) -> bytes:
    return upload.aad + part.to_bytes(4, "big")
