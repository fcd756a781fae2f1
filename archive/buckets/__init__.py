"""Where the archive is kept: a bucket in S3 with Object Lock if one is named, else a folder (docs/archive.md)."""

from pathlib import Path

from django.conf import settings

from archive.buckets.base import (
    Absent,
    AlreadyThere,
    ArchiveFault,
    ArchiveFull,
    ArchiveMissing,
    ArchiveRefused,
    ArchiveUnavailable,
    Bucket,
    NotLocked,
)
from archive.buckets.folder import Folder

__all__ = [
    "Absent",
    "AlreadyThere",
    "ArchiveFault",
    "ArchiveFull",
    "ArchiveMissing",
    "ArchiveRefused",
    "ArchiveUnavailable",
    "Bucket",
    "NotLocked",
    "bucket",
]


def bucket() -> Bucket:
    """The one that the settings name."""
    if not settings.ARCHIVE_BUCKET:
        return Folder(Path(settings.ARCHIVE_DIR))
    from archive.buckets.s3 import shared  # takes a while: who archives into a folder need not wait for it

    return shared(settings.ARCHIVE_BUCKET, settings.ARCHIVE_REGION, settings.ARCHIVE_ENDPOINT)
