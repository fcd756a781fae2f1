"""Objects in S3: objects/<2 hex>/<id> in the organization's own bucket, sealed by HQ before a byte leaves it.

Each object is an upload in parts from its first byte on. That is what makes it appear whole or not at all, lets what a
crash left be found by listing, and lets a deletion stop a writer. What S3 encrypts besides is a second lock, not the
first: docs/adr/0021-s3-store.md.
"""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, Self

from django.conf import settings

from hq.crypto.stream import SealingWriter, open_stream
from hq.lib.errors import Problem
from vault.store import s3_bucket
from vault.store.base import BucketMissing, ClosingPieces, MissingBytes, Pieces, Told, Writer, check_key, nobody
from vault.store.files import refusing_when_full
from vault.store.s3_faults import BytesChanged
from vault.store.s3_line import Answer, Line, line_from_settings, log
from vault.store.s3_ranges import SealedFile

OBJECTS = "objects/"
MEBIBYTE = 1024 * 1024
MOST_PARTS = 10_000
# A part is kept until S3 has it, as it may have to be sent again. Small ones wait in memory; the later parts of a file
# that has grown beyond 39 GiB wait, sealed, in an unnamed file. So 5 TiB fit into 10,000 parts.
_GROWTH = ((1000, 8 * MEBIBYTE), (2000, 32 * MEBIBYTE), (MOST_PARTS, 704 * MEBIBYTE))
IN_MEMORY = 32 * MEBIBYTE


def part_bytes(number: int) -> int:
    """How large the part of this number is, counted from 1; the last one is shorter."""
    return next(size for last, size in _GROWTH if number <= last)


class S3Store:
    """An ObjectStore in S3. `spool` is a folder for parts too large for memory, `origin` that of HQ's own pages."""

    def __init__(self, line: Line, *, spool: Path, origin: str) -> None:
        self._line, self._spool, self._origin = line, spool, origin

    @classmethod
    def from_settings(cls) -> Self:
        """Raises StoreMisplaced."""
        return cls(line_from_settings(), spool=Path(settings.DATA_DIR), origin=settings.BASE_URL)

    def make_bucket(self, bucket: str, cmk: str = "") -> None:
        s3_bucket.make(self._line, bucket, cmk, self._origin)

    def remove_bucket(self, bucket: str, told: Told = nobody) -> None:
        s3_bucket.take_down(self._line, bucket, told)

    def keys_of(self, bucket: str, after: str = "") -> list[str]:
        try:
            found = s3_bucket.places(self._line, bucket, _place_after(bucket, after))
        except BucketMissing:
            return []
        return [_key_at(bucket, place) for place in found]

    @contextmanager
    def put(self, bucket: str, key: str, *, content_key: bytes, aad: bytes) -> Iterator[Writer]:
        place = _place(bucket, key)
        upload = self._line.ask(
            "create_multipart_upload",
            bucket,
            _upload_id,
            Key=place,
            ChecksumAlgorithm="SHA256",
            ContentType="application/octet-stream",
        )
        parts = _Parts(self._line, bucket, place, upload, self._spool)
        try:
            writer = SealingWriter(parts, content_key, aad)
            yield writer
            writer.finish()
            parts.complete()
        except BaseException:
            self._give_up(bucket, key)
            raise
        finally:
            parts.close()

    def open(
        self, bucket: str, key: str, *, content_key: bytes, aad: bytes, start: int = 0, stop: int | None = None
    ) -> Pieces:
        file = SealedFile(self._line, bucket, _place(bucket, key), start, stop)
        try:
            pieces = open_stream(file, content_key, aad, start=start, stop=stop)
        except BaseException:
            file.close()
            raise
        return ClosingPieces(file, pieces)

    def delete(self, bucket: str, key: str) -> None:
        # The upload first: should its writer be alive, then either it can no longer end it or what it ended goes next.
        place = _place(bucket, key)
        for found, upload in s3_bucket.uploads(self._line, bucket, place):
            if found == place:
                s3_bucket.abort(self._line, bucket, place, upload)
        for page in s3_bucket.versions(self._line, bucket, place):
            s3_bucket.remove(self._line, bucket, [each for each in page if each["Key"] == place])

    def sealed_size(self, bucket: str, key: str) -> int | None:
        try:
            return self._line.ask("head_object", bucket, _size, Key=_place(bucket, key))
        except MissingBytes:
            return None

    def unfinished(self, bucket: str) -> list[str]:
        return sorted({_key_at(bucket, place) for place, _ in s3_bucket.uploads(self._line, bucket, OBJECTS)})

    def _give_up(self, bucket: str, key: str) -> None:
        """Leave nothing of what was begun; also not if the last word did arrive and its answer did not."""
        try:
            self.delete(bucket, key)
        except Problem as error:  # the error that led here is the one to tell
            log.warning("an upload that must go is left to the reaper", extra={"key": key, "error": error.code})


