"""Files in the portal."""

from vault.views.credentials import credentials, new_credentials, revoke_credentials
from vault.views.diff import diff
from vault.views.files import browse, chosen, deleted, restore, row, stored_object, upload, versions
from vault.views.preview import preview
from vault.views.search import search
from vault.views.uploads import begin as begin_upload
from vault.views.uploads import complete as complete_upload
from vault.views.uploads import give_up as give_up_upload
from vault.views.uploads import parts as upload_parts
from vault.views.uploads import state as upload_state

__all__ = [
    "begin_upload",
    "browse",
    "chosen",
    "complete_upload",
    "credentials",
    "deleted",
    "diff",
    "give_up_upload",
    "new_credentials",
    "preview",
    "restore",
    "revoke_credentials",
    "row",
    "search",
    "stored_object",
    "upload",
    "upload_parts",
    "upload_state",
    "versions",
]
