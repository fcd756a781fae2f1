"""Parts of uploads in S3: one upload in parts at incoming/<upload>, sent to S3 itself by addresses that HQ has signed.

An address names the bucket, the place, the upload, the part and its exact size, and S3 refuses whatever differs from
what was signed. What waits here is not sealed by HQ yet: S3 encrypts it under the bucket's key, and it is gone once the
upload is.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Self
from uuid import UUID

from hq.lib.clock import now
from vault.store import s3_bucket
from vault.store.base import BucketMissing, MissingBytes
from vault.store.s3_line import Answer, Line, line_from_settings
from vault.store.s3_ranges import plain_pieces
from vault.store.staging import INCOMING, NoSuchPart, PartAddress, Staged

TYPE = "application/octet-stream"
PARTS_GO_ON = {"NextPartNumberMarker": "PartNumberMarker"}


class S3Staging:
    """A Staging in S3."""

    def __init__(self, line: Line) -> None:
        self._line = line

    @classmethod
    def from_settings(cls) -> Self:
        """Raises StoreMisplaced."""
        return cls(line_from_settings())

    def begin(self, bucket: str, upload: UUID) -> str:
        return self._line.ask("create_multipart_upload", bucket, _upload_id, Key=_place(upload), ContentType=TYPE)

    def address(self, upload: Staged, part: int, size: int, expires_at: datetime) -> PartAddress:
        if upload.size_of(part) != size:
            raise NoSuchPart
        seconds = int((expires_at - now()).total_seconds())
        url = self._line.signed_address(
            "upload_part",
            max(1, seconds),
            Bucket=upload.bucket,
            Key=_place(upload.id),
            UploadId=upload.handle,
            PartNumber=part,
            ContentLength=size,
        )
        return PartAddress(url, "PUT", {"Content-Type": TYPE})

    def parts(self, upload: Staged) -> dict[int, int]:
        return {number: size for number, (size, _) in self._parts(upload).items()}

    def read(self, upload: Staged) -> Iterator[bytes]:
        if not upload.count:
            return
        self._join(upload)
        with closing(plain_pieces(self._line, upload.bucket, _place(upload.id), upload.size)) as pieces:
            yield from pieces

    def discard(self, upload: Staged) -> None:
        place = _place(upload.id)
        try:
            for found, name in s3_bucket.uploads(self._line, upload.bucket, place):
                s3_bucket.abort(self._line, upload.bucket, found, name)
            for page in s3_bucket.versions(self._line, upload.bucket, place):
                s3_bucket.remove(self._line, upload.bucket, page)
        except BucketMissing:
            return  # and everything in it

    def _parts(self, upload: Staged) -> dict[int, tuple[int, str]]:
        """Size and entity tag of each part; once they were joined, the sizes that they had."""
        named = {"Key": _place(upload.id), "UploadId": upload.handle}
        try:
            pages = self._line.pages("list_parts", upload.bucket, PARTS_GO_ON, **named)
            return {
                part["PartNumber"]: (part["Size"], part["ETag"]) for page in pages for part in page.get("Parts", ())
            }
        except MissingBytes:
            if not self._is_joined(upload):
                return {}
            return {number: (upload.size_of(number), "") for number in range(1, upload.count + 1)}

    def _join(self, upload: Staged) -> None:
        """S3 lets nobody read a part that is not joined with the others. Raises MissingBytes."""
        if self._is_joined(upload):
            return
        parts = self._parts(upload)
        expected = {number: upload.size_of(number) for number in range(1, upload.count + 1)}
        if {number: size for number, (size, _) in parts.items()} != expected:
            raise MissingBytes
        self._line.do(
            "complete_multipart_upload",
            upload.bucket,
            Key=_place(upload.id),
            UploadId=upload.handle,
            MultipartUpload={"Parts": [{"PartNumber": number, "ETag": parts[number][1]} for number in sorted(parts)]},
            MpuObjectSize=upload.size,
        )

    def _is_joined(self, upload: Staged) -> bool:
        try:
            return self._line.ask("head_object", upload.bucket, _size, Key=_place(upload.id)) == upload.size
        except MissingBytes:
            return False


def _place(upload: UUID) -> str:
    return f"{INCOMING}/{upload.hex}"


def _upload_id(answer: Answer) -> str:
    upload: str = answer["UploadId"]
    return upload


def _size(answer: Answer) -> int:
    size: int = answer["ContentLength"]
    return size
