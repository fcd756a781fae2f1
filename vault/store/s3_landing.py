"""What programs put into the landing area of their storage credentials, until HQ has taken it in.

It lies in the organization's own bucket at landing/<credentials>/<path>, encrypted by S3 and not yet sealed by HQ.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Self
from uuid import UUID

from vault.store import base, s3_bucket
from vault.store.base import BucketMissing, MissingBytes
from vault.store.s3_line import Answer, Line, line_from_settings
from vault.store.s3_ranges import plain_pieces
from vault.store.s3_sessions import prefix_of

# Classes whose objects can be read at once. S3 puts files to sleep in the others, for their sender's asking.
_AT_ONCE = frozenset(
    {"", "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"}
)


@dataclass(frozen=True, slots=True)
class Landed:
    """A version of a file in a landing area. `path` is as its sender spelled it."""

    place: str
    version: str
    path: str
    size: int
    etag: str
    newest: bool
    readable: bool

    @property
    def mark(self) -> str:
        """What tells it from every other, in 64 hex digits."""
        return sha256(f"{self.place}\n{self.version}".encode()).hexdigest()


class Landing:
    """The landing area of some storage credentials."""

    def __init__(self, line: Line, bucket: str, credentials_id: UUID) -> None:
        self._line, self._bucket, self._prefix = line, bucket, prefix_of(credentials_id)

    @classmethod
    def of(cls, bucket: str, credentials_id: UUID) -> Self:
        """Raises StoreMisplaced."""
        return cls(line_from_settings(), bucket, credentials_id)

    def found(self) -> Iterator[Landed]:
        """Every version, those of a path together, the newest first; delete markers too. No bucket: nothing."""
        try:
            for page in self._pages():
                yield from (self._landed(each) for each in page)
        except BucketMissing:
            return

    def _pages(self) -> Iterator[list[Answer]]:
        for page in self._line.pages(
            "list_object_versions",
            self._bucket,
            s3_bucket.VERSIONS_GO_ON,
            Prefix=self._prefix,
            MaxKeys=base.PAGE,
        ):
            yield [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]

    def _landed(self, each: Answer) -> Landed:
        return Landed(
            place=each["Key"],
            version=each["VersionId"],
            path=each["Key"].removeprefix(self._prefix),
            size=each.get("Size", 0),
            etag=each.get("ETag", ""),
            newest=each["IsLatest"] and "ETag" in each,
            readable=each.get("StorageClass", "") in _AT_ONCE,
        )

    def content_type(self, landed: Landed) -> str:
        """What its sender called it. Raises MissingBytes, also where a newer one took its place meanwhile."""
        return self._line.ask("head_object", self._bucket, _content_type, Key=landed.place, IfMatch=landed.etag)

    def read(self, landed: Landed) -> Generator[bytes]:
        """Its bytes. Raises MissingBytes, also where a newer one took its place meanwhile."""
        if landed.size:
            yield from plain_pieces(self._line, self._bucket, landed.place, landed.size, landed.etag)

    def discard(self, landed: Landed) -> None:
        """Remove this version for good."""
        s3_bucket.remove(self._line, self._bucket, [{"Key": landed.place, "VersionId": landed.version}])

    def close(self) -> None:
        """Forget the parts of what nobody finished: no session is left that could."""
        try:
            for place, upload in s3_bucket.uploads(self._line, self._bucket, self._prefix):
                s3_bucket.abort(self._line, self._bucket, place, upload)
        except (BucketMissing, MissingBytes):
            return  # and everything in it


def _content_type(answer: Answer) -> str:
    kind: str = answer.get("ContentType", "")
    return kind
