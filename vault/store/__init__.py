"""Where sealed bytes are kept. `store_for` gives the store that a bucket lives in, `stage_for` where its parts wait."""

from pathlib import Path

from django.conf import settings

from vault.store.base import BucketMissing, ForeignKey, MissingBytes, ObjectStore, Pieces, StorageFull, Writer
from vault.store.embedded import EmbeddedStore
from vault.store.staging import EmbeddedStaging, PartAddress, Staged, Staging

__all__ = [
    "BucketMissing",
    "ForeignKey",
    "MissingBytes",
    "ObjectStore",
    "PartAddress",
    "Pieces",
    "Staged",
    "Staging",
    "StorageFull",
    "Writer",
    "stage_for",
    "store_for",
]


def store_for(kind: str) -> ObjectStore:
    """The store by the name that a bucket's row holds.

    Raises:
        ValueError: this deployment has no such store.
    """
    if kind == "s3":
        from vault.store.s3 import S3Store  # takes a while: who keeps files embedded need not wait for it

        return S3Store.from_settings()
    if kind != "embedded":
        raise ValueError(f"There is no store {kind!r}.")
    return EmbeddedStore(Path(settings.DATA_DIR) / "objects")


def stage_for(kind: str) -> Staging:
    """Where the parts of uploads wait in that store. Raises ValueError."""
    if kind == "s3":
        from vault.store.s3_staging import S3Staging

        return S3Staging.from_settings()
    if kind != "embedded":
        raise ValueError(f"There is no store {kind!r}.")
    return embedded_staging()


def embedded_staging() -> EmbeddedStaging:
    """The one that takes parts in by itself."""
    return EmbeddedStaging(Path(settings.DATA_DIR) / "objects", settings.BASE_URL)
