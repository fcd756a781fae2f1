"""Reads of objects. Each asks the gate, and gives what the actor reaches: everything, or what access rules open."""

from vault.selectors.credentials import (
    bucket_name_of,
    count_live_credentials,
    get_credentials,
    list_credentials,
)
from vault.selectors.deleted import find_restorable, kept_until, list_deleted, position_of_deleted
from vault.selectors.lists import Entry, Folder, NotOurCursor, Totals, count_below, list_objects, position
from vault.selectors.objects import (
    BucketStats,
    NoBucket,
    bucket_stats,
    current_of,
    find_object,
    find_objects,
    folder_of,
    get_bucket,
    get_object,
    get_object_at_once,
    list_versions,
    objects_of,
    refuse_links,
    version_of,
)
from vault.selectors.reach import Reach, lies_in, reach_of, require_each
from vault.selectors.search import Found, NoSuchName, search_objects
from vault.selectors.uploads import get_upload, list_uploads, locate_upload, open_uploads, uploads_of

__all__ = [
    "BucketStats",
    "Entry",
    "Folder",
    "Found",
    "NoBucket",
    "NoSuchName",
    "NotOurCursor",
    "Reach",
    "Totals",
    "bucket_name_of",
    "bucket_stats",
    "count_below",
    "count_live_credentials",
    "current_of",
    "find_object",
    "find_objects",
    "find_restorable",
    "folder_of",
    "get_bucket",
    "get_credentials",
    "get_object",
    "get_object_at_once",
    "get_upload",
    "kept_until",
    "lies_in",
    "list_credentials",
    "list_deleted",
    "list_objects",
    "list_uploads",
    "list_versions",
    "locate_upload",
    "objects_of",
    "open_uploads",
    "position",
    "position_of_deleted",
    "reach_of",
    "refuse_links",
    "require_each",
    "search_objects",
    "uploads_of",
    "version_of",
]
