"""Files in the portal."""

from vault.views.files import browse, chosen, deleted, restore, row, stored_object, upload, versions

__all__ = ["browse", "chosen", "deleted", "restore", "row", "stored_object", "upload", "versions"]