class _Parts:
    """A hq.crypto.stream.Sink that sends what it takes in parts, each with its SHA-256."""

    def __init__(self, line: Line, bucket: str, place: str, upload: str, spool: Path) -> None:
        self._line, self._bucket = line, bucket
        self._upload = {"Key": place, "UploadId": upload}
        self._waiting = SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(spool))  # noqa: SIM115 - closed by `close`
        self._digest, self._held, self._sum = sha256(), 0, 0
        self._sent: list[dict[str, Any]] = []
        self._digests = sha256()

    def write(self, data: memoryview, /) -> int:
        """Take as much as still belongs to the part. Raises StorageFull."""
        taken = data[: part_bytes(len(self._sent) + 1) - self._held]
        with refusing_when_full():
            self._waiting.write(taken)
        self._digest.update(taken)
        self._held += len(taken)
        if self._held == part_bytes(len(self._sent) + 1):
            self._send()
        return len(taken)

    def complete(self) -> None:
        """Send the rest and let the object appear. Raises MissingBytes when it was deleted meanwhile."""
        if self._held:
            self._send()
        whole = f"{b64encode(self._digests.digest()).decode()}-{len(self._sent)}"
        try:
            told = self._line.ask(
                "complete_multipart_upload",
                self._bucket,
                _checksum,
                **self._upload,
                MultipartUpload={"Parts": self._sent},
                MpuObjectSize=self._sum,
            )
        except MissingBytes:
            self._line.do("head_object", self._bucket, Key=self._upload["Key"])  # ended, and the answer was lost
        else:
            if told != whole:
                raise BytesChanged

    def close(self) -> None:
        self._waiting.close()

    def _send(self) -> None:
        number, digest = len(self._sent) + 1, self._digest.digest()
        self._waiting.seek(0)
        named = {"PartNumber": number, "ChecksumSHA256": b64encode(digest).decode()}
        etag, told = self._line.ask(
            "upload_part",
            self._bucket,
            _received,
            **self._upload,
            **named,
            Body=self._waiting,
            ContentLength=self._held,
        )
        if told != named["ChecksumSHA256"]:
            raise BytesChanged
        self._sent.append(named | {"ETag": etag})
        self._digests.update(digest)
        self._sum += self._held
        self._waiting.seek(0)
        self._waiting.truncate()
        self._digest, self._held = sha256(), 0


# ---- where a key lies: after its last digits, as a UUIDv7 begins with the time and S3 likes load that is spread


def _place(bucket: str, key: str) -> str:
    name = check_key(bucket, key)
    return f"{OBJECTS}{name[-2:]}/{name}"


def _key_at(bucket: str, place: str) -> str:
    if place.startswith(OBJECTS):
        return f"{bucket}/{place.rpartition('/')[2]}"
    return f"{bucket}/{place}"


def _place_after(bucket: str, key: str) -> str:
    rest = key.removeprefix(f"{bucket}/")
    return rest if "/" in rest or not rest else _place(bucket, key)


# ---- what answers say


def _upload_id(answer: Answer) -> str:
    upload: str = answer["UploadId"]
    if not upload:
        raise ValueError
    return upload


def _received(answer: Answer) -> tuple[str, str]:
    return answer["ETag"], answer["ChecksumSHA256"]


def _checksum(answer: Answer) -> str:
    checksum: str = answer["ChecksumSHA256"]
    return checksum


def _size(answer: Answer) -> int:
    size: int = answer["ContentLength"]
    return size
