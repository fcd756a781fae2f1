"""Tables of the vault: what a tenant stores, what is on its way there, and what programs come with."""

from vault.models.credentials import StorageCredential
from vault.models.objects import DEFAULT_TYPE, EMBEDDED, Blob, Bucket, ObjectVersion, StoredObject
from vault.models.parts import DoorPart
from vault.models.uploads import Upload

__all__ = [
    "DEFAULT_TYPE",
    "EMBEDDED",
    "Blob",
    "Bucket",
    "DoorPart",
    "ObjectVersion",
    "StorageCredential",
    "StoredObject",
    "Upload",
]
