"""Where sealed bytes are kept. `store_for` gives the store that a bucket lives in."""

from pathlib import Path

from django.conf import settings

from vault.store.base import ForeignKey, MissingBytes, ObjectStore, Pieces, StorageFull, Writer
from vault.store.embedded import EmbeddedStore

__all__ = ["ForeignKey", "MissingBytes", "ObjectStore", "Pieces", "StorageFull", "Writer", "store_for"]


def store_for(kind: str) -> ObjectStore:
    """The store by the name that a bucket's row holds.

    Raises:
        ValueError: this deployment has no such store.
    """
    if kind != "embedded":
        raise ValueError(f"There is no store {kind!r}.")
    return EmbeddedStore(Path(settings.DATA_DIR) / "objects")
